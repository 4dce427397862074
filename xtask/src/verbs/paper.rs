//! `cargo xtask paper`: the PDF, from the text in the checkout and what the analysis generated.

use super::analyze::{self, Output};
use anyhow::{Context, Result};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use weighbridge_project::build_step;
use weighbridge_project::exit::{Exit, LackingError};
use weighbridge_project::files;
use weighbridge_project::inputs::Inputs;
use weighbridge_project::process::{check, command, lines, shown};
use weighbridge_project::progress::Progress;
use weighbridge_project::project::Project;
use weighbridge_project::runs;
use weighbridge_project::typed_numbers;
use weighbridge_setup::provide;
use weighbridge_setup::{Need, Setup};

const BUILD_STEP: &str = "paper";
/// What the text consists of, relative to `paper/`.
const SOURCES: &[&str] = &["main.tex", "references.bib", "sections", "history"];

/// The verb: analyses first, where that has not been done.
///
/// # Errors
/// TeX is missing (exit code 3), or LaTeX failed; the message holds its first complaint.
pub fn run(
    project: &Project,
    named: Option<&Path>,
    force: bool,
    progress: &Progress,
) -> Result<Exit> {
    let setup = provide(project, &[Need::Tex], progress)?;
    let folder = analyze::choose(project, named)?;
    let output = Output::of_paper(project);
    let exit = analyze::build_step(project, &folder, &output, missing(&setup), force, progress)?;
    renew_picture(project, &folder, &output)?;
    if let Some(reason) = missing(&setup) {
        let remedy = setup.missing().map(|(_, _, remedy)| remedy.to_owned()).next();
        return Err(LackingError {
            what: format!(
                "TeX ({reason}); figures and tables are in paper/generated, the report in report/"
            ),
            remedy: remedy.unwrap_or_else(|| "cargo xtask setup".to_owned()),
        }
        .into());
    }
    build_step(project, &output, force, progress)?;
    println!("{}", project.shown(&output.pdf));
    Ok(exit)
}

/// README's picture is of the published run, and of no other.
fn renew_picture(project: &Project, folder: &Path, output: &Output) -> Result<()> {
    let whole =
        |path: &Path| path.canonicalize().with_context(|| format!("look up {}", path.display()));
    let published = runs::published(project)?.map(|published| whole(&published)).transpose()?;
    if published != Some(whole(folder)?) {
        return Ok(());
    }
    let made = output.report.join("figures/cold-start.svg");
    let bytes = std::fs::read(&made).with_context(|| format!("read {}", made.display()))?;
    files::write(&project.path("docs/cold-start.svg"), &bytes)
}

/// Why there will be no PDF; `None` when TeX is there.
#[must_use]
pub fn missing(setup: &Setup) -> Option<&str> {
    setup.missing().find(|(need, _, _)| *need == Need::Tex).map(|(_, reason, _)| reason)
}

/// The stage: runs latexmk in a folder of its own, so that nothing but the PDF appears in the checkout.
///
/// # Errors
/// A source is missing or LaTeX failed.
pub fn build_step(
    project: &Project,
    output: &Output,
    force: bool,
    progress: &Progress,
) -> Result<()> {
    for line in typed_numbers::found(project)? {
        progress.note(&format!("warning: {line}"));
    }
    let Output { generated, pdf, .. } = output;
    let name = build_step::of(BUILD_STEP, &pdf.to_string_lossy());
    let inputs = SOURCES
        .iter()
        .try_fold(Inputs::default().word(&pdf.to_string_lossy()), |inputs, source| {
            inputs.path(&project.path("paper"), source)
        })?
        .path(generated, "")?
        .digest();
    if !force && build_step::fresh(project, &name, &inputs).is_some() {
        progress.skipped("paper", "text and numbers are unchanged");
        return Ok(());
    }
    progress.begin("paper", 0);
    let made = typeset(project, generated).inspect_err(|_| progress.abandon())?;
    let bytes = std::fs::read(&made).with_context(|| format!("read {}", made.display()))?;
    files::write(pdf, &bytes)?;
    progress.end(&project.shown(pdf));
    let log = std::fs::read(made.with_extension("log")).unwrap_or_default();
    for label in unresolved(&String::from_utf8_lossy(&log)) {
        progress.note(&format!("  the paper refers to {label}, which is on no page of it"));
    }
    build_step::done(project, &name, &inputs, std::slice::from_ref(pdf), "typeset")
}

fn typeset(project: &Project, generated: &Path) -> Result<PathBuf> {
    let folder = project.target.join("weighbridge/paper");
    files::remove(&folder)?;
    files::make_folder(&folder)?;
    for source in SOURCES {
        files::copy(&project.path("paper").join(source), &folder.join(source))?;
    }
    files::copy(generated, &folder.join("generated"))?;
    let mut latexmk = command("latexmk");
    latexmk.current_dir(&folder);
    // A user's own settings of latexmk are for the user's own texts.
    latexmk.args([
        "-norc",
        "-pdf",
        "-interaction=nonstopmode",
        "-halt-on-error",
        "-silent",
        "main.tex",
    ]);
    // The same inputs give the same PDF: no date of today's in it.
    latexmk.env("SOURCE_DATE_EPOCH", "0").env("FORCE_SOURCE_DATE", "1");
    latexmk.stderr(std::process::Stdio::null());
    let text = shown(&latexmk);
    let status = lines(&mut latexmk, |_| ())?;
    check(&text, status).with_context(|| complaint(&folder.join("main.log")))?;
    Ok(folder.join("main.pdf"))
}

/// What LaTeX has found no label of. It may lose a float without another word.
fn unresolved(log: &str) -> BTreeSet<&str> {
    let named = log.split("Warning: Reference `").skip(1).filter_map(|rest| rest.split_once('\''));
    let is_lost = |after: &str| after.lines().take(2).any(|line| line.contains("undefined"));
    named.filter(|(_, after)| is_lost(after)).map(|(label, _)| label).collect()
}

/// The first error in LaTeX's log, with the lines that say where.
fn complaint(log: &Path) -> String {
    let bytes = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let first: Vec<&str> = text.lines().skip_while(|line| !line.starts_with('!')).take(6).collect();
    format!("LaTeX: {} (the whole log: {})", first.join(" / "), log.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_to_what_is_on_no_page_is_named_once() {
        let log = "LaTeX Warning: Reference `tab:lost' on page 18 undefined on input line \n442.\n\n\
                   LaTeX Warning: Reference `tab:lost' on page 20 undefined on input line 9.\n";
        assert_eq!(unresolved(log), BTreeSet::from(["tab:lost"]));
        assert!(unresolved("LaTeX Font Warning: undefined shape").is_empty());
    }
}

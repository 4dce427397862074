//! `cargo xtask analyze`: from raw logs to tables, figures, numbers and the report.

use super::calibrate;
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use weighbridge_build::tools;
use weighbridge_project::build_step;
use weighbridge_project::claims;
use weighbridge_project::exit::{Exit, ReportedError};
use weighbridge_project::inputs::Inputs;
use weighbridge_project::process::{command, with_events};
use weighbridge_project::progress::Progress;
use weighbridge_project::project::Project;
use weighbridge_project::questions::{Kind, Questions};
use weighbridge_project::runs::{self, RunLine, State};
use weighbridge_schema::parse::nearest;

const BUILD_STEP: &str = "analyze";
/// The stage's result when every check and claim holds or is undecided.
const HOLDS: &str = "holds";

/// The folder in a run's own that holds what was made of its raw log.
pub const REPORT: &str = "report";

/// Where the analysis puts what it makes.
#[derive(Debug, Clone)]
pub struct Output {
    /// Tables, figures and numbers for the paper.
    pub generated: PathBuf,
    /// The report in HTML.
    pub report: PathBuf,
    /// The paper, where one is made.
    pub pdf: PathBuf,
}

impl Output {
    /// The paper of the checkout. It is replaced only by what says so: `cargo xtask paper`,
    /// `--paper`, and an `all` of everything.
    #[must_use]
    pub fn of_paper(project: &Project) -> Self {
        Self {
            generated: project.path("paper/generated"),
            report: project.path("report"),
            pdf: project.path("paper/weighbridge.pdf"),
        }
    }

    /// Beside the raw log of a run: each run keeps its own.
    #[must_use]
    pub fn of_run(folder: &Path) -> Self {
        let report = folder.join(REPORT);
        Self { generated: report.join("generated"), pdf: report.join("weighbridge.pdf"), report }
    }

    /// Of the paper where that was requested, else of the run.
    #[must_use]
    pub fn choose(project: &Project, folder: &Path, is_paper: bool) -> Self {
        if is_paper { Self::of_paper(project) } else { Self::of_run(folder) }
    }
}

/// The run to analyse: the one named, else the newest, else the published one.
///
/// # Errors
/// There is none.
pub fn choose(project: &Project, named: Option<&Path>) -> Result<PathBuf> {
    if let Some(path) = named {
        return find(project, path);
    }
    if let Some(newest) = runs::complete(project)?.pop() {
        return Ok(newest);
    }
    runs::published(project)?.context(
        "there is no run yet: `cargo xtask run` makes one, `cargo xtask all` does everything",
    )
}

/// So many runs are named where one was not found: the newest.
const NAMED_MAX: usize = 5;

/// A run by its folder or by its name, in `results/` or among the published ones.
fn find(project: &Project, named: &Path) -> Result<PathBuf> {
    let published = project.path("paper/data").join(named);
    let candidates = [named.to_owned(), project.results().join(named), published];
    let is_run = |candidate: &&PathBuf| candidate.join("manifest.json").is_file();
    if let Some(found) = candidates.iter().find(is_run) {
        return Ok(found.clone());
    }
    let runs = runs::all(project)?;
    let name = named.file_name().unwrap_or(named.as_os_str()).to_string_lossy();
    if let Some(unfinished) =
        runs.iter().find(|run| run.state == State::Unfinished && run.name == name)
    {
        bail!(
            "{name} is not complete: resume it first, cargo xtask run --resume {name} (or name its folder, {})",
            unfinished.folder
        );
    }
    let shown = named.display();
    let names = || runs.iter().map(|run| run.name.as_str());
    if let Some(near) = nearest(&name, names()) {
        bail!("{shown} is not a run: it has no manifest.json; did you mean `{near}`?");
    }
    match names().rev().take(NAMED_MAX).collect::<Vec<_>>().as_slice() {
        [] => bail!("{shown} is not a run: it has no manifest.json; there is no run yet"),
        newest => bail!(
            "{shown} is not a run: it has no manifest.json; there are: {} (cargo xtask list runs shows all)",
            newest.join(", ")
        ),
    }
}

/// The verb.
///
/// # Errors
/// There is no run, or its raw log is damaged; the message names file and line.
pub fn run(
    project: &Project,
    named: Option<&Path>,
    is_paper: bool,
    force: bool,
    progress: &Progress,
) -> Result<Exit> {
    let folder = choose(project, named)?;
    let output = Output::choose(project, &folder, is_paper);
    let exit = build_step(project, &folder, &output, None, force, progress)?;
    println!("{}\n", summary(&output)?);
    println!("report: {}", project.shown(&output.report.join("index.html")));
    println!("figures: {}", project.shown(&output.generated));
    // A question of somebody's own has no place in the paper of this project.
    if is_of_the_paper(project, &folder)? {
        println!("to put it into the paper: cargo xtask paper {}", project.shown(&folder));
    }
    Ok(exit)
}

/// Whether a run asks nothing but what the paper has a place for.
fn is_of_the_paper(project: &Project, folder: &Path) -> Result<bool> {
    let named = |run: &RunLine| project.root.join(&run.folder) == *folder;
    let run =
        runs::all(project)?.into_iter().find(|run| named(run) || Path::new(&run.folder) == folder);
    let questions = Questions::read(project)?;
    let is_usual = |name: &String| {
        let mut usual = questions.experiments.iter().filter(|one| one.kind == Kind::Usual);
        usual.any(|one| one.definition.experiment.as_str() == name)
    };
    // A run from elsewhere is not listed; its definitions are most likely ours.
    Ok(run.is_none_or(|run| run.experiments.iter().all(is_usual)))
}

/// The table of medians, ratios and verdicts, as the terminal shows it.
///
/// # Errors
/// The analysis has not written it.
pub fn summary(output: &Output) -> Result<String> {
    text_of(&output.generated.join("summary.txt"))
}

fn text_of(file: &Path) -> Result<String> {
    let text = std::fs::read_to_string(file).with_context(|| format!("read {}", file.display()))?;
    // The first line says which command generated the file: a reader of the screen has just typed it.
    let lines: Vec<&str> = text.lines().skip_while(|line| line.starts_with('%')).collect();
    Ok(lines.join("\n").trim().to_owned())
}

/// Verdicts, the first numbers and how much is missing, as `all` ends with.
///
/// # Errors
/// The analysis has not written it.
pub fn brief(output: &Output) -> Result<String> {
    text_of(&output.generated.join("brief.txt"))
}

/// The run that the analysis has last written there; `None` when there is none.
fn run_of(output: &Output) -> Option<String> {
    let text = std::fs::read_to_string(output.generated.join("summary.json")).ok()?;
    let summary: serde_json::Value = serde_json::from_str(&text).ok()?;
    Some(summary["run"].as_str()?.to_owned())
}

/// The stage: skipped when neither the raw logs nor the analysis have changed.
/// `pdf_missing` says why there will be no PDF, where that is known.
///
/// # Errors
/// As [`run`].
pub fn build_step(
    project: &Project,
    folder: &Path,
    output: &Output,
    pdf_missing: Option<&str>,
    force: bool,
    progress: &Progress,
) -> Result<Exit> {
    let (program, digest) = tools::ensure(project, tools::ANALYSIS, progress)?;
    let calibration = calibrate::newest(project);
    let calibrated = calibration.as_ref().map(std::fs::read_to_string).transpose();
    let inputs = Inputs::default()
        .word(&folder.to_string_lossy())
        .word(&output.generated.to_string_lossy())
        .word(&digest)
        .word(pdf_missing.unwrap_or_default())
        .word(&calibrated.context("read the calibration")?.unwrap_or_default())
        .folder_without(folder, &[REPORT])?
        .path(&project.root, "analysis/claims.toml")?
        .digest();
    let name = build_step::of(BUILD_STEP, &output.generated.to_string_lossy());
    if !force && let Some(stamp) = build_step::fresh(project, &name, &inputs) {
        progress.skipped("analyze", &format!("{} is unchanged", project.shown(folder)));
        return Ok(if stamp.result == HOLDS { Exit::Done } else { Exit::DoesNotHold });
    }
    if let Some(before) = run_of(output).filter(|before| !folder.ends_with(before)) {
        progress.note(&format!("  {} was of {before}", project.shown(&output.generated)));
    }
    let mut analysis = command(&program);
    analysis.current_dir(&project.root).arg("render").arg("--run").arg(folder);
    analysis.arg("--output").arg(&output.generated).arg("--report").arg(&output.report);
    analysis.arg("--claims").arg(claims::file(project));
    analysis.args(["--progress", "json"]);
    if let Some(calibration) = &calibration {
        analysis.arg("--calibration").arg(calibration);
    }
    analysis.arg("--pdf").arg(&output.pdf);
    if let Some(why) = pdf_missing {
        analysis.args(["--pdf-missing", why]);
    }
    let (_, code) = with_events(&mut analysis, progress).inspect_err(|_| progress.abandon())?;
    if !matches!(code, 0 | 1) {
        progress.abandon();
        return Err(ReportedError { code: u8::try_from(code).unwrap_or(2) }.into());
    }
    progress.end("done");
    let outputs = [output.generated.join("numbers.tex"), output.report.join("index.html")];
    let (exit, result) =
        if code == 0 { (Exit::Done, HOLDS) } else { (Exit::DoesNotHold, "does not hold") };
    build_step::done(project, &name, &inputs, &outputs, result)?;
    Ok(exit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_found_by_its_name_and_what_is_none_is_answered_with_the_nearest() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().to_owned();
        let project = Project {
            state: root.join("state"),
            target: root.join("target"),
            build: root.join("target"),
            assume_yes: true,
            root,
        };
        let reported = |name: &str| find(&project, Path::new(name)).unwrap_err().to_string();
        assert!(reported("nope").ends_with("there is no run yet"), "{}", reported("nope"));
        let runs = [
            "paper/data/2026-11-21T22-09-42Z-quick",
            "results/2026-11-29T10-40-55Z-quick",
            "results/2026-11-29T12-00-00Z-smoke.partial",
        ];
        for run in runs {
            std::fs::create_dir_all(project.path(run)).unwrap();
            std::fs::write(project.path(run).join("manifest.json"), "{}").unwrap();
        }
        for (name, run) in
            [("2026-11-21T22-09-42Z-quick", runs[0]), ("2026-11-29T10-40-55Z-quick", runs[1])]
        {
            assert_eq!(find(&project, Path::new(name)).unwrap(), project.path(run));
        }
        let typo = reported("2026-11-29T10-40-55Z-qick");
        assert!(typo.ends_with("did you mean `2026-11-29T10-40-55Z-quick`?"), "{typo}");
        let partial = reported("2026-11-29T12-00-00Z-smoke");
        assert!(
            partial.contains("cargo xtask run --resume 2026-11-29T12-00-00Z-smoke"),
            "{partial}"
        );
        assert!(
            reported("zzz").contains("; there are: 2026-11-29T12-00-00Z-smoke, "),
            "{}",
            reported("zzz")
        );
    }
}

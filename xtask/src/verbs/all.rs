//! `cargo xtask all`: set up, build, measure, analyse, write the paper.

use super::analyze::{self, Output};
use super::{paper, run as measure};
use crate::requested;
use anyhow::Result;
use weighbridge_build::{artifacts, forecast, tools};
use weighbridge_project::exit::Exit;
use weighbridge_project::failures;
use weighbridge_project::machine_lock;
use weighbridge_project::progress::Progress;
use weighbridge_project::project::Project;
use weighbridge_schema::request::RunRequest;
use weighbridge_setup::{Need, Setup, provide};

/// The verb.
///
/// # Errors
/// A stage failed; the message says which and what to do.
pub fn run(
    project: &Project,
    choice: &RunRequest,
    is_paper: bool,
    force: bool,
    progress: &Progress,
) -> Result<Exit> {
    requested::check(project, choice)?;
    requested::check_installed(project, choice)?;
    // Before set-up: nothing is set up or built beside somebody's run, and no two runs start engines.
    let _lock = machine_lock::to_measure()?;
    // Set-up mostly downloads, and the measured programs' links leave half of a machine idle.
    let runner = tools::begin(project, tools::RUNNER)?;
    let needs = Need::with_foreign(Need::ALL_BUT_TESTS, &choice.arch);
    let setup = provide(project, &needs, progress)?;
    if let Some(line) = forecast::line(project, &setup, &choice.arch, force)? {
        progress.note(&line);
    }
    let artifacts = artifacts::artifacts(project, &setup, &choice.arch, force, progress)?;
    // Built by now: nothing of it is to run beside what is measured.
    drop(runner);
    let folder = measure::build_step(project, &setup, &artifacts, choice, force, progress)?;
    let output = Output::choose(project, &folder, is_paper || !choice.is_narrow());
    let pdf_missing = paper::missing(&setup);
    let exit = analyze::build_step(project, &folder, &output, pdf_missing, force, progress)?;
    match pdf_missing {
        None => paper::build_step(project, &output, force, progress)?,
        Some(why) => progress.skipped("paper", why),
    }

    println!("\n{}", analyze::brief(&output)?);
    if pdf_missing.is_none() {
        println!("paper     {}", project.shown(&output.pdf));
    }
    println!("report    {}", project.shown(&output.report.join("index.html")));
    println!("numbers   {}/: summary.txt, tables, figures", project.shown(&output.generated));
    println!("raw logs  {}", project.shown(&folder));
    if let Some(line) = lacking(&setup) {
        println!("{line}");
    }
    if let Some(failed) = failures::of(&folder)? {
        println!("{failed}: the raw log says why");
        return Ok(Exit::DoesNotHold);
    }
    Ok(exit)
}

/// What set-up could not get, in one line; `doctor` says why and what would get it.
fn lacking(setup: &Setup) -> Option<String> {
    let needs: Vec<String> = setup.missing().map(|(need, _, _)| need.to_string()).collect();
    (!needs.is_empty()).then(|| {
        format!(
            "missing   {} (cargo xtask doctor says why, and what would get it)",
            needs.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use weighbridge_setup::{Outcome, Provision, SCHEMA_VERSION};

    #[test]
    fn what_is_missing_takes_one_line() {
        let missing = |need| Provision {
            need,
            outcome: Outcome::Missing { reason: "no".to_owned(), remedy: "x".to_owned() },
            passed_over: Vec::new(),
        };
        let mut setup = Setup {
            schema_version: SCHEMA_VERSION,
            provisions: Vec::new(),
            targets: std::collections::BTreeMap::new(),
        };
        assert_eq!(lacking(&setup), None);
        setup.provisions = vec![missing(Need::Tex), missing(Need::Podman)];
        let line = lacking(&setup).unwrap();
        assert!(line.starts_with("missing   TeX, Podman (cargo xtask doctor"), "{line}");
    }
}

//! `cargo xtask all`: set up, build, measure, analyse, write the paper.

use super::analyze::{self, Output};
use super::run::Choice;
use super::{build, failures, paper, run as measure, setup};
use crate::exit::Exit;
use crate::machine_lock;
use crate::progress::Progress;
use crate::project::Project;
use crate::setup::Need;
use anyhow::{Context, Result};
use std::path::Path;
use weighbridge_schema::manifest::{Availability, Manifest};

/// The verb.
///
/// # Errors
/// A stage failed; the message says which and what to do.
pub fn run(project: &Project, choice: &Choice, force: bool, progress: &Progress) -> Result<Exit> {
    // First of all: nothing is set up or built beside somebody's run, and no two runs start engines.
    let _lock = machine_lock::to_measure()?;
    let needs = Need::with_foreign(Need::ALL_BUT_TESTS, &choice.arch);
    let setup = setup::provide(project, &needs, progress)?;
    let artifacts = build::artifacts(project, &setup, &choice.arch, force, progress)?;
    let folder = measure::stage(project, &setup, &artifacts, choice, force, progress)?;
    let output = Output::of(project);
    let pdf_missing = paper::missing(&setup);
    let exit = analyze::stage(project, &folder, &output, pdf_missing, force, progress)?;
    let pdf = project.path("paper/weighbridge.pdf");
    match pdf_missing {
        None => paper::stage(project, &output.generated, &pdf, force, progress)?,
        Some(why) => progress.skipped("paper", why),
    }

    println!("\n{}\n", analyze::summary(&output)?);
    if pdf_missing.is_none() {
        println!("paper     {}", project.shown(&pdf));
    }
    println!("report    {}", project.shown(&output.report.join("index.html")));
    println!("figures   {}", project.shown(&output.generated));
    println!("raw logs  {}", project.shown(&folder));
    for (need, reason, remedy) in setup.missing() {
        println!("missing   {need}: {reason}\n          to get it: {remedy}");
    }
    for line in not_installed(&folder)? {
        println!("{line}");
    }
    if let Some(failed) = failures::of(&folder)? {
        println!("{failed}: the raw log says why");
        return Ok(Exit::DoesNotHold);
    }
    Ok(exit)
}

/// The subjects that the run could not measure, each with what would get it.
fn not_installed(run: &Path) -> Result<Vec<String>> {
    let file = run.join("manifest.json");
    let text =
        std::fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))?;
    let manifest: Manifest =
        serde_json::from_str(&text).with_context(|| format!("parse {}", file.display()))?;
    let missing = manifest.subjects.iter().filter_map(|(name, entry)| {
        let Availability::NotInstalled { reason, remedy } = &entry.availability else {
            return None;
        };
        let remedy = remedy.as_deref().unwrap_or("cargo xtask doctor");
        Some(format!("missing   {name}: {reason}\n          to measure it: {remedy}"))
    });
    Ok(missing.collect())
}

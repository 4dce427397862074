//! A run that other machines measure: begun, or resumed.

use crate::fleet::blocks_count;
use crate::pack;
use crate::remote::{self, Host, Journal, Order};
use anyhow::{Context, Result, ensure};
use std::path::{Path, PathBuf};
use weighbridge_build::artifacts;
use weighbridge_project::progress::Progress;
use weighbridge_project::project::Project;
use weighbridge_schema::architecture::Architecture;
use weighbridge_schema::request::RunRequest;
use weighbridge_setup::{Need, provide};

/// Measures on other machines, if that was requested or the run to resume is measured there; else `None`.
///
/// # Errors
/// As [`remote::measure`].
pub fn measure(
    project: &Project,
    results: &Path,
    choice: &RunRequest,
    resume: Option<&str>,
    on: &[Host],
    progress: &Progress,
) -> Result<Option<PathBuf>> {
    if let Some(run) = resume {
        if Journal::exists(results, run) {
            return remote::resume(results, run, progress).map(Some);
        }
        ensure!(on.is_empty(), "run {run} was not begun elsewhere: leave --on out");
    }
    if on.is_empty() {
        return Ok(None);
    }
    let requested = choice.architectures();
    let mut arguments = choice.clone();
    // Which machine visits what is decided when they have said what they are.
    arguments.arch.clear();
    let order = Order {
        results,
        run: &pack::run_name(choice.profile)?,
        hosts: on,
        arguments: &arguments.arguments(),
        requested: &requested,
        blocks_count: blocks_count(project, &choice.experiments, choice.profile)?,
        revision: pack::revision(project),
    };
    let mut kit_of = |own: &str| {
        let known = Architecture::ALL.into_iter().find(|one| one.name() == own);
        let own = known.with_context(|| format!("nothing can be built for {own}"))?;
        let mut all = choice.arch.clone();
        all.push(own);
        let setup = provide(project, &Need::with_foreign(artifacts::NEEDS, &all), progress)?;
        artifacts::artifacts(project, &setup, &all, false, progress)?;
        pack::kit(project, &setup, own, &all, progress)
    };
    remote::measure(&order, &mut kit_of, progress).map(Some)
}

//! What measuring on other machines needs from this one: a name for the run, the bundle, the state of the checkout.

use super::run::Mode;
use super::setup::toolchain;
use super::{build, tools};
use crate::architecture::Architecture;
use crate::bundle::{Bundle, Contents};
use crate::fleet::blocks_count;
use crate::process::command;
use crate::progress::Progress;
use crate::project::Project;
use crate::remote::{self, Journal, Order};
use crate::setup::{Need, Setup};
use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use std::path::{Path, PathBuf};
use weighbridge_schema::definition::Profile;
use weighbridge_schema::manifest::Revision;
use weighbridge_schema::request::RunRequest;

/// Measures on other machines, if that was asked for or the run to go on with is measured there; else `None`.
///
/// # Errors
/// As [`remote::measure`].
pub fn run(
    project: &Project,
    results: &Path,
    choice: &RunRequest,
    mode: &Mode,
    progress: &Progress,
) -> Result<Option<PathBuf>> {
    if let Some(run) = &mode.resume {
        if Journal::exists(results, run) {
            return remote::resume(results, run, progress).map(Some);
        }
        ensure!(mode.on.is_empty(), "run {run} was not begun elsewhere: leave --on out");
    }
    if mode.on.is_empty() {
        return Ok(None);
    }
    let asked = choice.architectures();
    let mut arguments = choice.clone();
    // Which machine visits what is decided when they have said what they are.
    arguments.arch.clear();
    let order = Order {
        results,
        run: &run_name(choice.profile)?,
        hosts: &mode.on,
        arguments: &arguments.arguments(),
        asked: &asked,
        blocks_count: blocks_count(project, &choice.experiments, &choice.profile.to_string())?,
        revision: revision(project),
    };
    let mut bundle_of = |own: &str| {
        let own = Architecture::from_str(own, false).map_err(anyhow::Error::msg)?;
        let mut all = choice.arch.clone();
        all.push(own);
        let setup =
            super::setup::provide(project, &Need::with_foreign(build::NEEDS, &all), progress)?;
        build::artifacts(project, &setup, &all, false, progress)?;
        bundle(project, &setup, own, &all, progress)
    };
    remote::measure(&order, &mut bundle_of, progress).map(Some)
}

/// Packs what a machine of `own` needs to measure `architectures`, as far as they were built.
///
/// # Errors
/// The runner cannot be built for it.
pub fn bundle(
    project: &Project,
    setup: &Setup,
    own: Architecture,
    architectures: &[Architecture],
    progress: &Progress,
) -> Result<Bundle> {
    let is_ours = own.name() == std::env::consts::ARCH;
    let need = if is_ours { Need::StaticNative } else { Need::static_foreign(own) };
    let runner = match toolchain(setup, need) {
        Ok(toolchain) => tools::static_runner(project, toolchain, progress)?,
        Err(lacking) if is_ours => {
            progress.note(&format!(
                "the runner is linked against this machine's libraries, which a machine of another \
                 distribution may lack: {lacking}"
            ));
            tools::ensure(project, tools::RUNNER, progress)?.0
        }
        Err(lacking) => return Err(lacking),
    };
    let folder = |one: &Architecture| project.artifacts().with_file_name(one.name());
    let is_wanted = |one: &Architecture| *one == own || architectures.contains(one);
    let wanted = Architecture::ALL.iter().filter(|one| is_wanted(one)).map(folder);
    let artifacts: Vec<PathBuf> = wanted.filter(|p| p.join("artifacts.json").is_file()).collect();
    ensure!(artifacts.contains(&folder(&own)), "nothing was built for {own}");
    progress.begin("pack runner, artifacts and questions", 0);
    let packed = Contents { root: project.root.clone(), runner, artifacts }
        .pack(&project.state.join("bundles"))
        .inspect_err(|_| progress.abandon())?;
    progress.end("done");
    Ok(packed)
}

/// The name of a run that begins now, as the runner would give it.
///
/// # Errors
/// The machine has no `date`.
pub fn run_name(profile: Profile) -> Result<String> {
    let mut date = command("date");
    date.args(["-u", "+%Y-%m-%dT%H-%M-%SZ"]);
    let output = date.output().context("run `date`")?;
    Ok(format!("{}-{profile}", String::from_utf8_lossy(&output.stdout).trim()))
}

/// Commit and dirtiness of the checkout; `None` where that is not known: the run's own manifest
/// says why.
#[must_use]
pub fn revision(project: &Project) -> Option<Revision> {
    weighbridge_machine::checkout::revision(&project.root).ok()
}

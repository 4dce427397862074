//! What measuring on other machines needs from this one: a name for the run, the bundle, the state of the checkout.

use crate::bundle::{Bundle, Contents};
use anyhow::{Context, Result, ensure};
use std::path::PathBuf;
use weighbridge_build::tools;
use weighbridge_project::process::command;
use weighbridge_project::progress::Progress;
use weighbridge_project::project::Project;
use weighbridge_schema::architecture::Architecture;
use weighbridge_schema::definition::Profile;
use weighbridge_schema::manifest::Revision;
use weighbridge_setup::{Need, Setup, toolchain};

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

/// A bundle for the nodes of each architecture; each holds the artifacts of all, should its cells be emulated.
///
/// # Errors
/// There is none that could be made.
pub fn for_nodes(
    project: &Project,
    setup: &Setup,
    nodes: &[Architecture],
    architectures: &[Architecture],
    progress: &Progress,
) -> Result<Vec<(String, Bundle)>> {
    let mut all = nodes.to_vec();
    // This machine's own: a node of its kind can emulate the others.
    all.extend(Architecture::ALL.iter().filter(|one| one.name() == std::env::consts::ARCH));
    all.sort();
    all.dedup();
    let mut made = Vec::new();
    for own in all {
        match bundle(project, setup, own, architectures, progress) {
            Ok(bundle) => made.push((own.name().to_owned(), bundle)),
            Err(error) => progress.note(&format!("  no bundle for nodes of {own}: {error:#}")),
        }
    }
    ensure!(!made.is_empty(), "there is nothing to hand to the nodes");
    Ok(made)
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

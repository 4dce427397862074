//! What measuring on other machines needs from this one: a name for the run, the kit, the state of the checkout.

use crate::kit::{Contents, Kit};
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

/// Packs what a machine of `architecture` needs to measure `architectures`, as far as they were built.
///
/// # Errors
/// The runner cannot be built for it.
pub fn kit(
    project: &Project,
    setup: &Setup,
    architecture: Architecture,
    architectures: &[Architecture],
    progress: &Progress,
) -> Result<Kit> {
    let is_ours = architecture.name() == std::env::consts::ARCH;
    let need = if is_ours { Need::StaticNative } else { Need::static_foreign(architecture) };
    let runner = match toolchain(setup, need) {
        Ok(toolchain) => tools::static_program(project, tools::RUNNER, toolchain, progress)?,
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
    let is_wanted = |one: &Architecture| *one == architecture || architectures.contains(one);
    let wanted = Architecture::ALL.iter().filter(|one| is_wanted(one)).map(folder);
    let artifacts: Vec<PathBuf> = wanted.filter(|p| p.join("artifacts.json").is_file()).collect();
    ensure!(artifacts.contains(&folder(&architecture)), "nothing was built for {architecture}");
    progress.begin("pack runner, artifacts and questions", 0);
    let packed = Contents { root: project.root.clone(), runner, artifacts }
        .pack(&project.state.join("bundles"))
        .inspect_err(|_| progress.abandon())?;
    progress.end("done");
    Ok(packed)
}

/// A kit for the nodes of each architecture; each holds the artifacts of all, should its cells be emulated.
///
/// # Errors
/// There is none that could be made.
pub fn for_nodes(
    project: &Project,
    setup: &Setup,
    nodes: &[Architecture],
    architectures: &[Architecture],
    progress: &Progress,
) -> Result<Vec<(String, Kit)>> {
    let mut all = nodes.to_vec();
    // This machine's own: a node of its kind can emulate the others.
    all.extend(Architecture::ALL.iter().filter(|one| one.name() == std::env::consts::ARCH));
    all.sort();
    all.dedup();
    let mut made = Vec::new();
    for architecture in all {
        match kit(project, setup, architecture, architectures, progress) {
            Ok(kit) => made.push((architecture.name().to_owned(), kit)),
            Err(error) => {
                progress.note(&format!("  no kit for nodes of {architecture}: {error:#}"));
            }
        }
    }
    ensure!(!made.is_empty(), "no kit was made for any node");
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

//! `cargo xtask build`: the measured artifacts, an example, or everything twice to compare.

use anyhow::Result;
use weighbridge_build::artifacts::{NEEDS, artifacts, folders, require};
use weighbridge_build::{example, record, reproducible, tools};
use weighbridge_project::exit::Exit;
use weighbridge_project::machine_lock;
use weighbridge_project::progress::Progress;
use weighbridge_project::project::Project;
use weighbridge_schema::architecture::Architecture;
use weighbridge_setup::{Need, provide};

/// What to build.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Choice {
    /// Architectures, separated by commas; this machine's own is always built, because its compiler
    /// compiles the Wasm modules of all.
    #[arg(long, value_delimiter = ',', value_name = "ARCH")]
    pub arch: Vec<Architecture>,
    /// Build even when nothing has changed.
    #[arg(long)]
    pub force: bool,
    /// Build twice from copies in different folders, and say of each artifact whether it came out the same.
    #[arg(long, conflicts_with = "force")]
    pub check_reproducible: bool,
    /// Build this example and nothing else: a folder below examples/.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["arch", "force", "check_reproducible"])]
    pub example: Option<String>,
}

/// The verb.
///
/// # Errors
/// A target is missing (exit code 3) or the build failed.
pub fn run(project: &Project, choice: &Choice, progress: &Progress) -> Result<Exit> {
    // What is built beside a run is measured with it.
    let _lock = machine_lock::to_build()?;
    if let Some(name) = &choice.example {
        return example::run(project, name, progress);
    }
    let needs = Need::with_foreign(NEEDS, &choice.arch);
    if choice.check_reproducible {
        return reproducible::run(project, &choice.arch, &needs, progress);
    }
    let _runner = tools::begin(project, tools::RUNNER)?;
    let setup = provide(project, &needs, progress)?;
    require(&setup, &choice.arch)?;
    let local = artifacts(project, &setup, &choice.arch, choice.force, progress)?;
    record::show(&folders(&local, &choice.arch))?;
    Ok(Exit::Done)
}

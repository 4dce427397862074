//! `cargo xtask fleet`: measure on a cluster.

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use weighbridge_build::{artifacts, tools};
use weighbridge_elsewhere::fleet::{self, Batch, Fleet};
use weighbridge_elsewhere::pack;
use weighbridge_project::exit::Exit;
use weighbridge_project::files;
use weighbridge_project::process::command;
use weighbridge_project::progress::Progress;
use weighbridge_project::project::Project;
use weighbridge_schema::architecture::Architecture;
use weighbridge_schema::request::RunRequest;
use weighbridge_setup::{Need, provide};

/// What to do with a fleet.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum Verb {
    /// Build, write the job arrays and hand them to Slurm.
    #[command(
        after_help = "Examples:\n  cargo xtask fleet submit --profile paper --dir /shared/weighbridge\n  \
        cargo xtask fleet submit latency --sbatch=--account=me"
    )]
    Submit(Box<Submit>),
    /// Say how far each element is, and what is left.
    #[command(after_help = "Example:\n  cargo xtask fleet status --dir /shared/weighbridge")]
    Status(Which),
    /// Merge what the nodes measured into one run in `results/`.
    #[command(after_help = "Example:\n  cargo xtask fleet collect --dir /shared/weighbridge")]
    Collect(Which),
}

/// What to submit.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Submit {
    /// What is measured.
    #[command(flatten)]
    pub choice: RunRequest,
    /// Slurm's partition; the cluster's default when none is given.
    #[arg(long)]
    pub partition: Option<String>,
    /// Blocks per element: what a node that does not come back costs. About ten elements when not given.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub block_size: Option<u32>,
    /// An additional option of sbatch, such as --sbatch=--account=me.
    #[arg(long = "sbatch", value_name = "OPTION", allow_hyphen_values = true)]
    pub options: Vec<String>,
    /// Folder that all nodes share; `fleet` in the state folder when not given.
    #[arg(long, value_name = "SHARED")]
    pub dir: Option<PathBuf>,
    /// Architectures of the nodes themselves, for a test; those that are measured when empty.
    #[arg(skip)]
    pub nodes: Vec<Architecture>,
    /// Write everything and hand nothing over.
    #[arg(long)]
    pub write_only: bool,
    /// Install missing packages without asking.
    #[arg(long)]
    pub yes: bool,
}

/// Which fleet.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Which {
    /// Its run; the newest when none is given.
    pub run: Option<String>,
    /// Folder that all nodes share, as it was given to `submit`.
    #[arg(long, value_name = "SHARED")]
    pub dir: Option<PathBuf>,
}

/// The verb.
///
/// # Errors
/// See [`submit`] and [`collect`].
pub fn run(project: &Project, verb: &Verb, progress: &Progress) -> Result<Exit> {
    match verb {
        Verb::Submit(what) => {
            let folder = submit(project, what, progress, slurm)?;
            println!("fleet: {}", folder.display());
            if what.write_only {
                println!("next: sbatch, once for each {}/*.sbatch", folder.display());
            } else {
                println!("next: cargo xtask fleet status{}", shown(what.dir.as_deref()));
            }
        }
        Verb::Status(which) => {
            let (folder, fleet) = find(project, which)?;
            let found = fleet::progress(&folder, &fleet, slurm)?;
            print!("{}{}", fleet::table(&found), fleet::again(&folder, &found));
        }
        Verb::Collect(which) => {
            let made = collect(project, which, &project.results(), slurm)?;
            println!("raw logs: {}", project.shown(&made));
            println!("next: cargo xtask analyze {}", project.shown(&made));
        }
    }
    Ok(Exit::Done)
}

fn shown(dir: Option<&Path>) -> String {
    dir.map(|dir| format!(" --dir {}", dir.display())).unwrap_or_default()
}

/// A program of the machine's own Slurm.
fn slurm(program: &str) -> Command {
    command(program)
}

fn fleets(project: &Project, dir: Option<&Path>) -> PathBuf {
    // Typed in the checkout: relative to it.
    dir.map_or_else(|| project.state.join("fleet"), |dir| project.root.join(dir))
}

fn find(project: &Project, which: &Which) -> Result<(PathBuf, Fleet)> {
    let folder = Fleet::find(&fleets(project, which.dir.as_deref()), which.run.as_deref())?;
    let fleet = Fleet::read(&folder)?;
    Ok((folder, fleet))
}

/// Writes a fleet and hands it to Slurm; `slurm` makes its programs. Returns the fleet's folder.
///
/// # Errors
/// A build failed, nothing is to be measured, or sbatch refused.
pub fn submit(
    project: &Project,
    what: &Submit,
    progress: &Progress,
    slurm: impl Fn(&str) -> Command,
) -> Result<PathBuf> {
    ensure!(
        what.choice.budget_ms.is_none(),
        "--budget is for one machine: the elements of a fleet measure what was planned"
    );
    crate::requested::check(project, &what.choice)?;
    let mut choice = what.choice.clone();
    if choice.arch.is_empty() {
        let architecture = Architecture::from_str(std::env::consts::ARCH, false);
        choice.arch.push(architecture.map_err(anyhow::Error::msg)?);
    }
    let needs = Need::with_foreign(artifacts::NEEDS, &choice.arch);
    let setup = provide(project, &needs, progress)?;
    let artifacts = artifacts::artifacts(project, &setup, &choice.arch, false, progress)?;
    let blocks_count = fleet::blocks_count(project, &choice.experiments, choice.profile)?;
    let plan = plan(project, &choice, &artifacts, progress)?;
    let nodes = if what.nodes.is_empty() { &choice.arch } else { &what.nodes };
    let kits = pack::for_nodes(project, &setup, nodes, &choice.arch, progress)?;
    let architectures = choice.architectures();
    // Each element says itself which architecture is its own.
    choice.arch.clear();
    let mut written = Fleet {
        run: pack::run_name(choice.profile)?,
        architectures,
        blocks_count,
        block_size: Fleet::size(what.block_size, blocks_count),
        arguments: choice.arguments(),
        revision: pack::revision(project),
        jobs: BTreeMap::new(),
    };
    let folder = fleets(project, what.dir.as_deref()).join(&written.run);
    let batch = Batch { partition: what.partition.clone(), options: what.options.clone() };
    fleet::write(&folder, &written, &kits, &batch)?;
    files::write(&folder.join("plan.json"), &plan)?;
    if !what.write_only {
        fleet::submit(&folder, &mut written, slurm)?;
    }
    Ok(folder)
}

/// The plan as this machine would have it: what it holds must be in the collected run.
fn plan(
    project: &Project,
    choice: &RunRequest,
    artifacts: &Path,
    progress: &Progress,
) -> Result<Vec<u8>> {
    let (runner, _) = tools::ensure(project, tools::RUNNER, progress)?;
    let file = project.state.join("fleet-plan.json");
    let mut planning = command(runner);
    planning.current_dir(&project.root).arg("run").args(choice.arguments());
    planning.arg("--artifacts").arg(artifacts).args(["--fixed", "--dry-run", "--write-manifest"]);
    planning.arg(&file);
    let output = planning.output().context("run the runner")?;
    let messages = String::from_utf8_lossy(&output.stderr);
    let error = messages.lines().find_map(|line| line.strip_prefix("error: "));
    ensure!(output.status.success(), "{}", error.unwrap_or(messages.trim()));
    let estimate = String::from_utf8_lossy(&output.stdout);
    if let Some(line) = estimate.lines().find(|line| line.contains("nothing was measured")) {
        progress
            .note(&format!("  {}", line.trim_end_matches("; nothing was measured (--dry-run)")));
    }
    std::fs::read(&file).with_context(|| format!("read {}", file.display()))
}

/// Merges a fleet into `results`; returns the run's folder.
///
/// # Errors
/// An element is not complete, or a planned trial is missing or double.
pub fn collect(
    project: &Project,
    which: &Which,
    results: &Path,
    slurm: impl Fn(&str) -> Command,
) -> Result<PathBuf> {
    let (folder, fleet) = find(project, which)?;
    let found = fleet::progress(&folder, &fleet, slurm)?;
    let merged = fleet::collect(&folder, &fleet, &found, results)?;
    for note in &merged.notes {
        eprintln!("note: {note}");
    }
    println!("{} observations of {} parts", merged.observations_count, found.len());
    Ok(merged.folder)
}

//! `cargo xtask test`: everything a change must pass, on a bare machine too; fast checks first.

use super::analyze::{self, Output};
use super::{kit, paper, run as measure, test_subjects};
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use weighbridge_build::{artifacts, tools};
use weighbridge_checks as checks;
use weighbridge_checks::{fuzz, independent, reference, report, whole_run};
use weighbridge_project::exit::Exit;
use weighbridge_project::files;
use weighbridge_project::machine_lock;
use weighbridge_project::process::{Beside, command, run as call};
use weighbridge_project::progress::{Progress, human};
use weighbridge_project::project::Project;
use weighbridge_project::settings;
use weighbridge_schema::architecture::Architecture;
use weighbridge_schema::definition::Profile;
use weighbridge_schema::duration::parse_duration;
use weighbridge_schema::request::RunRequest;
use weighbridge_setup::{Context as SetupContext, Need, Setup, engine, provide};

/// Everything, or one check alone.
#[derive(Debug, Clone, clap::Args)]
pub struct Requested {
    /// Build for these architectures too, run the unit tests for them under an emulator, and
    /// let the smoke run visit them.
    #[arg(long, value_delimiter = ',', value_name = "ARCH")]
    arch: Vec<Architecture>,
    /// Only this: measure on a Slurm of two nodes on this machine, of which one is killed on the way.
    #[arg(long)]
    fleet: bool,
    /// Only this: install the programs of these subjects, separated by commas, or of `all`, and try each once.
    #[arg(long, value_delimiter = ',', value_name = "SUBJECT")]
    subjects: Vec<String>,
    /// Only this: compute the published run's numbers again, in Python from its raw log alone, and compare all.
    #[arg(long)]
    independent: bool,
    /// Only this: check this kit as its readers would, damaged ones too; without FILE, make the published run's.
    #[arg(long, value_name = "FILE")]
    kit: Option<Option<PathBuf>>,
    /// Only this: open the published run's report in headless Chromium, and use it as its readers would.
    #[arg(long)]
    report: bool,
    /// Only this: fuzz the service in process, native and on the host for so long (90s, 10min, 2h), and compare.
    #[arg(long, value_name = "DURATION", conflicts_with_all = ["arch", "fleet", "reference"],
        value_parser = parse_duration)]
    fuzz: Option<Duration>,
    /// What the fuzzer derives its inputs from.
    #[arg(long, value_name = "N", default_value = "1", requires = "fuzz")]
    seed: u64,
    /// Only this: compare the answers to odd images with an independent decoder's (Pillow), pixel by pixel.
    #[arg(long, conflicts_with_all = ["arch", "fleet"])]
    reference: bool,
}

/// The verb.
///
/// # Errors
/// A check failed; the message names it.
pub fn run(project: &Project, requested: Requested, progress: &Progress) -> Result<Exit> {
    match requested {
        Requested { fleet: true, .. } => fleet(project, progress),
        Requested { subjects, .. } if !subjects.is_empty() => {
            test_subjects::run(project, &subjects, progress)
        }
        Requested { independent: true, .. } => independent::run(project, progress),
        Requested { kit: Some(file), .. } => {
            let make = |to: &Path| kit::make(project, None, None, Some(to), progress).map(|_| ());
            checks::kit::run(project, file, make, progress)
        }
        Requested { report: true, .. } => report::run(project, progress),
        Requested { fuzz: Some(duration), seed, .. } => {
            fuzz::run(project, duration, seed, progress)
        }
        Requested { reference: true, .. } => reference::run(project, progress),
        Requested { arch, .. } => everything(project, &arch, progress),
    }
}

fn everything(project: &Project, arch: &[Architecture], progress: &Progress) -> Result<Exit> {
    // Beside a run nothing is built; then it is free again, for the tests' own runs.
    drop(machine_lock::to_build()?);
    step("formatting", || call(&mut cargo_command(project, &["fmt", "--all", "--check"])))?;
    // It needs nothing of set-up, which mostly downloads.
    let clippy = Beside::start(&mut clippy(project)?)?;
    let needs = Need::with_foreign(Need::ALL, arch);
    let setup = provide(project, &needs, progress)?;
    step("clippy, begun before set-up", || clippy.wait())?;
    step("unit tests", || unit(project, &setup))?;
    for architecture in Architecture::foreign(arch) {
        let name = format!("unit tests for {architecture}, emulated");
        step(&name, || checks::foreign::run(project, &setup, architecture))?;
    }
    let artifacts = artifacts::artifacts(project, &setup, arch, false, progress)?;
    step("integration tests", || integration(project, &artifacts, progress))?;
    step("smoke run, from definitions to the PDF", || {
        smoke(project, &setup, &artifacts, arch, progress)
    })?;
    println!("all checks passed");
    Ok(Exit::Done)
}

/// The test of the fleet alone.
fn fleet(project: &Project, progress: &Progress) -> Result<Exit> {
    step("fleet, with a node that is killed", || super::test_fleet::run(project, progress))?;
    Ok(Exit::Done)
}

fn step(name: &str, work: impl FnOnce() -> Result<()>) -> Result<()> {
    let begun = Instant::now();
    eprintln!("== {name}");
    work().with_context(|| format!("check `{name}`"))?;
    eprintln!("== {name}: passed ({})", human(begun.elapsed()));
    Ok(())
}

fn cargo_command(project: &Project, arguments: &[&str]) -> Command {
    let mut cargo = command("cargo");
    cargo.current_dir(&project.root).args(arguments);
    cargo.envs(project.cargo_folders());
    // As the harness itself is built.
    cargo.env(settings::FLAGS, "");
    cargo.envs(settings::EMPTY_ALWAYS.map(|variable| (variable, "")));
    cargo
}

/// With the profile of the tests: it takes the macros and build scripts that are compiled for them. Only what it finds
/// is said, since set-up says something meanwhile.
fn clippy(project: &Project) -> Result<Command> {
    let mut clippy = cargo_command(project, &["clippy", "--quiet", "--locked", "--workspace"]);
    clippy.args(["--all-targets", "--profile", "tools"]);
    clippy.args(settings::arguments(project, "tools")?).args(["--", "--deny", "warnings"]);
    Ok(clippy)
}

/// Every test of the workspace, to the last one: who waits half an hour for a verdict is told all that fails.
const TESTS: [&str; 6] =
    ["test", "--locked", "--workspace", "--no-fail-fast", "--profile", "tools"];

/// With the profile of the tools, so that each heavy crate is built once for both.
fn unit(project: &Project, setup: &Setup) -> Result<()> {
    let mut tests = cargo_command(project, &TESTS);
    tests.args(settings::arguments(project, "tools")?);
    if setup.missing().all(|(need, _, _)| need != Need::Nix) {
        // The flake's test fails instead of skipping.
        tests.env("WEIGHBRIDGE_REQUIRE_NIX", "1");
    }
    call(&mut tests)?;
    tools::adopt(project)
}

/// Tests that need the built artifacts and an engine: they are marked `ignored` for a plain `cargo test`.
fn integration(project: &Project, artifacts: &Path, progress: &Progress) -> Result<()> {
    let reporter = |line: &str| progress.note(&format!("  {line}"));
    let engines = engine::ensure(&SetupContext::of(project, &reporter))?;
    let mut tests = cargo_command(project, &TESTS);
    tests.args(settings::arguments(project, "tools")?).args(["--", "--ignored"]);
    tests.env("WEIGHBRIDGE_ARTIFACTS", artifacts);
    tests.env("WEIGHBRIDGE_PROGRAMS", project.programs());
    tests.env("WEIGHBRIDGE_RUNNER", project.tool(tools::RUNNER));
    tests.env("WEIGHBRIDGE_COMPONENT", artifacts.join("component.wasm"));
    tests.env("WEIGHBRIDGE_HOST", artifacts.join("weighbridge-host"));
    tests.env("WEIGHBRIDGE_HOST_COMPILER", artifacts.join("weighbridge-host-compiler"));
    engines.tell(&mut tests);
    call(&mut tests)
}

/// One invocation of everything, into folders of its own, and a look at whether it all worked.
fn smoke(
    project: &Project,
    setup: &Setup,
    artifacts: &Path,
    arch: &[Architecture],
    progress: &Progress,
) -> Result<()> {
    let folder = project.state.join("smoke");
    files::remove(&folder)?;
    let choice =
        RunRequest { profile: Profile::Smoke, arch: arch.to_vec(), ..RunRequest::default() };
    let run = measure::into(project, &folder.join("results"), setup, artifacts, &choice, progress)?;
    whole_run::check(&run)?;
    let output = Output {
        generated: folder.join("generated"),
        report: folder.join("report"),
        pdf: folder.join("weighbridge.pdf"),
    };
    let exit = analyze::build_step(project, &run, &output, paper::missing(setup), true, progress)?;
    anyhow::ensure!(
        exit == Exit::Done,
        "a check does not hold: see {}",
        output.generated.join("summary.txt").display()
    );
    if paper::missing(setup).is_none() {
        paper::build_step(project, &output, true, progress)?;
        let (pdf, size_bytes) = (&output.pdf, std::fs::metadata(&output.pdf)?.len());
        anyhow::ensure!(size_bytes > 50_000, "{} has only {size_bytes} bytes", pdf.display());
    }
    Ok(())
}

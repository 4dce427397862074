//! `cargo xtask test`: everything a change must pass, on a bare machine too; fast checks first.

use super::analyze::{self, Output};
use super::{paper, run as measure, test_foreign};
use anyhow::{Context, Result};
use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::time::Instant;
use weighbridge_build::{artifacts, tools};
use weighbridge_project::exit::Exit;
use weighbridge_project::files;
use weighbridge_project::machine_lock;
use weighbridge_project::process::{command, run as call};
use weighbridge_project::progress::{Progress, human};
use weighbridge_project::project::Project;
use weighbridge_project::settings;
use weighbridge_schema::architecture::Architecture;
use weighbridge_schema::definition::Profile;
use weighbridge_schema::line;
use weighbridge_schema::manifest::{Availability, Manifest};
use weighbridge_schema::parameter::Parameter;
use weighbridge_schema::plan::Trial;
use weighbridge_schema::record::{Observation, Outcome};
use weighbridge_schema::request::RunRequest;
use weighbridge_setup::{Context as SetupContext, Need, Setup, engine, provide};

/// The verb.
///
/// # Errors
/// A check failed; the message names it.
pub fn run(project: &Project, arch: &[Architecture], progress: &Progress) -> Result<Exit> {
    // Beside a run nothing is built; then it is free again, for the tests' own runs.
    drop(machine_lock::to_build()?);
    let needs = Need::with_foreign(Need::ALL, arch);
    let setup = provide(project, &needs, progress)?;
    step("formatting", || cargo(project, &["fmt", "--all", "--check"]))?;
    step("clippy", || {
        cargo(
            project,
            &["clippy", "--locked", "--workspace", "--all-targets", "--", "--deny", "warnings"],
        )
    })?;
    step("unit tests", || unit(project, &setup))?;
    for architecture in Architecture::foreign(arch) {
        let name = format!("unit tests for {architecture}, emulated");
        step(&name, || test_foreign::run(project, &setup, architecture))?;
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
///
/// # Errors
/// Slurm is not installed (exit code 3), or the check failed.
pub fn fleet(project: &Project, progress: &Progress) -> Result<Exit> {
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

fn cargo(project: &Project, arguments: &[&str]) -> Result<()> {
    call(&mut cargo_command(project, arguments))
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
    check_run(&run)?;
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

/// Whether this user may have the page cache dropped: root of the initial namespace alone. Opening the
/// file for writing is the kernel's own check of it, and drops nothing.
fn can_drop_page_cache() -> bool {
    File::options().write(true).open("/proc/sys/vm/drop_caches").is_ok()
}

/// Whether a failure says something about the machine and nothing about the code: where the page cache
/// cannot be dropped no such cell starts, beside other work no rate may meet its bound, and without an
/// emulator nothing is counted.
fn is_the_machines(trial: &Trial, stage: &str, can_drop_page_cache: bool) -> bool {
    let is_dropped = trial.cell.parameter == Parameter::PageCacheDropped;
    (is_dropped && !can_drop_page_cache) || ["search", "emulator"].contains(&stage)
}

/// Every planned trial is there and none failed but for the machine's sake.
fn check_run(run: &Path) -> Result<()> {
    let read = |name: &str| {
        let path = run.join(name);
        std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))
    };
    let manifest: Manifest = serde_json::from_str(&read("manifest.json")?)?;
    let observations: Vec<Observation> = read("observations.jsonl")?
        .lines()
        .map(|text| line::read(text.as_bytes()).map(|read| read.observation))
        .collect::<Result<_, _>>()
        .context("read observations.jsonl")?;
    let can_drop_page_cache = can_drop_page_cache();
    for observation in &observations {
        if let Outcome::Failed { stage, reason } = &observation.outcome {
            if is_the_machines(&observation.trial, stage, can_drop_page_cache) {
                eprintln!("note: {} was not measured: {stage}: {reason}", observation.trial.cell);
                continue;
            }
            anyhow::bail!(
                "{} {}: {stage}: {reason}",
                observation.trial.experiment,
                observation.trial.cell
            );
        }
    }
    let visited = observations.iter().filter(|observation| observation.repeat == 0).count();
    anyhow::ensure!(
        visited == manifest.plan.len(),
        "{} trials were planned, {visited} are there",
        manifest.plan.len()
    );
    for (name, entry) in &manifest.subjects {
        if let Availability::NotInstalled { reason, .. } = &entry.availability {
            eprintln!("note: {name} was not exercised: {reason}");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use weighbridge_schema::plan::Cell;

    #[test]
    fn a_failure_is_excused_by_what_was_tried_and_by_what_the_machine_permits() {
        let trial = |parameter| Trial {
            experiment: "cold-start".parse().unwrap(),
            cell: Cell {
                subject: "native".parse().unwrap(),
                workload: None,
                architecture: "x86_64".to_owned(),
                parameter,
            },
            invocation: 0,
        };
        let (warm, dropped) = (trial(Parameter::None), trial(Parameter::PageCacheDropped));
        for (trial, stage, can_drop, expected) in [
            (&dropped, "start", false, true),
            (&dropped, "start", true, false),
            (&warm, "start", false, false),
            (&warm, "search", true, true),
            (&warm, "emulator", true, true),
        ] {
            let excused = is_the_machines(trial, stage, can_drop);
            assert_eq!(excused, expected, "{} {stage} {can_drop}", trial.cell);
        }
    }
}

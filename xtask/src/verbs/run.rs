//! `cargo xtask run`: measure, with the engine started for as long as that takes.

use super::calibrate;
use crate::requested;
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use weighbridge_build::{artifacts as build, tools};
use weighbridge_elsewhere::other_machines;
use weighbridge_elsewhere::remote::Host;
use weighbridge_project::build_step;
use weighbridge_project::exit::{Exit, InterruptedError, ReportedError};
use weighbridge_project::failures;
use weighbridge_project::files;
use weighbridge_project::machine_lock;
use weighbridge_project::process::{command, interrupted, lines, may_begin, with_events};
use weighbridge_project::progress::Progress;
use weighbridge_project::project::Project;
use weighbridge_project::unfinished;
use weighbridge_releases::lab::Lab;
use weighbridge_schema::artifact::Provision;
use weighbridge_schema::request::RunRequest;
use weighbridge_setup::{self as setup, Engines, Need, Setup, engine, for_manifest, need_name};

mod inputs;

const BUILD_STEP: &str = "run";

/// What else a run may be.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Mode {
    /// Print what would be measured, with an estimate of time and disk, and measure nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// With --dry-run: every trial in its order.
    #[arg(long, short, requires = "dry_run")]
    pub verbose: bool,
    /// Resume this interrupted run.
    #[arg(long, value_name = "RUN")]
    pub resume: Option<String>,
    /// Measure there, as in ssh://me@host:22; several, separated by commas, share the blocks.
    #[arg(long, value_delimiter = ',', value_name = "MACHINE", conflicts_with = "dry_run")]
    pub on: Vec<Host>,
    /// The folder of questions that a verb has written, in place of experiments/.
    #[arg(skip)]
    pub folder: Option<PathBuf>,
    /// The claims that are meant, in place of the paper's.
    #[arg(skip)]
    pub claims: Option<PathBuf>,
}

/// The needs of a run; the paper's come later.
pub const NEEDS: &[Need] = &[
    Need::CCompiler,
    Need::WasmComponent,
    Need::WasmCommand,
    Need::StaticNative,
    Need::Emulator,
    Need::ContainerEngine,
    Need::Podman,
    Need::OciRuntimes,
    Need::ImageDebian,
    Need::ImageAlpine,
];

/// The verb: always measures.
///
/// # Errors
/// The build failed, a name does not exist, or the runner failed.
pub fn run(
    project: &Project,
    choice: &RunRequest,
    mode: &Mode,
    progress: &Progress,
) -> Result<Exit> {
    requested::check(project, choice)?;
    if mode.on.is_empty() && mode.resume.is_none() && !mode.dry_run {
        requested::check_installed(project, choice)?;
    }
    let results = project.results();
    let (resume, on) = (mode.resume.as_deref(), &mode.on[..]);
    let made = match other_machines::measure(project, &results, choice, resume, on, progress)? {
        Some(folder) => Some(folder),
        None => {
            if let Some(run) = &mode.resume {
                unfinished::check(&results, run)?;
            }
            // Before set-up: of two runs the second is refused at once, and starts no engine beside the first.
            let _lock = (!mode.dry_run).then(machine_lock::to_measure).transpose()?;
            let runner = tools::begin(project, tools::RUNNER)?;
            let needs = Need::with_foreign(NEEDS, &choice.arch);
            let setup = setup::provide(project, &needs, progress)?;
            let artifacts = build::artifacts(project, &setup, &choice.arch, false, progress)?;
            drop(runner);
            let measured = measure(project, &results, &setup, &artifacts, choice, mode, progress);
            measured.inspect_err(|error| {
                if let (Some(run), true) = (&mode.resume, error.is::<InterruptedError>()) {
                    progress.note(&format!("resume with: cargo xtask run --resume {run}"));
                }
            })?
        }
    };
    if let Some(folder) = made {
        println!("raw logs: {}", project.shown(&folder));
        println!("next: cargo xtask analyze {}", project.shown(&folder));
        if let Some(failed) = failures::of(&folder)? {
            println!("{failed}: the raw log says why");
            return Ok(Exit::DoesNotHold);
        }
    }
    Ok(Exit::Done)
}

/// As [`run`], for a stage of `all`: what was measured with the same inputs is kept, whatever was
/// asked in between.
///
/// # Errors
/// As [`run`].
pub fn build_step(
    project: &Project,
    setup: &Setup,
    artifacts: &Path,
    choice: &RunRequest,
    force: bool,
    progress: &Progress,
) -> Result<PathBuf> {
    let (_, runner_digest) = tools::ensure(project, tools::RUNNER, progress)?;
    let parts =
        inputs::of(project, artifacts, choice, &project.programs(), &runner_digest, progress)?;
    // Each question, asked in each state of the machine, has a stamp of its own.
    let build_step = build_step::of(BUILD_STEP, &parts.digest());
    // What is custom in a definition lies anywhere: only measuring again is sure to see that it has changed.
    if !force
        && !asks_for_example(project, choice)
        && let Some(stamp) = build_step::fresh(project, &build_step, &parts.digest())
        && let Some(folder) = stamp.outputs.into_iter().next().map(|output| output.path)
    {
        progress.skipped(
            "run",
            &format!("{} is unchanged in all that decides", project.shown(&folder)),
        );
        return Ok(folder);
    }
    if let Some(why) = build_step::why_another(project, BUILD_STEP, &parts, inputs::ASKED) {
        progress.note(&format!("  measured again: {why}"));
    }
    may_begin(BUILD_STEP)?;
    let folder = into(project, &project.results(), setup, artifacts, choice, progress)?;
    build_step::done_with(project, &build_step, &parts, std::slice::from_ref(&folder), "measured")?;
    Ok(folder)
}

/// Sets up, builds and measures: the questions and the claims of `mode`, where a verb brings its own.
///
/// # Errors
/// As [`run`].
pub fn whole(
    project: &Project,
    results: &Path,
    choice: &RunRequest,
    mode: &Mode,
    progress: &Progress,
) -> Result<PathBuf> {
    // Before set-up: of two runs the second is refused before it starts an engine.
    let _lock = machine_lock::to_measure()?;
    let runner = tools::begin(project, tools::RUNNER)?;
    let setup = setup::provide(project, &Need::with_foreign(NEEDS, &[]), progress)?;
    let artifacts = build::artifacts(project, &setup, &[], false, progress)?;
    drop(runner);
    measure(project, results, &setup, &artifacts, choice, mode, progress)?
        .context("the runner ended without saying where its run is")
}

/// What the verbs about releases measure with.
#[must_use]
pub fn lab<'a>(project: &'a Project, progress: &'a Progress) -> Lab<'a> {
    let measure = move |folder: &Path, results: &Path, choice: &RunRequest| {
        let mode = Mode { folder: Some(folder.to_owned()), ..Mode::default() };
        whole(project, results, choice, &mode, progress)
    };
    Lab { project, progress, measure: Box::new(measure), calibration: calibrate::newest(project) }
}

/// Measures into another folder than the usual one.
///
/// # Errors
/// As [`run`].
pub fn into(
    project: &Project,
    results: &Path,
    setup: &Setup,
    artifacts: &Path,
    choice: &RunRequest,
    progress: &Progress,
) -> Result<PathBuf> {
    measure(project, results, setup, artifacts, choice, &Mode::default(), progress)?
        .context("the runner ended without saying where its run is")
}

fn asks_for_example(project: &Project, choice: &RunRequest) -> bool {
    let folder = project.path("experiments/examples");
    choice.experiments.iter().any(|name| folder.join(format!("{name}.toml")).is_file())
}

fn measure(
    project: &Project,
    results: &Path,
    setup: &Setup,
    artifacts: &Path,
    choice: &RunRequest,
    mode: &Mode,
    progress: &Progress,
) -> Result<Option<PathBuf>> {
    let lock = (!mode.dry_run).then(machine_lock::to_measure).transpose()?;
    let (runner, _) = tools::ensure(project, tools::RUNNER, progress)?;
    if mode.dry_run {
        return dry_run(project, setup, artifacts, choice, mode, &runner).map(|()| None);
    }
    let reporter = |line: &str| progress.note(&format!("  {line}"));
    // Held to the end of this function: engines that we started are stopped then.
    let engines = engine::ensure(&setup::Context::of(project, &reporter))?;
    let provisions = project.state.join("provisions.json");
    files::write(&provisions, &serde_json::to_vec_pretty(&with_engines(setup, &engines)?)?)?;

    let mut measuring = command(&runner);
    measuring.current_dir(&project.root).arg("run").args(choice.arguments());
    measuring.arg("--artifacts").arg(artifacts).arg("--results").arg(results);
    measuring.arg("--provisions").arg(&provisions);
    measuring.arg("--programs").arg(project.programs());
    let claims = mode.claims.as_deref().unwrap_or(Path::new("analysis/claims.toml"));
    measuring.arg("--claims").arg(claims);
    engines.tell(&mut measuring);
    if let Some(run) = &mode.resume {
        measuring.args(["--resume", run]);
    }
    if let Some(folder) = &mode.folder {
        measuring.arg("--folder").arg(folder).arg("--checkout").arg(&project.root);
    }
    measuring.args(["--progress", "json"]);
    if let Some(lock) = &lock {
        measuring.arg("--lock-on-stdin").stdin(lock.hand_on()?);
    }
    let begun = SystemTime::now();
    let ended = with_events(&mut measuring, progress);
    if let Some(lock) = &lock {
        lock.note(&machine_lock::command_line());
    }
    match ended {
        Ok((made, 0)) => {
            progress.end("done");
            Ok(made.map(PathBuf::from))
        }
        Ok((made, 1)) => {
            progress.end("done, but trials failed");
            Ok(made.map(PathBuf::from))
        }
        // It has said why, and how to go on.
        Ok((_, code @ (2 | 3 | 130))) => {
            progress.abandon();
            Err(ReportedError { code: u8::try_from(code).unwrap_or(2) }.into())
        }
        ended => {
            progress.abandon();
            if let Some(run) = mode.resume.clone().or_else(|| unfinished::since(results, begun)) {
                progress.note(&format!(
                    "what was measured is kept; resume with: cargo xtask run --resume {run}"
                ));
            }
            anyhow::ensure!(!interrupted(), ReportedError { code: 130 });
            let (_, code) = ended?;
            anyhow::bail!("the runner ended with exit code {code}; its message stands above")
        }
    }
}

/// Prints what would be measured. No engine is started for it: what set-up can give is taken for granted.
fn dry_run(
    project: &Project,
    setup: &Setup,
    artifacts: &Path,
    choice: &RunRequest,
    mode: &Mode,
    runner: &Path,
) -> Result<()> {
    let provisions = project.state.join("provisions-planned.json");
    files::write(&provisions, &serde_json::to_vec_pretty(&for_manifest(setup)?)?)?;
    let mut planning = command(runner);
    planning.current_dir(&project.root).arg("run").args(choice.arguments());
    planning.arg("--artifacts").arg(artifacts).arg("--provisions").arg(&provisions);
    planning.arg("--programs").arg(setup::programs::folder(&project.state));
    planning.args(["--claims", "analysis/claims.toml", "--dry-run", "--plan-engines"]);
    if mode.verbose {
        planning.arg("--verbose");
    }
    let status = lines(&mut planning, |line| println!("{line}"))?;
    ReportedError::unless(status, &[0])
}

/// The provisions, with what became of the engines when they were really needed.
fn with_engines(setup: &Setup, engines: &Engines) -> Result<Vec<Provision>> {
    let mut provisions = for_manifest(setup)?;
    for engine in engines.iter() {
        let need = need_name(engine.need)?;
        let (detail, remedy) = match &engine.missing {
            Some((reason, remedy)) => (reason.clone(), Some(remedy.clone())),
            None => {
                let parts = engine.detail.iter().map(|(name, value)| format!("{name} {value}"));
                (parts.collect::<Vec<_>>().join(", "), None)
            }
        };
        provisions.retain(|provision| provision.need != need);
        provisions.push(Provision { need, provider: engine.provider.clone(), detail, remedy });
    }
    Ok(provisions)
}

#[cfg(test)]
mod tests {
    use super::super::analyze::Output;
    use super::*;

    #[test]
    fn a_part_writes_beside_its_run() {
        let folder = Path::new("/checkout/results/2026-quick");
        let output = Output::of_run(folder);
        for made in [&output.generated, &output.report, &output.pdf] {
            assert!(made.starts_with(folder.join("report")), "{}", made.display());
        }
    }
}

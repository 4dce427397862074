//! `cargo xtask calibrate`: what this machine and this method can tell apart, and whether the load generator is
//! fast enough to measure with.

use super::run;
use anyhow::{Context, Result};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use weighbridge_build::{artifacts, tools};
use weighbridge_project::exit::{Exit, LackingError, ReportedError};
use weighbridge_project::failures;
use weighbridge_project::files;
use weighbridge_project::machine_lock;
use weighbridge_project::process::{command, lines};
use weighbridge_project::progress::Progress;
use weighbridge_project::project::Project;
use weighbridge_schema::claim::read_claims;
use weighbridge_schema::definition::Profile;
use weighbridge_schema::request::RunRequest;
use weighbridge_setup::{LocalMachine, Machine as _, provide};

/// Which calibration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum What {
    /// A/A: the same subject under two names.
    Aa,
    /// The load generator beside wrk, and a stalled server seen by open and closed loop.
    Load,
    /// How fast our own arms are: the ratios that a change of the service or of the host must keep.
    Speed,
}

/// The experiments of `experiments/calibration/`.
const AA: [&str; 3] = ["aa-cold-start", "aa-throughput", "aa-latency"];

/// Where the result of the A/A runs of this machine lies.
#[must_use]
pub fn aa_file(project: &Project) -> PathBuf {
    project.results().join("calibration.json")
}

/// The calibration that an analysis may use: this machine's, or the published one. The analysis itself checks
/// that it is of the machine that the run was made on.
#[must_use]
pub fn newest(project: &Project) -> Option<PathBuf> {
    let published = project.path("paper/data/calibration.json");
    [aa_file(project), published].into_iter().find(|path| path.is_file())
}

/// The verb; those of the method (A/A and load) unless one is named.
///
/// # Errors
/// The build or a run failed, or wrk is not there.
pub fn run(
    project: &Project,
    what: Option<What>,
    profile: Profile,
    progress: &Progress,
) -> Result<Exit> {
    let _lock = machine_lock::to_measure()?;
    match what {
        Some(What::Aa) => aa(project, profile, progress),
        Some(What::Load) => load(project, progress).map(|()| Exit::Done),
        Some(What::Speed) => speed(project, profile, progress),
        None => {
            let exit = aa(project, profile, progress)?;
            load(project, progress)?;
            Ok(exit)
        }
    }
}

/// Measures what the thresholds compare, side by side, and says which of them are met.
fn speed(project: &Project, profile: Profile, progress: &Progress) -> Result<Exit> {
    let file = project.path("analysis/speed.toml");
    let text =
        std::fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))?;
    let thresholds = read_claims(&project.shown(&file), &text)?;
    let mut experiments: Vec<String> =
        thresholds.iter().map(|one| one.experiment.to_string()).collect();
    experiments.sort();
    experiments.dedup();
    let choice = RunRequest {
        experiments,
        claim: thresholds.iter().map(|one| one.name.clone()).collect(),
        profile,
        ..RunRequest::default()
    };
    // Apart from the other runs: `analyze` and `paper` take the newest of those.
    let results = project.results().join("speed");
    let mode = run::Mode { claims: Some(file.clone()), ..run::Mode::default() };
    let folder = run::whole(project, &results, &choice, &mode, progress)?;
    let (analysis, _) = tools::ensure(project, tools::ANALYSIS, progress)?;
    let mut judging = command(&analysis);
    judging.current_dir(&project.root).arg("judge").arg("--run").arg(&folder);
    judging.arg("--claims").arg(&file);
    let status = lines(&mut judging, |line| println!("{line}"))?;
    ReportedError::unless(status, &[0, 1, 3, 4])?;
    println!("raw logs     {}", project.shown(&folder));
    if let Some(failed) = failures::of(&folder)? {
        println!("{failed}: the raw log says why");
    }
    Ok(match status.code() {
        Some(0) => Exit::Done,
        Some(3) => Exit::Lacking,
        Some(4) => Exit::Undecided,
        _ => Exit::DoesNotHold,
    })
}

fn aa(project: &Project, profile: Profile, progress: &Progress) -> Result<Exit> {
    let setup = provide(project, artifacts::NEEDS, progress)?;
    let artifacts = artifacts::artifacts(project, &setup, &[], false, progress)?;
    let choice = RunRequest {
        experiments: AA.map(str::to_owned).to_vec(),
        profile,
        ..RunRequest::default()
    };
    // Apart from the other runs: `analyze` and `paper` take the newest of those.
    let results = project.results().join("calibration");
    let folder = run::into(project, &results, &setup, &artifacts, &choice, progress)?;
    let (analysis, _) = tools::ensure(project, tools::ANALYSIS, progress)?;
    let mut judging = command(&analysis);
    judging.current_dir(&project.root).arg("calibrate").arg(&folder);
    judging.arg("--output").arg(aa_file(project));
    let status = judging.status().with_context(|| format!("run {}", analysis.display()))?;
    // 1: done, but the scale is not as it must be; the table above says where.
    ReportedError::unless(status, &[0, 1])?;
    println!("raw logs     {}", project.shown(&folder));
    if let Some(failed) = failures::of(&folder)? {
        println!("{failed}: the raw log says why");
        return Ok(Exit::DoesNotHold);
    }
    println!("calibration  {}", project.shown(&aa_file(project)));
    Ok(if status.success() { Exit::Done } else { Exit::DoesNotHold })
}

fn load(project: &Project, progress: &Progress) -> Result<()> {
    let wrk = LocalMachine.find("wrk").ok_or_else(|| LackingError {
        what: "wrk, the load generator that ours is compared with".to_owned(),
        remedy: "apt-get install wrk".to_owned(),
    })?;
    let (runner, _) = tools::ensure(project, tools::RUNNER, progress)?;
    let output = project.results().join("calibration-load.json");
    files::make_folder(&project.results())?;
    let mut measuring = command(&runner);
    measuring.current_dir(&project.root).arg("calibrate-load");
    measuring.arg("--wrk").arg(&wrk).arg("--output").arg(&output);
    // Ctrl-C reaches it through us, once.
    measuring.process_group(0);
    let status = lines(&mut measuring, |line| println!("{line}"))?;
    ReportedError::unless(status, &[0])?;
    println!("calibration  {}", project.shown(&output));
    Ok(())
}

//! `cargo xtask calibrate`: what this machine and this method can tell apart, and whether the load generator is
//! fast enough to measure with.

use super::run;
use anyhow::{Context, Result};
use std::path::PathBuf;
use weighbridge_build::{artifacts, tools};
use weighbridge_checks::speed;
use weighbridge_project::exit::{Exit, ReportedError};
use weighbridge_project::failures;
use weighbridge_project::machine_lock;
use weighbridge_project::process::command;
use weighbridge_project::progress::Progress;
use weighbridge_project::project::Project;
use weighbridge_schema::definition::Profile;
use weighbridge_schema::request::RunRequest;
use weighbridge_setup::provide;

/// Which calibration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum What {
    /// A/A: the same subject under two names.
    Aa,
    /// The load generator beside wrk, and a stalled server seen by open and closed loop.
    Load,
    /// How fast our own arms, the load generator and the harness are: what a change of them must keep.
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
    // `all`, which is timed first for `speed`, takes the lock itself.
    let _lock = (what != Some(What::Speed)).then(machine_lock::to_measure).transpose()?;
    match what {
        Some(What::Aa) => aa(project, profile, progress),
        Some(What::Load) => speed::load(project, progress).map(|_| Exit::Done),
        Some(What::Speed) => thresholds(project, profile, progress),
        None => {
            let exit = aa(project, profile, progress)?;
            speed::load(project, progress)?;
            Ok(exit)
        }
    }
}

/// Measures every line of the thresholds, and says which of them are met.
fn thresholds(project: &Project, profile: Profile, progress: &Progress) -> Result<Exit> {
    let choice = speed::request(project, profile)?;
    let unchanged = speed::nothing_changed(project, progress)?;
    let _lock = machine_lock::to_measure()?;
    let readings = speed::read(project, unchanged, progress)?;
    // Apart from the other runs: `analyze` and `paper` take the newest of those.
    let results = project.results().join("speed");
    let mode = run::Mode { claims: Some(speed::file(project)), ..run::Mode::default() };
    let folder = run::whole(project, &results, &choice, &mode, progress)?;
    speed::judge(project, &folder, &readings, progress)
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

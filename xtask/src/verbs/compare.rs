//! `cargo xtask compare`: two runs beside each other.

use super::analyze;
use anyhow::Result;
use std::path::PathBuf;
use weighbridge_build::tools;
use weighbridge_project::exit::{Exit, ReportedError};
use weighbridge_project::process::{command, lines};
use weighbridge_project::progress::Progress;
use weighbridge_project::project::Project;

/// What is to be compared.
#[derive(Debug, Clone, clap::Args)]
pub struct Requested {
    /// The first run: its folder, or its name in `results/` or `paper/data/`.
    run_a: PathBuf,
    /// The second run: each ratio is its number divided by the first run's.
    run_b: PathBuf,
    /// calibration.json of this machine: smaller differences are not reported.
    #[arg(long, value_name = "FILE")]
    calibration: Option<PathBuf>,
}

/// The verb.
///
/// # Errors
/// One of them is not a run, or its raw log is damaged; the message names file and line.
pub fn run(project: &Project, requested: &Requested, progress: &Progress) -> Result<Exit> {
    let named = [&requested.run_a, &requested.run_b];
    let [a, b] = named.map(|run| analyze::choose(project, Some(run)));
    let (a, b) = (a?, b?);
    let (program, _) = tools::ensure(project, tools::ANALYSIS, progress)?;
    let mut analysis = command(&program);
    analysis.arg("compare").arg(a).arg(b);
    if let Some(file) = &requested.calibration {
        analysis.arg("--calibration").arg(file);
    }
    let status = lines(&mut analysis, |line| println!("{line}"))?;
    ReportedError::unless(status, &[0])?;
    Ok(Exit::Done)
}

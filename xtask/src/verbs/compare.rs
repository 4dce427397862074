//! `cargo xtask compare`: two runs beside each other.

use super::analyze;
use anyhow::Result;
use std::path::Path;
use weighbridge_build::tools;
use weighbridge_project::exit::{Exit, ReportedError};
use weighbridge_project::process::{command, lines};
use weighbridge_project::progress::Progress;
use weighbridge_project::project::Project;

/// The verb.
///
/// # Errors
/// One of them is not a run, or its raw log is damaged; the message names file and line.
pub fn run(
    project: &Project,
    a: &Path,
    b: &Path,
    calibration: Option<&Path>,
    progress: &Progress,
) -> Result<Exit> {
    let (a, b) = (analyze::choose(project, Some(a))?, analyze::choose(project, Some(b))?);
    let (program, _) = tools::ensure(project, tools::ANALYSIS, progress)?;
    let mut analysis = command(&program);
    analysis.arg("compare").arg(a).arg(b);
    if let Some(file) = calibration {
        analysis.arg("--calibration").arg(file);
    }
    let status = lines(&mut analysis, |line| println!("{line}"))?;
    ReportedError::unless(status, &[0])?;
    Ok(Exit::Done)
}

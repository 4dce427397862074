//! `cargo xtask explain`: where a number of a run comes from.

use super::{analyze, calibrate};
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use weighbridge_build::tools;
use weighbridge_project::exit::{Exit, ReportedError};
use weighbridge_project::process::{command, lines};
use weighbridge_project::progress::Progress;
use weighbridge_project::project::Project;
use weighbridge_project::runs;

/// The verb: of the published run unless another is named.
///
/// # Errors
/// There is no such run or number, or the raw log is damaged; the message names it.
pub fn run(project: &Project, key: &str, run: Option<&Path>, progress: &Progress) -> Result<Exit> {
    let folder: PathBuf = match run {
        Some(named) => analyze::choose(project, Some(named))?,
        None => {
            runs::published(project)?.context("paper/data holds no run: name one, --run RUN")?
        }
    };
    let (program, _) = tools::ensure(project, tools::ANALYSIS, progress)?;
    let mut analysis = command(&program);
    analysis.current_dir(&project.root).arg("explain").arg(key).arg("--run").arg(folder);
    if let Some(calibration) = calibrate::newest(project) {
        analysis.arg("--calibration").arg(calibration);
    }
    let status = lines(&mut analysis, |line| println!("{line}"))?;
    ReportedError::unless(status, &[0])?;
    Ok(Exit::Done)
}

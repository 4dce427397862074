//! `cargo xtask verify --published`: everything that the paper shows, computed again from the published raw log and
//! compared with what the checkout says was published (`paper/published`). The analysis does both.

use anyhow::{Context, Result};
use weighbridge_build::tools;
use weighbridge_project::claims;
use weighbridge_project::exit::{Exit, ReportedError};
use weighbridge_project::process::{command, lines};
use weighbridge_project::progress::Progress;
use weighbridge_project::project::Project;
use weighbridge_project::runs;

/// The verb; `renew` takes what was computed as what is published.
///
/// # Errors
/// There is no published run, its raw log is damaged (the message names file and line), or a file cannot be read.
pub fn run(project: &Project, renew: bool, progress: &Progress) -> Result<Exit> {
    let run = runs::published(project)?.context("paper/data holds no run")?;
    let (program, _) = tools::ensure(project, tools::ANALYSIS, progress)?;
    let mut analysis = command(program);
    analysis.current_dir(&project.root).arg("published").arg("--run").arg(&run);
    analysis.arg("--claims").arg(claims::file(project));
    // The one that was published with the run, and not this machine's.
    let calibration = project.path("paper/data/calibration.json");
    if calibration.is_file() {
        analysis.arg("--calibration").arg(calibration);
    }
    analysis.args(["--published", "paper/published", "--sections", "paper/sections"]);
    analysis.arg("--work").arg(project.state.join("verify-published"));
    if renew {
        analysis.arg("--renew");
    }
    let status = lines(&mut analysis, |line| println!("{line}"))?;
    ReportedError::unless(status, &[0, 1])?;
    Ok(if status.success() { Exit::Done } else { Exit::DoesNotHold })
}

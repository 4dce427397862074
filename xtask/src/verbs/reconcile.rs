//! `cargo xtask reconcile`: published answers, measured again on this machine as far as that can be done.

use super::{analyze, calibrate, run};
use anyhow::Result;
use std::path::PathBuf;
use weighbridge_build::tools;
use weighbridge_project::answers;
use weighbridge_project::exit::{Exit, ReportedError};
use weighbridge_project::process::{command, lines};
use weighbridge_project::progress::Progress;
use weighbridge_project::project::Project;
use weighbridge_schema::definition::Profile;
use weighbridge_schema::request::RunRequest;

/// Which answers.
#[derive(Debug, Clone, clap::Args)]
pub struct Requested {
    /// Only answers whose source or words hold this, in any case; all when it is not given.
    #[arg(value_name = "TEXT")]
    text: Option<String>,
    /// How much is measured.
    #[arg(long, value_enum, default_value_t)]
    profile: Profile,
    /// Measure nothing: look at this run, by its folder, or its name in `results/` or `paper/data/`.
    #[arg(long, value_name = "RUN")]
    run: Option<PathBuf>,
}

/// The verb.
///
/// # Errors
/// There is no such answer or run, or the build or the run failed.
pub fn run(project: &Project, requested: &Requested, progress: &Progress) -> Result<Exit> {
    let text = requested.text.as_deref();
    let request = RunRequest { profile: requested.profile, ..answers::request(project, text)? };
    let folder = match &requested.run {
        Some(named) => analyze::choose(project, Some(named))?,
        // Apart from the other runs: `analyze` and `paper` take the newest of those.
        None => {
            let results = project.results().join("reconcile");
            run::whole(project, &results, &request, &run::Mode::default(), progress)?
        }
    };
    let (program, _) = tools::ensure(project, tools::ANALYSIS, progress)?;
    let mut analysis = command(&program);
    analysis.current_dir(&project.root).arg("reconcile").arg("--run").arg(&folder).args(text);
    if let Some(calibration) = calibrate::newest(project) {
        analysis.arg("--calibration").arg(calibration);
    }
    let status = lines(&mut analysis, |line| println!("{line}"))?;
    ReportedError::unless(status, &[0])?;
    println!("raw logs: {}", project.shown(&folder));
    Ok(Exit::Done)
}

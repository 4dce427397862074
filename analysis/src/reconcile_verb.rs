//! The verb for published answers.

use super::say;
use anyhow::{Context, Result};
use clap::Args;
use std::path::PathBuf;
use weighbridge_analysis::answers::{self, Numbers};
use weighbridge_analysis::{analyse, calibrate, load, reconcile};

#[derive(Debug, Args)]
pub struct Reconcile {
    /// Folder of the run.
    #[arg(long, value_name = "DIR")]
    run: PathBuf,
    /// Only answers whose source or words hold this, in any case.
    #[arg(value_name = "TEXT")]
    text: Option<String>,
    /// calibration.json of this machine.
    #[arg(long, value_name = "FILE")]
    calibration: Option<PathBuf>,
}

/// A paragraph for each answer.
pub fn run(options: &Reconcile) -> Result<()> {
    let calibration = options.calibration.as_deref().map(calibrate::load).transpose()?;
    let run = load::load(&options.run)?;
    let results = analyse(&run, &[], calibration, run.manifest.seed, |_| ())?;
    let answers = answers::read()?;
    let text = reconcile::text(&answers, &Numbers::of(&results), options.text.as_deref());
    say(&text.context("no published answer holds that text")?, ())
}

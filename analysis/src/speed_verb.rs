//! The verb `judge`, and the hidden one that makes it a large run to be timed with.

use super::say;
use anyhow::{Context, Result};
use clap::Args;
use std::path::{Path, PathBuf};
use weighbridge_analysis::judge::{self, Verdict};
use weighbridge_analysis::{analyse, calibrate, load, multiplied, render, speed};
use weighbridge_schema::speed::{Readings, Thresholds, read_thresholds};

#[derive(Debug, Args)]
pub struct Judge {
    /// Folder of the run.
    #[arg(long, value_name = "DIR")]
    run: PathBuf,
    /// The lines to judge: claims, bounds and readings, as in analysis/speed.toml.
    #[arg(long, value_name = "FILE")]
    claims: PathBuf,
    /// What was read beside the run, by the names of the readings.
    #[arg(long, value_name = "FILE")]
    readings: Option<PathBuf>,
    /// calibration.json of this machine: smaller differences are not reported.
    #[arg(long, value_name = "FILE")]
    calibration: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Multiply {
    /// Folder of the run whose raw log is taken.
    #[arg(long, value_name = "DIR")]
    run: PathBuf,
    /// The folder to write, which is not there yet.
    #[arg(long, value_name = "DIR")]
    output: PathBuf,
    /// How many readings, iterations and requests it must hold.
    #[arg(long, value_name = "NUMBER")]
    rows: u64,
}

/// The exit code by the verdicts.
pub fn judge_lines(options: &Judge) -> Result<u8> {
    let thresholds = load_thresholds(&options.claims)?;
    let readings = options.readings.as_deref().map(load_readings).transpose()?.unwrap_or_default();
    let calibration = options.calibration.as_deref().map(calibrate::load).transpose()?;
    let run = load::load(&options.run)?;
    let results = analyse(&run, &thresholds.claim, calibration, run.manifest.seed, |_| ())?;
    let lines = speed::lines(&thresholds, &readings, &results);
    let verdicts: Vec<Verdict> = lines.iter().map(|line| line.verdict).collect();
    say(&render::speed::text(&lines), judge::exit_code(&verdicts))
}

/// Writes the run, and says in one line what it holds.
pub fn multiply(options: &Multiply) -> Result<()> {
    let run = load::load(&options.run)?;
    let rows = multiplied::write(&run, options.rows, &options.output)?;
    say(&format!("{rows}\n"), ())
}

fn load_thresholds(path: &Path) -> Result<Thresholds> {
    let file = path.display().to_string();
    let text = std::fs::read_to_string(path).with_context(|| format!("reading {file}"))?;
    let thresholds = read_thresholds(&file, &text)?;
    speed::check(&file, &thresholds)?;
    Ok(thresholds)
}

fn load_readings(path: &Path) -> Result<Readings> {
    let file = path.display().to_string();
    let text = std::fs::read_to_string(path).with_context(|| format!("reading {file}"))?;
    serde_json::from_str(&text).with_context(|| format!("reading {file}"))
}

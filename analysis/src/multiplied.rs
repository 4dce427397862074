//! A run of any size, made of one that was measured: its raw log again and again, each time as later blocks. The
//! analysis is timed on it; its numbers are nobody's.

use crate::load::Run;
use anyhow::{Context, Result, ensure};
use std::fmt;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use weighbridge_schema::line;
use weighbridge_schema::plan::Trial;
use weighbridge_schema::record::Observation;

/// What a raw log holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rows {
    /// Visits: lines of the log.
    pub visits_count: u64,
    /// Metrics and stages on them.
    pub readings_count: u64,
    /// Single iterations in `series/`.
    pub iterations_count: u64,
    /// Requests in `histograms/`.
    pub requests_count: u64,
}

impl Rows {
    /// All measured values: readings, iterations and requests.
    #[must_use]
    pub fn total(self) -> u64 {
        self.readings_count + self.iterations_count + self.requests_count
    }

    fn add(&mut self, observation: &Observation) {
        let levels = observation.raise.iter().flat_map(|raise| &raise.levels);
        let of_levels: usize = levels.map(|level| level.metrics.len()).sum();
        let readings = observation.metrics.len() + observation.stages_ns.len() + of_levels;
        self.visits_count += 1;
        self.readings_count += readings as u64;
        self.iterations_count += observation.series.as_ref().map_or(0, |s| s.iterations_count);
        self.requests_count += observation.histogram.as_ref().map_or(0, |h| h.samples_count);
    }

    /// Those of a run.
    #[must_use]
    pub fn of(run: &Run) -> Self {
        let mut rows = Self::default();
        run.observations.iter().for_each(|observation| rows.add(observation));
        rows
    }
}

impl fmt::Display for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} rows: {} visits with {} readings, {} iterations and {} requests",
            self.total(),
            self.visits_count,
            self.readings_count,
            self.iterations_count,
            self.requests_count
        )
    }
}

/// Writes a run of `rows_least` rows or a few more into `folder`, which it makes, and says what it holds.
///
/// # Errors
/// The run has no row, `folder` is there already, or a file cannot be written.
pub fn write(run: &Run, rows_least: u64, folder: &Path) -> Result<Rows> {
    let once = Rows::of(run).total();
    ensure!(once > 0, "{} holds no row", run.folder.display());
    let times = u32::try_from(rows_least.div_ceil(once)).context("too many rows")?.max(1);
    let blocks_count = run.manifest.plan.iter().map(|trial| trial.invocation + 1).max();
    let blocks_count = blocks_count.with_context(|| format!("{} has no plan", run.manifest.run))?;
    let later = |trial: &Trial, copy: u32| Trial {
        invocation: trial.invocation + copy * blocks_count,
        ..trial.clone()
    };
    fs::create_dir(folder).with_context(|| format!("creating {}", folder.display()))?;
    let mut manifest = run.manifest.clone();
    manifest.plan = (0..times)
        .flat_map(|copy| run.manifest.plan.iter().map(move |trial| (trial, copy)))
        .map(|(trial, copy)| later(trial, copy))
        .collect();
    let json = serde_json::to_vec(&manifest).context("laying the manifest out")?;
    fs::write(folder.join("manifest.json"), json).context("writing the manifest")?;
    let log = File::create(folder.join("observations.jsonl")).context("creating the log")?;
    let mut log = BufWriter::new(log);
    let mut rows = Rows::default();
    for copy in 0..times {
        for observation in &run.observations {
            if rows.total() >= rows_least {
                break;
            }
            let mut again = observation.clone();
            again.trial = later(&observation.trial, copy);
            again.position += u64::from(copy) * run.manifest.plan.len() as u64;
            shift(&mut again, u64::from(copy));
            let files = [
                again.histogram.as_mut().map(|histogram| &mut histogram.file),
                again.series.as_mut().map(|series| &mut series.file),
            ];
            for file in files.into_iter().flatten() {
                *file = copy_file(&run.folder, folder, file, copy)?;
            }
            log.write_all(&line::write(&again)?)?;
            rows.add(&again);
        }
    }
    log.flush().context("writing the log")?;
    Ok(rows)
}

/// Makes what was sampled a thousandth larger for each copy before, so that copies are not ties.
fn shift(observation: &mut Observation, copy: u64) {
    let larger = |value: &mut u64| *value += *value / 1000 * copy;
    for (metric, value) in &mut observation.metrics {
        if !metric.is_exact() {
            larger(value);
        }
    }
    observation.stages_ns.values_mut().for_each(larger);
}

/// Copies a file that a line names, under a name of the copy's; gives that name.
fn copy_file(from: &Path, to: &Path, file: &str, copy: u32) -> Result<String> {
    let copied = match file.rsplit_once('/') {
        Some((subfolder, name)) => format!("{subfolder}/{copy}-{name}"),
        None => format!("{copy}-{file}"),
    };
    let (source, target) = (from.join(file), to.join(&copied));
    let reported = || format!("copying {} to {}", source.display(), target.display());
    if let Some(subfolder) = target.parent() {
        fs::create_dir_all(subfolder).with_context(reported)?;
    }
    fs::copy(&source, &target).with_context(reported)?;
    Ok(copied)
}

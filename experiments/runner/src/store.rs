//! A run's folder: manifest, observations, histograms, standard error. Append-only; it has a temporary
//! name (`.partial`) until every trial of the plan is there.

use crate::load::Recorder;
use anyhow::{Context, Result, bail};
use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use weighbridge_schema::SCHEMA_VERSION;
use weighbridge_schema::manifest::Manifest;
use weighbridge_schema::plan::Trial;
use weighbridge_schema::record::{HistogramFile, Observation};

/// Ending of an unfinished run's folder.
const PARTIAL: &str = ".partial";

/// An open run.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    finished: PathBuf,
    observations: File,
    /// Trials that are there already.
    pub done: BTreeSet<Trial>,
}

impl Store {
    /// Begins a run: the manifest, with the whole plan, is on disk before the first trial.
    ///
    /// # Errors
    /// The folder exists already or cannot be written.
    pub fn create(results: &Path, manifest: &Manifest) -> Result<Self> {
        let finished = results.join(&manifest.run);
        let folder = results.join(format!("{}{PARTIAL}", manifest.run));
        if finished.exists() || folder.exists() {
            bail!("{} exists already: a run is never overwritten", finished.display());
        }
        for sub in ["histograms", "stderr"] {
            let path = folder.join(sub);
            fs::create_dir_all(&path).with_context(|| format!("create {}", path.display()))?;
        }
        write_whole(&folder.join("manifest.json"), &serde_json::to_vec_pretty(manifest)?)?;
        Self::open(folder, finished)
    }

    /// Goes on with an unfinished run.
    ///
    /// # Errors
    /// There is none of that name, or its files are damaged before the last line.
    pub fn resume(results: &Path, run: &str) -> Result<(Self, Manifest)> {
        let finished = results.join(run);
        let folder = results.join(format!("{run}{PARTIAL}"));
        if finished.exists() {
            bail!("{} is complete: there is nothing to resume", finished.display());
        }
        let file = folder.join("manifest.json");
        let text = fs::read_to_string(&file)
            .with_context(|| format!("read {}: no unfinished run `{run}`", file.display()))?;
        let manifest: Manifest =
            serde_json::from_str(&text).with_context(|| format!("parse {}", file.display()))?;
        if manifest.schema_version != SCHEMA_VERSION {
            bail!(
                "{} has schema version {}, this program writes {SCHEMA_VERSION}",
                file.display(),
                manifest.schema_version
            );
        }
        Ok((Self::open(folder, finished)?, manifest))
    }

    fn open(folder: PathBuf, finished: PathBuf) -> Result<Self> {
        let file = folder.join("observations.jsonl");
        let done = if file.exists() { mend(&file)? } else { BTreeSet::new() };
        let observations = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&file)
            .with_context(|| format!("open {}", file.display()))?;
        Ok(Self { folder, finished, observations, done })
    }

    /// Where the subjects' standard error goes.
    pub fn stderr_folder(&self) -> PathBuf {
        self.folder.join("stderr")
    }

    /// Writes a histogram log and says where.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn histogram(
        &self,
        position: u64,
        trial: &Trial,
        latencies: &Recorder,
    ) -> Result<HistogramFile> {
        let cell = trial.cell.to_string().replace([' ', '='], "-");
        let name = format!("{position:05}-{}-{cell}.hlog", trial.experiment);
        let mut bytes = Vec::new();
        latencies
            .write_log(&mut bytes, &format!("{} {}, nanoseconds", trial.experiment, trial.cell))?;
        write_whole(&self.folder.join("histograms").join(&name), &bytes)?;
        Ok(HistogramFile {
            file: format!("histograms/{name}"),
            samples_count: latencies.samples_count(),
        })
    }

    /// Appends one line and hands it to the kernel at once: a crash loses the trial in flight, no other.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn append(&mut self, observation: &Observation) -> Result<()> {
        let mut line = serde_json::to_vec(observation)?;
        line.push(b'\n');
        self.observations.write_all(&line).with_context(|| {
            format!("append to observations.jsonl in {}", self.folder.display())
        })?;
        self.done.insert(observation.trial.clone());
        Ok(())
    }

    /// Gives the complete run its name and returns the folder.
    ///
    /// # Errors
    /// The data cannot be flushed or the folder not be renamed.
    pub fn finish(self) -> Result<PathBuf> {
        self.observations.sync_all().context("flush observations.jsonl")?;
        fs::rename(&self.folder, &self.finished).with_context(|| {
            format!("rename {} to {}", self.folder.display(), self.finished.display())
        })?;
        Ok(self.finished)
    }
}

/// Reads which trials are there. A last line that was cut off by a crash is removed, so that appending
/// goes on at the beginning of a line; the trial it belonged to is repeated.
fn mend(file: &Path) -> Result<BTreeSet<Trial>> {
    let text = fs::read(file).with_context(|| format!("read {}", file.display()))?;
    let whole = text.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
    if whole < text.len() {
        OpenOptions::new()
            .write(true)
            .open(file)
            .and_then(|opened| opened.set_len(whole as u64))
            .with_context(|| format!("remove the torn last line of {}", file.display()))?;
    }
    let lines = text[..whole].split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    lines
        .enumerate()
        .map(|(index, line)| {
            serde_json::from_slice::<Observation>(line)
                .map(|observation| observation.trial)
                .with_context(|| format!("{}:{}", file.display(), index + 1))
        })
        .collect()
}

/// Writes through a temporary name, so that no reader ever sees half a file.
fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let temporary = path.with_extension("writing");
    fs::write(&temporary, bytes).with_context(|| format!("write {}", temporary.display()))?;
    fs::rename(&temporary, path).with_context(|| format!("rename to {}", path.display()))
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;

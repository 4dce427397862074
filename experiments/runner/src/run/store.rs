//! A run's folder: manifest, observations, histograms, standard error. Append-only; it has a temporary
//! name (`.partial`) until every trial of the plan is there.

use crate::failure::causes;
use crate::kernel::noise::{self, Usual};
use crate::load::Recorder;
use crate::measure::Visit;
use anyhow::{Context, Result, bail};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use weighbridge_schema::SCHEMA_VERSION;
use weighbridge_schema::line;
use weighbridge_schema::manifest::Manifest;
use weighbridge_schema::name::ExperimentName;
use weighbridge_schema::plan::{Cell, Trial};
use weighbridge_schema::record::{HistogramFile, Observation, Outcome, SeriesFile};
use weighbridge_schema::stop::Stop;

/// Ending of an unfinished run's folder.
const PARTIAL: &str = ".partial";

/// Ending of the folder of a run whose plan is being written.
const BEGUN: &str = ".begun";

/// An open run.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    finished: PathBuf,
    observations: File,
    /// Trials that are there already.
    pub done: BTreeSet<Trial>,
    /// Every observation of the log, in its order.
    pub seen: Vec<Observation>,
    /// What the machine did during the undisturbed visits, by cell.
    usual: BTreeMap<(ExperimentName, Cell), Usual>,
    cores_count: u32,
}

impl Store {
    /// Begins a run: the manifest, with the whole plan, is on disk before the first trial.
    ///
    /// # Errors
    /// The folder exists already or cannot be written.
    pub fn create(results: &Path, manifest: &Manifest) -> Result<Self> {
        let finished = results.join(&manifest.run);
        let folder = results.join(format!("{}{PARTIAL}", manifest.run));
        // Without a plan nothing of it can be resumed.
        if folder.exists() && !folder.join("manifest.json").exists() {
            fs::remove_dir_all(&folder).with_context(|| format!("remove {}", folder.display()))?;
        }
        if finished.exists() || folder.exists() {
            bail!("{} exists already: a run is never overwritten", finished.display());
        }
        let begun = results.join(format!("{}{BEGUN}", manifest.run));
        let plan = serde_json::to_vec_pretty(manifest)?;
        begin_and_name(&begun, &folder, |file| write_whole(file, &plan))?;
        Self::open(folder, finished, manifest)
    }

    /// Removes a run that has just begun and cannot be measured.
    pub fn discard(self) {
        // What stays is listed as unfinished, and says on resume why it cannot be measured.
        let _ = fs::remove_dir_all(&self.folder);
    }

    /// Resumes an unfinished run.
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
        if !folder.exists() {
            let names = unfinished(results).join(", ");
            let there = if names.is_empty() { "none".to_owned() } else { names };
            bail!(
                "there is no unfinished run `{run}` in {}; there are: {there}",
                results.display()
            );
        }
        let text = fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))?;
        let manifest: Manifest =
            serde_json::from_str(&text).with_context(|| format!("parse {}", file.display()))?;
        if manifest.schema_version != SCHEMA_VERSION {
            bail!(
                "{} has schema version {}, this program writes {SCHEMA_VERSION}",
                file.display(),
                manifest.schema_version
            );
        }
        Ok((Self::open(folder, finished, &manifest)?, manifest))
    }

    fn open(folder: PathBuf, finished: PathBuf, manifest: &Manifest) -> Result<Self> {
        let file = folder.join("observations.jsonl");
        let seen = if file.exists() { repair(&file)? } else { Vec::new() };
        let measured = seen.iter().filter(|observation| !causes::leaves_open(observation));
        let done = measured.map(|observation| observation.trial.clone()).collect();
        let observations = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&file)
            .with_context(|| format!("open {}", file.display()))?;
        let cores_count = manifest.fingerprint.cores_count.unwrap_or(1);
        let mut usual = BTreeMap::new();
        seen.iter().for_each(|observation| note_usual(&mut usual, observation, cores_count));
        Ok(Self { folder, finished, observations, done, seen, usual, cores_count })
    }

    /// Where it lies while it is unfinished.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// How many times a trial has been visited.
    pub fn visits_count(&self, trial: &Trial) -> u32 {
        let visits = self.seen.iter().filter(|observation| observation.trial == *trial);
        visits.map(|observation| observation.repeat + 1).max().unwrap_or(0)
    }

    /// Trials that none of their visits has measured.
    pub fn failed_count(&self) -> usize {
        let measured: BTreeSet<&Trial> = self
            .seen
            .iter()
            .filter(|observation| observation.outcome == Outcome::Ok)
            .map(|observation| &observation.trial)
            .collect();
        self.done.iter().filter(|trial| !measured.contains(trial)).count()
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
        visit: &Visit<'_>,
        latencies: &Recorder,
        heavy: Option<&Recorder>,
    ) -> Result<HistogramFile> {
        let file = file_of(visit, "histograms", "hlog");
        let mut bytes = Vec::new();
        let trial = visit.trial;
        let comment = format!("{} {}, nanoseconds", trial.experiment, trial.cell);
        latencies.write_log(heavy, &mut bytes, &comment)?;
        write_whole(&self.folder.join(&file), &bytes)?;
        Ok(HistogramFile { file, samples_count: latencies.samples_count() })
    }

    /// Writes single iterations in their order and says where.
    ///
    /// # Errors
    /// They cannot be written.
    pub fn series(&self, visit: &Visit<'_>, series_ns: &[u64]) -> Result<SeriesFile> {
        let file = file_of(visit, "series", "json");
        write_whole(&self.folder.join(&file), &serde_json::to_vec(series_ns)?)?;
        Ok(SeriesFile { file, iterations_count: series_ns.len() as u64 })
    }

    /// Writes why each cell ended.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write_stops(&self, stops: &[Stop]) -> Result<()> {
        write_whole(&self.folder.join("stops.json"), &serde_json::to_vec_pretty(stops)?)
    }

    /// Time that all visits took, nanoseconds.
    pub fn measured_ns(&self) -> u128 {
        self.seen.iter().map(|observation| u128::from(observation.duration_ns)).sum()
    }

    /// Time that the planned visits took, without repetitions, nanoseconds.
    pub fn planned_ns(&self) -> u128 {
        let planned = self.seen.iter().filter(|observation| observation.repeat == 0);
        planned.map(|observation| u128::from(observation.duration_ns)).sum()
    }

    /// Trials whose last visit so far was measured, and was disturbed.
    pub fn disturbed(&self) -> BTreeSet<&Trial> {
        let mut last: BTreeMap<&Trial, &Observation> = BTreeMap::new();
        for observation in &self.seen {
            last.insert(&observation.trial, observation);
        }
        last.into_iter()
            .filter(|(_, o)| o.outcome == Outcome::Ok && !o.disturbed.is_empty())
            .map(|(trial, _)| trial)
            .collect()
    }

    /// What the machine did during the undisturbed visits to the trial's cell so far; `None` before the first.
    pub fn usual(&self, trial: &Trial) -> Option<&Usual> {
        self.usual.get(&(trial.experiment.clone(), trial.cell.clone()))
    }

    /// Appends one line and hands it to the kernel at once: a crash loses the trial in flight, no other.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn append(&mut self, observation: Observation) -> Result<()> {
        let line = line::write(&observation)?;
        self.observations.write_all(&line).with_context(|| {
            format!("append to observations.jsonl in {}", self.folder.display())
        })?;
        self.done.insert(observation.trial.clone());
        note_usual(&mut self.usual, &observation, self.cores_count);
        self.seen.push(observation);
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

/// Makes a run's folder as `begun`, with the manifest that `plan` writes, and then gives it its name. What cannot be
/// made whole is removed: the name must be free for the next attempt.
fn begin_and_name(
    begun: &Path,
    folder: &Path,
    plan: impl FnOnce(&Path) -> Result<()>,
) -> Result<()> {
    let make = || {
        // Left by a run that was killed before it had a plan.
        if begun.exists() {
            fs::remove_dir_all(begun).with_context(|| format!("remove {}", begun.display()))?;
        }
        for sub in ["histograms", "series", "stderr"] {
            let path = begun.join(sub);
            fs::create_dir_all(&path).with_context(|| format!("create {}", path.display()))?;
        }
        plan(&begun.join("manifest.json"))?;
        fs::rename(begun, folder)
            .with_context(|| format!("rename {} to {}", begun.display(), folder.display()))
    };
    make().inspect_err(|_| {
        // What cannot be removed now is replaced by the next attempt.
        let _ = fs::remove_dir_all(begun);
    })
}

/// Names of the runs that can be resumed.
fn unfinished(results: &Path) -> Vec<String> {
    let entries = fs::read_dir(results).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter(|entry| entry.path().join("manifest.json").is_file())
        .filter_map(|entry| Some(entry.file_name().to_str()?.strip_suffix(PARTIAL)?.to_owned()))
        .collect();
    names.sort();
    names
}

/// Reads what is there. A last line that was cut off by a crash is removed, so that appending
/// goes on at the beginning of a line; the trial it belonged to is repeated.
fn repair(file: &Path) -> Result<Vec<Observation>> {
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
            line::read(line)
                .map(|read| read.observation)
                .with_context(|| format!("{}:{}", file.display(), index + 1))
        })
        .collect()
}

fn note_usual(
    usual: &mut BTreeMap<(ExperimentName, Cell), Usual>,
    observation: &Observation,
    cores_count: u32,
) {
    if !observation.disturbed.is_empty() {
        return;
    }
    let Observation { trial, noise, duration_ns, .. } = observation;
    let of_cell = usual.entry((trial.experiment.clone(), trial.cell.clone())).or_default();
    of_cell.pressure_percent.extend(noise::pressure_percent(noise, *duration_ns));
    of_cell.steal_percent.extend(noise::steal_percent(noise, *duration_ns, cores_count));
}

/// Name of a file that belongs to one visit, relative to the run's folder.
fn file_of(visit: &Visit<'_>, folder: &str, ending: &str) -> String {
    let Visit { position, repeat, trial, .. } = visit;
    let cell = trial.cell.to_string().replace([' ', '='], "-");
    let again = if *repeat > 0 { format!("-again{repeat}") } else { String::new() };
    format!("{folder}/{position:05}-{}-{cell}{again}.{ending}", trial.experiment)
}

/// Writes through a temporary name, so that no reader ever sees half a file.
///
/// # Errors
/// It cannot be written.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let temporary = path.with_extension("writing");
    fs::write(&temporary, bytes).with_context(|| format!("write {}", temporary.display()))?;
    fs::rename(&temporary, path).with_context(|| format!("rename to {}", path.display()))
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;

//! First station: a run's folder becomes a [`Run`]. Reads only; nothing is ever written into a run.

pub mod frame;
pub mod histograms;
pub mod observations;
pub mod question;
pub mod repeats;
pub mod series;
pub mod stops;

use crate::load::histograms::Packed;
use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use weighbridge_schema::SCHEMA_VERSION;
use weighbridge_schema::manifest::Manifest;
use weighbridge_schema::plan::Trial;
use weighbridge_schema::record::Observation;

/// A run as it lies on disk.
#[derive(Debug)]
pub struct Run {
    /// Its folder.
    pub folder: PathBuf,
    /// Its manifest.
    pub manifest: Manifest,
    /// Its raw lines, in the order of the file.
    pub observations: Vec<Observation>,
    /// Latency histograms by place of their line in `observations`, intervals merged, each packed.
    pub histograms: BTreeMap<usize, Packed>,
    /// Durations of single iterations in nanoseconds, by place of their line in `observations`.
    pub series: BTreeMap<usize, Vec<f64>>,
    /// For each of `observations`, whether its trial counts by it ([`repeats::counted`]).
    pub counted: Vec<bool>,
    /// Why each cell ended; empty where the runner did not say.
    pub stops: stops::Stops,
    /// What the reader of the results should know about the raw log.
    pub notes: Vec<String>,
}

/// The one field that is read before the strict types: another version may have other fields.
#[derive(Deserialize)]
pub(crate) struct Version {
    schema_version: u32,
}

impl Version {
    /// Refuses what this program was not written for; `shown` names the file and line.
    pub(crate) fn check(&self, shown: &str) -> Result<()> {
        if self.schema_version != SCHEMA_VERSION {
            bail!(
                "{shown} is written in version {} of the raw log's format, and this analysis reads \
                 version {SCHEMA_VERSION} only; check out the commit named in manifest.json, or repeat \
                 the run",
                self.schema_version
            );
        }
        Ok(())
    }
}

/// Reads the run in `folder`.
///
/// # Errors
/// A missing file, a line that is not an observation (other than a last line torn by a crash), another
/// schema version, a line of another run, an unreadable histogram: each names the file and the line.
pub fn load(folder: &Path) -> Result<Run> {
    let manifest = load_manifest(&folder.join("manifest.json"))?;
    let path = folder.join("observations.jsonl");
    let read = observations::load(&path, &manifest.run)?;
    let histograms = histograms::load(folder, &read.observations)?;
    let series = series::load(folder, &read.observations)?;
    let counted = repeats::counted(&read.observations);
    let mut notes = read.notes;
    notes.extend(repeats::note(repeats::disturbances(&read.observations, &counted)));
    Ok(Run {
        folder: folder.to_owned(),
        manifest,
        observations: read.observations,
        histograms,
        series,
        counted,
        stops: stops::load(folder)?,
        notes,
    })
}

impl Run {
    /// The observations that count, with their places: one measured visit per trial, and every failure.
    pub fn counted(&self) -> impl Iterator<Item = (usize, &Observation)> {
        let all = self.observations.iter().zip(&self.counted).enumerate();
        all.filter(|(_, (_, counts))| **counts)
            .map(|(index, (observation, _))| (index, observation))
    }

    /// Planned trials that the run wanted: a cell that ended when it was precise enough wanted no more.
    #[must_use]
    pub fn wanted_count(&self) -> usize {
        self.manifest.plan.iter().filter(|trial| stops::is_wanted(&self.stops, trial)).count()
    }
}

/// A trial in words, for what is wrong with one of its files.
pub(crate) fn of_trial(trial: &Trial) -> String {
    format!("{} {}, invocation {}", trial.experiment, trial.cell, trial.invocation)
}

/// The manifest of the run in `folder`, without its raw log.
///
/// # Errors
/// As [`load`].
pub fn manifest(folder: &Path) -> Result<Manifest> {
    load_manifest(&folder.join("manifest.json"))
}

fn load_manifest(path: &Path) -> Result<Manifest> {
    let shown = path.display().to_string();
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("reading {shown}: is this the folder of a run?"))?;
    let version: Version =
        serde_json::from_str(&text).with_context(|| format!("reading {shown}"))?;
    version.check(&shown)?;
    serde_json::from_str(&text).with_context(|| format!("reading {shown}"))
}

//! `histograms/*.hlog`: HdrHistogram V2 interval logs, one per invocation; all intervals are merged.

use crate::load::of_trial;
use anyhow::{Context, Error, Result, anyhow, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry, LogIteratorError};
use hdrhistogram::serialization::{Deserializer, Serializer, V2Serializer};
use std::collections::BTreeMap;
use std::path::{Component, Path};
use weighbridge_schema::record::{HEAVY_TAG, HistogramFile, Observation, Outcome};

/// A histogram as the V2 format writes it. Its table of counts takes hundreds of times as much memory, most of it for
/// values that nothing took, and a run has thousands of visits.
#[derive(Debug, Clone)]
pub struct Packed {
    samples_count: u64,
    bytes: Box<[u8]>,
}

impl Packed {
    /// # Errors
    /// The histogram cannot be written in the format.
    pub fn new(histogram: &Histogram<u64>) -> Result<Self> {
        let mut bytes = Vec::new();
        V2Serializer::new()
            .serialize(histogram, &mut bytes)
            .map_err(|error| anyhow!("packing a histogram: {error:?}"))?;
        Ok(Self { samples_count: histogram.len(), bytes: bytes.into_boxed_slice() })
    }

    /// How many values it counts.
    #[must_use]
    pub fn samples_count(&self) -> u64 {
        self.samples_count
    }

    /// The histogram, with room for its own values.
    ///
    /// # Errors
    /// What [`Packed::new`] wrote cannot be read, which would be a mistake of ours.
    pub fn unpack(&self) -> Result<Histogram<u64>> {
        Deserializer::new()
            .deserialize(&mut &*self.bytes)
            .map_err(|error| anyhow!("unpacking a histogram: {error}"))
    }
}

/// Reads the histogram of every measured observation that names one, by the observation's place.
pub(crate) fn load(folder: &Path, observations: &[Observation]) -> Result<BTreeMap<usize, Packed>> {
    let measured = observations.iter().enumerate().filter(|(_, o)| o.outcome == Outcome::Ok);
    measured
        .filter_map(|(index, observation)| Some((index, observation.histogram.as_ref()?)))
        .map(|(index, file)| {
            let of = || format!("histogram of {}", of_trial(&observations[index].trial));
            Ok((index, load_one(folder, file).with_context(of)?))
        })
        .collect()
}

fn load_one(folder: &Path, file: &HistogramFile) -> Result<Packed> {
    if !Path::new(&file.file).components().all(|part| matches!(part, Component::Normal(_))) {
        bail!("histogram `{}` lies outside of the run's folder", file.file);
    }
    let path = folder.join(&file.file);
    let bytes = std::fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
    let merged = merge(&bytes).with_context(|| format!("reading {}", path.display()))?;
    if merged.len() != file.samples_count {
        bail!(
            "{} holds {} samples, but its line in observations.jsonl says {}",
            path.display(),
            merged.len(),
            file.samples_count
        );
    }
    Packed::new(&merged)
}

/// The intervals of one log in one histogram, without those of the heavy requests of a mix, which are not the cell's.
///
/// # Errors
/// A log without an interval, or one that cannot be decoded.
pub fn merge(log: &[u8]) -> Result<Histogram<u64>> {
    let mut deserializer = Deserializer::new();
    let mut merged: Option<Histogram<u64>> = None;
    for entry in IntervalLogIterator::new(log) {
        let LogEntry::Interval(interval) = entry.map_err(|error| damage(&error, log.len()))? else {
            continue;
        };
        if interval.tag().is_some_and(|tag| tag.as_str() == HEAVY_TAG) {
            continue;
        }
        let compressed = STANDARD.decode(interval.encoded_histogram()).map_err(|error| {
            anyhow!("an interval of it is cut or damaged (its base64: {error})")
        })?;
        let mut histogram: Histogram<u64> =
            deserializer.deserialize(&mut compressed.as_slice()).map_err(|error| {
                anyhow!("an interval of it is cut or damaged (no V2 histogram: {error})")
            })?;
        match &mut merged {
            None => {
                // A decoded histogram is as large as its own values need; a later interval may need more.
                histogram.auto(true);
                merged = Some(histogram);
            }
            Some(all) => all.add(&histogram).map_err(|error| anyhow!("merging: {error}"))?,
        }
    }
    merged
        .with_context(|| format!("it holds no interval in its {} bytes: cut or damaged", log.len()))
}

/// Where a log stops being one, in words.
fn damage(error: &LogIteratorError, length_bytes: usize) -> Error {
    match error {
        LogIteratorError::ParseError { offset } => {
            anyhow!("it is cut or damaged at byte {offset} of {length_bytes}")
        }
    }
}

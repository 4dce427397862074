//! `series/*.json`: the durations of single iterations, in their order, of one invocation.

use crate::load::of_trial;
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::path::{Component, Path};
use weighbridge_schema::record::{Observation, Outcome, SeriesFile};

/// Reads the series of every measured observation that names one, by the observation's place: nanoseconds.
pub(crate) fn load(
    folder: &Path,
    observations: &[Observation],
) -> Result<BTreeMap<usize, Vec<f64>>> {
    let measured = observations.iter().enumerate().filter(|(_, o)| o.outcome == Outcome::Ok);
    measured
        .filter_map(|(index, observation)| Some((index, observation.series.as_ref()?)))
        .map(|(index, file)| {
            let of = || format!("series of {}", of_trial(&observations[index].trial));
            Ok((index, load_one(folder, file).with_context(of)?))
        })
        .collect()
}

fn load_one(folder: &Path, file: &SeriesFile) -> Result<Vec<f64>> {
    if !Path::new(&file.file).components().all(|part| matches!(part, Component::Normal(_))) {
        bail!("series `{}` lies outside of the run's folder", file.file);
    }
    let path = folder.join(&file.file);
    let text =
        std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let durations_ns: Vec<u64> = serde_json::from_str(&text)
        .with_context(|| format!("reading {}: not an array of nanoseconds", path.display()))?;
    if durations_ns.len() as u64 != file.iterations_count {
        bail!(
            "{} holds {} iterations, but its line in observations.jsonl says {}",
            path.display(),
            durations_ns.len(),
            file.iterations_count
        );
    }
    Ok(durations_ns.into_iter().map(|duration| duration as f64).collect())
}

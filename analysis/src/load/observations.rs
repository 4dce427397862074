//! `observations.jsonl`: strict, line by line, except for a last line that a crash has torn.

use crate::load::Version;
use anyhow::{Context, Result, anyhow, bail};
use std::collections::BTreeMap;
use std::path::Path;
use weighbridge_schema::plan::Trial;
use weighbridge_schema::record::{Observation, Outcome};

/// What the file holds.
pub(crate) struct Read {
    pub(crate) observations: Vec<Observation>,
    pub(crate) notes: Vec<String>,
}

/// Reads the file; every line must belong to `run`.
pub(crate) fn load(path: &Path, run: &str) -> Result<Read> {
    let bytes = std::fs::read(path).with_context(|| format!("reading {}", path.display()))?;
    let complete = bytes.is_empty() || bytes.ends_with(b"\n");
    let lines: Vec<&[u8]> = bytes.split(|&byte| byte == b'\n').collect();
    let mut read = Read { observations: Vec::new(), notes: Vec::new() };
    for (place, line) in lines.iter().enumerate() {
        let name = format!("{}:{}", path.display(), place + 1);
        let is_last = place + 1 == lines.len();
        if is_last && line.is_empty() {
            continue;
        }
        match parse(&name, line, run) {
            Ok(observation) => read.observations.push(observation),
            Err(_) if is_last && !complete && is_torn(line) => read.notes.push(format!(
                "line {} of observations.jsonl is torn (the runner was stopped while writing it) and \
                 was left out",
                place + 1
            )),
            Err(error) => return Err(error),
        }
    }
    refuse_repeated_trials(path, &read.observations)?;
    Ok(read)
}

/// Only JSON that stops too early was torn; anything else at the end is a bad line like any other.
fn is_torn(line: &[u8]) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(line).is_err_and(|error| error.is_eof())
}

fn parse(name: &str, line: &[u8], run: &str) -> Result<Observation> {
    let observation = match serde_json::from_slice::<Observation>(line) {
        Ok(observation) => observation,
        Err(error) => {
            if let Ok(version) = serde_json::from_slice::<Version>(line) {
                version.check(name)?;
            }
            return Err(anyhow!("{name}: not an observation: {error}"));
        }
    };
    Version { schema_version: observation.schema_version }.check(name)?;
    if observation.run != run {
        bail!("{name}: belongs to run `{}`, but this is run `{run}`", observation.run);
    }
    Ok(observation)
}

/// The same visit measured twice would be a choice of ours which of the two counts. A failure followed by a success
/// is a resumed run: both are kept, and the failure is shown. Another number of the repetition is another visit.
fn refuse_repeated_trials(path: &Path, observations: &[Observation]) -> Result<()> {
    let mut seen: BTreeMap<(&Trial, u32), u64> = BTreeMap::new();
    for observation in observations.iter().filter(|o| o.outcome == Outcome::Ok) {
        let visit = (&observation.trial, observation.repeat);
        if let Some(first) = seen.insert(visit, observation.position) {
            bail!(
                "{}: {} {}, invocation {}, repeat {}, was measured twice (positions {first} and {}); the log was \
                 appended to by two runs",
                path.display(),
                observation.trial.experiment,
                observation.trial.cell,
                observation.trial.invocation,
                observation.repeat,
                observation.position
            );
        }
    }
    Ok(())
}

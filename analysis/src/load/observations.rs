//! `observations.jsonl`: strict, line by line, except for an end that a crash has torn.

use crate::load::Version;
use anyhow::{Context, Result, anyhow, bail};
use std::collections::BTreeMap;
use std::path::Path;
use weighbridge_schema::line::{self, Line, LineError};
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
    let (log, notes) = without_tail(&bytes);
    let mut read = Read { observations: Vec::new(), notes };
    let mut unchecked_count = 0;
    let lines: Vec<&[u8]> = log.split_inclusive(|&byte| byte == b'\n').collect();
    for (index, line) in lines.iter().enumerate() {
        let name = format!("{}:{}", path.display(), index + 1);
        let whole = line.strip_suffix(b"\n");
        match parse(&name, whole.unwrap_or(line), run) {
            Ok(Line { observation, is_checked }) => {
                unchecked_count += usize::from(!is_checked);
                read.observations.push(observation);
            }
            // Only the last line can lack its newline.
            Err(_) if whole.is_none() && is_torn(line) => read.notes.push(torn(index + 1)),
            Err(error) => return Err(error),
        }
    }
    if unchecked_count > 0 {
        read.notes.push(format!(
            "{unchecked_count} of {} lines of observations.jsonl were written without a check: a digit that changed \
             since would not be seen",
            read.observations.len()
        ));
    }
    refuse_repeated_trials(path, &read.observations)?;
    Ok(read)
}

fn torn(line: usize) -> String {
    format!(
        "line {line} of observations.jsonl is torn (the runner was stopped while writing it) and was left out"
    )
}

/// The log without what a crash of the machine or a full disk leaves at its end, which holds no observation: bytes that
/// were promised and never written read as zero, and a line of which only the newline came to the disk is blank.
fn without_tail(bytes: &[u8]) -> (&[u8], Vec<String>) {
    let mut notes = Vec::new();
    let written = bytes.len() - bytes.iter().rev().take_while(|&&byte| byte == 0).count();
    let mut log = &bytes[..written];
    if written < bytes.len() {
        notes.push(format!(
            "observations.jsonl ends in {} zero bytes, which a crash of the machine leaves; they were left out",
            bytes.len() - written
        ));
    }
    let mut blank_count = 0;
    while log == b"\n" || log.ends_with(b"\n\n") {
        log = &log[..log.len() - 1];
        blank_count += 1;
    }
    if blank_count > 0 {
        notes.push(format!(
            "observations.jsonl ends in {blank_count} blank lines, which were left out"
        ));
    }
    (log, notes)
}

/// Only JSON that stops too early was torn; anything else at the end is a bad line like any other.
fn is_torn(line: &[u8]) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(line).is_err_and(|error| error.is_eof())
}

fn parse(name: &str, line: &[u8], run: &str) -> Result<Line> {
    let read = match line::read(line) {
        Ok(read) => read,
        Err(error) => {
            if let (LineError::NoObservation(_), Ok(version)) =
                (&error, serde_json::from_slice::<Version>(line))
            {
                version.check(name)?;
            }
            return Err(anyhow!("{name}: {error}"));
        }
    };
    let observation = &read.observation;
    Version { schema_version: observation.schema_version }.check(name)?;
    if observation.run != run {
        bail!("{name}: belongs to run `{}`, but this is run `{run}`", observation.run);
    }
    Ok(read)
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

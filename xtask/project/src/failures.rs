//! Trials of a run that gave no number: said last, so that nobody takes the run for whole.

use anyhow::{Context, Result};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// What of a line of the log says whether its trial was measured.
#[derive(Deserialize)]
struct Visit {
    trial: serde_json::Value,
    outcome: serde_json::Value,
}

/// `2 of 15 trials failed`; `None` when none did. A trial that was visited again counts by its best visit.
///
/// # Errors
/// The log cannot be read.
pub fn of(run: &Path) -> Result<Option<String>> {
    let file = run.join("observations.jsonl");
    let log = std::fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))?;
    let mut measured: BTreeMap<String, bool> = BTreeMap::new();
    for line in log.lines().filter(|line| !line.is_empty()) {
        let Visit { trial, outcome } =
            serde_json::from_str(line).with_context(|| format!("parse {}", file.display()))?;
        *measured.entry(trial.to_string()).or_default() |= outcome == "ok";
    }
    let failed_count = measured.values().filter(|is_measured| !**is_measured).count();
    let trials_count = measured.len();
    Ok((failed_count > 0).then(|| format!("{failed_count} of {trials_count} trials failed")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trial_has_failed_when_none_of_its_visits_was_measured() {
        let run = tempfile::tempdir().unwrap();
        let line = |trial: u32, outcome: &str| {
            format!("{{\"trial\":{{\"invocation\":{trial}}},\"outcome\":{outcome},\"more\":1}}\n")
        };
        let failed = r#"{"failed":{"stage":"start","reason":"no"}}"#;
        let log = line(0, failed) + &line(1, "\"ok\"") + &line(2, failed) + &line(0, "\"ok\"");
        std::fs::write(run.path().join("observations.jsonl"), &log).unwrap();
        assert_eq!(of(run.path()).unwrap(), Some("1 of 3 trials failed".to_owned()));
        let repeated = log + &line(2, "\"ok\"");
        std::fs::write(run.path().join("observations.jsonl"), repeated).unwrap();
        assert_eq!(of(run.path()).unwrap(), None);
    }
}

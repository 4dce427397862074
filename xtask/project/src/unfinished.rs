//! Runs that were interrupted: each lies in `results/` as `RUN.partial`, and can be resumed.

use anyhow::{Result, bail};
use serde::Deserialize;
use std::path::Path;
use std::time::SystemTime;
use weighbridge_schema::parse::nearest;

const ENDING: &str = ".partial";

/// A run that is not complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfinished {
    /// Its name.
    pub run: String,
    /// Lines of its log.
    pub visits_count: usize,
    /// Trials of its plan.
    pub planned_count: usize,
}

/// What of a manifest says how long the plan is; whatever version wrote it.
#[derive(Deserialize)]
struct Plan {
    plan: Vec<serde::de::IgnoredAny>,
}

/// Those in the folder `results`, oldest first: their names begin with their time. One that was
/// ended before it had a plan is none.
#[must_use]
pub fn all(results: &Path) -> Vec<Unfinished> {
    let entries = std::fs::read_dir(results).into_iter().flatten().flatten();
    let mut found: Vec<Unfinished> = entries
        .filter_map(|entry| {
            let name = entry.file_name().to_str()?.strip_suffix(ENDING)?.to_owned();
            let manifest = std::fs::read(entry.path().join("manifest.json")).ok()?;
            let Plan { plan } = serde_json::from_slice(&manifest).ok()?;
            let log = std::fs::read(entry.path().join("observations.jsonl")).unwrap_or_default();
            let visits_count = log.iter().filter(|&&byte| byte == b'\n').count();
            Some(Unfinished { run: name, visits_count, planned_count: plan.len() })
        })
        .collect();
    found.sort_by(|a, b| a.run.cmp(&b.run));
    found
}

/// The newest of them that was begun after that moment.
#[must_use]
pub fn since(results: &Path, moment: SystemTime) -> Option<String> {
    let is_newer = |one: &Unfinished| {
        let manifest = results.join(format!("{}{ENDING}", one.run)).join("manifest.json");
        manifest.metadata().and_then(|found| found.modified()).is_ok_and(|made| made >= moment)
    };
    all(results).into_iter().rfind(is_newer).map(|one| one.run)
}

/// All of them, a line each; nothing where there are none.
fn section(results: &Path) -> String {
    let found = all(results);
    if found.is_empty() {
        return String::new();
    }
    let lines = found.iter().map(|one| {
        let Unfinished { run, visits_count, planned_count } = one;
        format!(
            "  {run}  {visits_count} visits of {planned_count} trials; resume with: cargo xtask run --resume {run}\n"
        )
    });
    format!("unfinished runs:\n{}", lines.collect::<String>())
}

/// Looks for the run that is to be resumed, before anything is set up for it.
///
/// # Errors
/// It is complete, or not there; the message lists those that are.
pub fn check(results: &Path, run: &str) -> Result<()> {
    let found = all(results);
    if found.iter().any(|one| one.run == run) {
        return Ok(());
    }
    if results.join(run).join("manifest.json").is_file() {
        bail!("run {run} is complete: there is nothing to resume");
    }
    if found.is_empty() {
        bail!("there is no unfinished run in {}", results.display());
    }
    let near = nearest(run, found.iter().map(|one| one.run.as_str()));
    let near = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
    bail!("there is no unfinished run `{run}`{near}\n{}", section(results).trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn begun(results: &Path, run: &str, log: &str) {
        let folder = results.join(format!("{run}.partial"));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("manifest.json"), r#"{"plan": [{}, {}, {}], "new": 1}"#)
            .unwrap();
        std::fs::write(folder.join("observations.jsonl"), log).unwrap();
    }

    #[test]
    fn unfinished_runs_are_listed_with_what_resumes_them() {
        let results = tempfile::tempdir().unwrap();
        assert_eq!(section(results.path()), "");
        let error = check(results.path(), "b").unwrap_err().to_string();
        assert!(error.starts_with("there is no unfinished run in "), "{error}");
        begun(results.path(), "2026-02-quick", "{}\n{}\n{}");
        begun(results.path(), "2026-01-smoke", "");
        std::fs::create_dir(results.path().join("killed-early.partial")).unwrap();
        let text = section(results.path());
        let expected = "unfinished runs:\n  \
            2026-01-smoke  0 visits of 3 trials; resume with: cargo xtask run --resume 2026-01-smoke\n  \
            2026-02-quick  2 visits of 3 trials; resume with: cargo xtask run --resume 2026-02-quick\n";
        assert_eq!(text, expected);
        assert_eq!(since(results.path(), SystemTime::UNIX_EPOCH), Some("2026-02-quick".to_owned()));
        assert_eq!(since(results.path(), SystemTime::now() + Duration::from_secs(60)), None);
        assert!(check(results.path(), "2026-01-smoke").is_ok());
        let error = check(results.path(), "2026-02-quik").unwrap_err().to_string();
        assert!(error.contains("did you mean `2026-02-quick`?\nunfinished runs:\n"), "{error}");
        let complete = results.path().join("done");
        std::fs::create_dir(&complete).unwrap();
        std::fs::write(complete.join("manifest.json"), "{}").unwrap();
        let error = check(results.path(), "done").unwrap_err().to_string();
        assert!(error.contains("is complete"), "{error}");
    }
}

//! The runs: those in `results/`, the unfinished ones among them, and the published one.

use crate::files::read_json;
use crate::project::Project;
use anyhow::{Context, Result};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use weighbridge_schema::record::Outcome;

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// All that was planned was visited.
    Complete,
    /// It was interrupted, or it is being measured.
    Unfinished,
    /// The paper in the checkout is made from it.
    Published,
}

/// One run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunLine {
    /// Its name.
    pub name: String,
    /// Its folder, as one would type it.
    pub folder: String,
    /// How far it is.
    pub state: State,
    /// How much was to be measured; `None` where its manifest cannot be read.
    pub profile: Option<String>,
    /// What was asked.
    pub experiments: Vec<String>,
    /// Trials that are planned.
    pub planned_count: usize,
    /// Trials that were visited, repetitions left out.
    pub visited_count: usize,
    /// Visits that failed.
    pub failed_count: usize,
}

/// What is read of a manifest: all of a long run's would take a while.
#[derive(Deserialize)]
struct Head {
    profile: String,
    experiments: BTreeMap<String, IgnoredAny>,
    plan: Vec<IgnoredAny>,
}

/// What is read of an observation.
#[derive(Deserialize)]
struct Visit {
    repeat: u32,
    outcome: Outcome,
}

/// Every run, the published one first and the others by their names, which begin with their time.
///
/// # Errors
/// A folder cannot be listed.
pub fn all(project: &Project) -> Result<Vec<RunLine>> {
    let mut found = within(project, &project.path("paper/data"), Some(State::Published))?;
    found.extend(within(project, &project.results(), None)?);
    Ok(found)
}

fn within(project: &Project, folder: &Path, state: Option<State>) -> Result<Vec<RunLine>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let list = || format!("list {}", folder.display());
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(list)? {
        let path = entry.with_context(list)?.path();
        let file_name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let unfinished = file_name.strip_suffix(".partial");
        // One that was ended before it had a plan is none.
        let is_run = path.join("manifest.json").is_file();
        if !is_run || file_name.ends_with(".merging.partial") || !path.is_dir() {
            continue;
        }
        let own = if unfinished.is_some() { State::Unfinished } else { State::Complete };
        let name = unfinished.unwrap_or(&file_name).to_owned();
        found.push(run_line(project, &path, name, state.unwrap_or(own)));
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

fn run_line(project: &Project, path: &Path, name: String, state: State) -> RunLine {
    // A run that is damaged, or measured elsewhere, is listed all the same.
    let head: Option<Head> = read_json(&path.join("manifest.json")).ok();
    let log = std::fs::read(path.join("observations.jsonl")).unwrap_or_default();
    let lines = log.split(|&byte| byte == b'\n');
    let visits: Vec<Visit> = lines.filter_map(|line| serde_json::from_slice(line).ok()).collect();
    let is_failed = |visit: &&Visit| visit.outcome != Outcome::Ok;
    RunLine {
        name,
        folder: project.shown(path),
        state,
        profile: head.as_ref().map(|head| head.profile.clone()),
        experiments: head.iter().flat_map(|h| h.experiments.keys().cloned()).collect(),
        planned_count: head.as_ref().map_or(0, |head| head.plan.len()),
        visited_count: visits.iter().filter(|visit| visit.repeat == 0).count(),
        failed_count: visits.iter().filter(is_failed).count(),
    }
}

impl RunLine {
    /// Profile, experiments, trials and state in one line.
    #[must_use]
    pub fn words(&self, all_experiments_count: usize) -> String {
        let experiments = if self.experiments.len() >= all_experiments_count {
            "all experiments".to_owned()
        } else {
            self.experiments.join(", ")
        };
        let failed = match self.failed_count {
            0 => String::new(),
            count => format!(", {count} failed"),
        };
        let trials = match self.state {
            State::Unfinished => format!("{} of {} trials", self.visited_count, self.planned_count),
            // A cell may end before its most.
            State::Complete | State::Published => format!("{} trials", self.visited_count),
        };
        let state = match self.state {
            State::Complete => String::new(),
            State::Published => "; the published one, in paper/data".to_owned(),
            State::Unfinished => {
                format!("; unfinished, to go on: cargo xtask run --resume {}", self.name)
            }
        };
        let profile = self.profile.as_deref().unwrap_or("?");
        format!("{profile:<6} {trials}{failed}; {experiments}{state}")
    }
}

/// The complete runs in `results/`, oldest first: their names begin with their time.
///
/// # Errors
/// The folder cannot be listed.
pub fn complete(project: &Project) -> Result<Vec<PathBuf>> {
    runs_in(&project.results())
}

/// The published run that the paper in the checkout is built from: the newest in `paper/data/`.
///
/// # Errors
/// The folder cannot be listed.
pub fn published(project: &Project) -> Result<Option<PathBuf>> {
    Ok(runs_in(&project.path("paper/data"))?.pop())
}

fn runs_in(folder: &Path) -> Result<Vec<PathBuf>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("list {}", folder.display()))?;
    let mut runs: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            let is_partial = path.extension().is_some_and(|extension| extension == "partial");
            !is_partial && path.join("manifest.json").is_file()
        })
        .collect();
    runs.sort();
    Ok(runs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unfinished_run_is_listed_with_the_line_that_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().to_owned();
        let project = Project {
            state: root.join("state"),
            target: root.join("target"),
            build: root.join("target"),
            assume_yes: true,
            root,
        };
        let write = |run: &str, log: &str| {
            let path = project.results().join(run);
            std::fs::create_dir_all(&path).unwrap();
            let manifest =
                r#"{"profile":"quick","experiments":{"memory":{}},"plan":[1,2,3],"x":1}"#;
            std::fs::write(path.join("manifest.json"), manifest).unwrap();
            std::fs::write(path.join("observations.jsonl"), log).unwrap();
        };
        let ok = r#"{"repeat":0,"outcome":"ok","check":"1"}"#;
        let failed = r#"{"repeat":0,"outcome":{"failed":{"stage":"start","reason":"no"}}}"#;
        let again = r#"{"repeat":1,"outcome":"ok"}"#;
        write("b.partial", &format!("{ok}\n{failed}\n{{\"rep"));
        write("a", &format!("{ok}\n{ok}\n{ok}\n{again}\n"));
        write("c.merging.partial", "");
        std::fs::write(project.results().join("calibration.json"), "{}").unwrap();
        let found = all(&project).unwrap();
        let words: Vec<String> = found.iter().map(|run| run.words(12)).collect();
        assert_eq!(
            words,
            [
                "quick  3 trials; memory",
                "quick  2 of 3 trials, 1 failed; memory; unfinished, to go on: cargo xtask run --resume b",
            ]
        );
        assert_eq!(found[1].folder, "results/b.partial");
    }
}

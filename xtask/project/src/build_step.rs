//! Stages: what has been done with the same inputs is skipped, and says so.

use crate::files::write;
use crate::inputs::Inputs;
use crate::project::Project;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What a stage depends on, part by part: where one is another than before, its name says why the
/// stage is done again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Parts(pub BTreeMap<String, String>);

impl Parts {
    /// Adds a part: a word, a version or a digest.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    /// Digest of all parts with their names.
    #[must_use]
    pub fn digest(&self) -> String {
        let words = self.0.iter().flat_map(|(name, value)| [name, value]);
        words.fold(Inputs::default(), |inputs, word| inputs.word(word)).digest()
    }

    /// Names of the parts that differ.
    fn differences(&self, other: &Self) -> Vec<String> {
        let names: BTreeSet<&String> = self.0.keys().chain(other.0.keys()).collect();
        let differ = names.into_iter().filter(|name| self.0.get(*name) != other.0.get(*name));
        differ.cloned().collect()
    }
}

/// What a stage left behind when it was last done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// Digest of the inputs.
    pub inputs: String,
    /// The inputs by name, where the stage tells them apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parts: Option<Parts>,
    /// What it made; when one is gone or is another by now, the stage is done again.
    pub outputs: Vec<Output>,
    /// How it ended, in the stage's own word.
    pub result: String,
}

/// A file or a folder that a stage has made. A file is known again by its size and its time: a cargo called by hand, or
/// another checkout with the same target folder, may have put another program in its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// Where it lies.
    pub path: PathBuf,
    /// Size of a file; `None` for a folder.
    pub size_bytes: Option<u64>,
    /// Last modification of a file, since 1970; `None` for a folder.
    pub modified_unix_ns: Option<i128>,
}

impl Output {
    /// As it is now; `None` when it is not there.
    fn now(path: &Path) -> Option<Self> {
        let metadata = path.metadata().ok()?;
        let modified_ns =
            i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec());
        let is_file = metadata.is_file();
        Some(Self {
            path: path.to_owned(),
            size_bytes: is_file.then_some(metadata.len()),
            modified_unix_ns: is_file.then_some(modified_ns),
        })
    }

    fn is_unchanged(&self) -> bool {
        Self::now(&self.path).as_ref() == Some(self)
    }
}

fn file(project: &Project, build_step: &str) -> PathBuf {
    project.state.join("stamps").join(format!("{build_step}.json"))
}

fn read(file: &Path) -> Option<Stamp> {
    serde_json::from_str(&std::fs::read_to_string(file).ok()?).ok()
}

/// Why a stage that was done before is done again: the names of the inputs that have changed, or of
/// what is gone. `None` when it was never done.
#[must_use]
pub fn why_again(project: &Project, build_step: &str, parts: &Parts) -> Option<String> {
    let stamp = read(&file(project, build_step))?;
    if let Some(changed) = stamp.outputs.iter().find(|output| !output.is_unchanged()) {
        return Some(format!("{} is not what it made", project.shown(&changed.path)));
    }
    changed(&stamp, parts)
}

fn changed(stamp: &Stamp, parts: &Parts) -> Option<String> {
    let differences = stamp.parts.as_ref()?.differences(parts).join(", ");
    (!differences.is_empty()).then(|| format!("changed: {differences}"))
}

/// Of the stages whose names begin with `prefix`, why the latest that was done with these `same`
/// parts is not enough.
#[must_use]
pub fn why_another(project: &Project, prefix: &str, parts: &Parts, same: &str) -> Option<String> {
    let listed = std::fs::read_dir(project.state.join("stamps")).into_iter().flatten().flatten();
    let stamps = listed.filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix));
    let alike = stamps.filter_map(|entry| {
        let stamp = read(&entry.path())?;
        let is_alike = stamp.parts.as_ref()?.0.get(same) == parts.0.get(same);
        is_alike.then_some((entry.metadata().ok()?.modified().ok()?, stamp))
    });
    let (_, latest) = alike.max_by_key(|(done, _)| *done)?;
    changed(&latest, parts)
}

/// A stage's name for one of its outcomes that may lie side by side, told apart by `what`.
#[must_use]
pub fn of(build_step: &str, what: &str) -> String {
    format!("{build_step}-{}", &Inputs::default().word(what).digest()[..16])
}

/// The stamp of `build_step`, if it was done with `inputs` and all it made is there as it was.
#[must_use]
pub fn fresh(project: &Project, build_step: &str, inputs: &str) -> Option<Stamp> {
    let stamp = read(&file(project, build_step))?;
    let whole = stamp.inputs == inputs && stamp.outputs.iter().all(Output::is_unchanged);
    whole.then_some(stamp)
}

/// Notes that `build_step` has been done.
///
/// # Errors
/// An output is not there, or the state folder cannot be written.
pub fn done(
    project: &Project,
    build_step: &str,
    inputs: &str,
    outputs: &[PathBuf],
    result: &str,
) -> Result<()> {
    let made = |path: &PathBuf| {
        Output::now(path)
            .with_context(|| format!("build step `{build_step}` made no {}", path.display()))
    };
    let outputs = outputs.iter().map(made).collect::<Result<_>>()?;
    let (inputs, result) = (inputs.to_owned(), result.to_owned());
    let stamp = Stamp { inputs, parts: None, outputs, result };
    write(&file(project, build_step), &serde_json::to_vec_pretty(&stamp)?)
}

/// As [`done`], for a stage that tells its inputs apart.
///
/// # Errors
/// As [`done`].
pub fn done_with(
    project: &Project,
    build_step: &str,
    parts: &Parts,
    outputs: &[PathBuf],
    result: &str,
) -> Result<()> {
    done(project, build_step, &parts.digest(), outputs, result)?;
    let file = file(project, build_step);
    let mut stamp = read(&file).with_context(|| format!("read {}", file.display()))?;
    stamp.parts = Some(parts.clone());
    write(&file, &serde_json::to_vec_pretty(&stamp)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_is_fresh_only_with_its_inputs_and_outputs() {
        let root = std::env::temp_dir().join(format!("xtask-stage-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&root);
        let project = Project {
            state: root.join("state"),
            target: root.join("target"),
            build: root.join("target"),
            assume_yes: true,
            root: root.clone(),
        };
        let made = root.join("made");
        write(&made, b"x").unwrap();
        assert_eq!(fresh(&project, "s", "1"), None);
        done(&project, "s", "1", &[made.clone(), root.clone()], "done").unwrap();
        write(&root.join("another"), b"a folder may get more").unwrap();
        assert!(fresh(&project, "s", "1").is_some());
        assert_eq!(fresh(&project, "s", "2"), None);
        // The same size, a moment later: another file.
        std::thread::sleep(std::time::Duration::from_millis(20));
        write(&made, b"y").unwrap();
        assert_eq!(fresh(&project, "s", "1"), None);
        done(&project, "s", "1", std::slice::from_ref(&made), "done").unwrap();
        assert!(fresh(&project, "s", "1").is_some());
        std::fs::remove_file(&made).unwrap();
        assert_eq!(fresh(&project, "s", "1"), None);
        let missing = done(&project, "s", "1", &[made], "done").unwrap_err();
        assert!(missing.to_string().contains("build step `s` made no "), "{missing}");

        let parts = |version: &str| Parts::default().with("asked", "a").with("engine", version);
        write(&root.join("made"), b"z").unwrap();
        assert_eq!(why_again(&project, "t", &parts("1")), None, "never done");
        done_with(&project, "t", &parts("1"), &[root.join("made")], "done").unwrap();
        assert!(fresh(&project, "t", &parts("1").digest()).is_some());
        assert_eq!(why_again(&project, "t", &parts("1")), None);
        let changed = Some("changed: engine".to_owned());
        assert_eq!(why_again(&project, "t", &parts("2")), changed);
        assert_eq!(why_another(&project, "t", &parts("2"), "asked"), changed);
        assert_eq!(why_another(&project, "t", &parts("2").with("asked", "b"), "asked"), None);
        std::fs::remove_file(root.join("made")).unwrap();
        let gone = why_again(&project, "t", &parts("1"));
        assert_eq!(gone.as_deref(), Some("made is not what it made"));
        std::fs::remove_dir_all(&root).unwrap();
    }
}

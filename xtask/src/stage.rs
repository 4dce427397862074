//! Stages: what has been done with the same inputs is skipped, and says so.

use crate::project::Project;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What a stage left behind when it was last done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// Digest of the inputs.
    pub inputs: String,
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

fn file(project: &Project, stage: &str) -> PathBuf {
    project.state.join("stamps").join(format!("{stage}.json"))
}

/// The stamp of `stage`, if it was done with `inputs` and all it made is there as it was.
#[must_use]
pub fn fresh(project: &Project, stage: &str, inputs: &str) -> Option<Stamp> {
    let text = std::fs::read_to_string(file(project, stage)).ok()?;
    let stamp: Stamp = serde_json::from_str(&text).ok()?;
    let whole = stamp.inputs == inputs && stamp.outputs.iter().all(Output::is_unchanged);
    whole.then_some(stamp)
}

/// Notes that `stage` has been done.
///
/// # Errors
/// An output is not there, or the state folder cannot be written.
pub fn done(
    project: &Project,
    stage: &str,
    inputs: &str,
    outputs: &[PathBuf],
    result: &str,
) -> Result<()> {
    let made = |path: &PathBuf| {
        Output::now(path).with_context(|| format!("stage `{stage}` made no {}", path.display()))
    };
    let outputs = outputs.iter().map(made).collect::<Result<_>>()?;
    let stamp = Stamp { inputs: inputs.to_owned(), outputs, result: result.to_owned() };
    write(&file(project, stage), &serde_json::to_vec_pretty(&stamp)?)
}

/// Writes a file through a temporary name, making its folder where needed.
///
/// # Errors
/// It cannot be written; the message names it.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("create {}", folder.display()))?;
    }
    let temporary = path.with_extension("writing");
    std::fs::write(&temporary, bytes).with_context(|| format!("write {}", temporary.display()))?;
    std::fs::rename(&temporary, path).with_context(|| format!("rename to {}", path.display()))
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
        assert!(missing.to_string().contains("stage `s` made no "), "{missing}");
        std::fs::remove_dir_all(&root).unwrap();
    }
}

//! Stages: what has been done with the same inputs is skipped, and says so.

use crate::project::Project;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// What a stage left behind when it was last done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// Digest of the inputs.
    pub inputs: String,
    /// What it made; when one is gone, the stage is done again.
    pub outputs: Vec<PathBuf>,
    /// How it ended, in the stage's own word.
    pub result: String,
}

fn file(project: &Project, stage: &str) -> PathBuf {
    project.state.join("stamps").join(format!("{stage}.json"))
}

/// The stamp of `stage`, if it was done with `inputs` and all it made is still there.
#[must_use]
pub fn fresh(project: &Project, stage: &str, inputs: &str) -> Option<Stamp> {
    let text = std::fs::read_to_string(file(project, stage)).ok()?;
    let stamp: Stamp = serde_json::from_str(&text).ok()?;
    let whole = stamp.inputs == inputs && stamp.outputs.iter().all(|path| path.exists());
    whole.then_some(stamp)
}

/// Notes that `stage` has been done.
///
/// # Errors
/// The state folder cannot be written.
pub fn done(
    project: &Project,
    stage: &str,
    inputs: &str,
    outputs: Vec<PathBuf>,
    result: &str,
) -> Result<()> {
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
            assume_yes: true,
            root: root.clone(),
        };
        let made = root.join("made");
        write(&made, b"x").unwrap();
        assert_eq!(fresh(&project, "s", "1"), None);
        done(&project, "s", "1", vec![made.clone()], "done").unwrap();
        assert!(fresh(&project, "s", "1").is_some());
        assert_eq!(fresh(&project, "s", "2"), None);
        std::fs::remove_file(&made).unwrap();
        assert_eq!(fresh(&project, "s", "1"), None);
        std::fs::remove_dir_all(&root).unwrap();
    }
}

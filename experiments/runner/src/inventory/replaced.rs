//! Programs that are replaced while a run measures: by a build, or by an upgrade of the distribution. What was measured
//! before belongs to other digests than what is measured after.

use crate::inventory::artifacts::Artifacts;
use crate::inventory::built::Built;
use crate::inventory::digest::sha256_file;
use crate::subject::way;
use anyhow::{Result, bail};
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use weighbridge_schema::manifest::{Availability, Manifest};

/// By what a file is known to be the same without reading it. Not its last change of status: an additional link makes
/// one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
    size_bytes: u64,
    modified_ns: (i64, i64),
}

impl Identity {
    fn of(path: &Path) -> Option<Self> {
        let found = path.metadata().ok()?;
        Some(Self {
            device: found.dev(),
            inode: found.ino(),
            size_bytes: found.size(),
            modified_ns: (found.mtime(), found.mtime_nsec()),
        })
    }
}

struct Watched {
    sha256: String,
    identity: Option<Identity>,
}

/// The files that a run measures, as they were when it began.
pub struct Programs(BTreeMap<PathBuf, Watched>);

impl Programs {
    /// What was built, what was installed and prepared for the subjects, and what the machine itself runs them by.
    ///
    /// # Errors
    /// A program of the machine cannot be read.
    pub fn of(built: &Built, manifest: &Manifest) -> Result<Self> {
        let known = built.all().flat_map(Artifacts::files);
        let mut files: BTreeMap<PathBuf, String> = known.collect();
        for path in machines_own(manifest) {
            let sha256 = sha256_file(&path)?;
            files.insert(path, sha256);
        }
        let watched = files.into_iter().map(|(path, sha256)| {
            let identity = Identity::of(&path);
            (path, Watched { sha256, identity })
        });
        Ok(Self(watched.collect()))
    }

    /// Looks whether all of them are what they were. One that was only touched is.
    ///
    /// # Errors
    /// One is not: the message names it.
    pub fn check(&mut self) -> Result<()> {
        for (path, watched) in &mut self.0 {
            let now = Identity::of(path);
            if now == watched.identity {
                continue;
            }
            match sha256_file(path) {
                Ok(sha256) if sha256 == watched.sha256 => watched.identity = now,
                Ok(_) => bail!("{} was replaced while it was measured", path.display()),
                Err(error) => bail!("{} is gone while it was measured: {error:#}", path.display()),
            }
        }
        Ok(())
    }
}

/// The programs on PATH that the plan's subjects are run by: runtimes, containerd, emulators.
fn machines_own(manifest: &Manifest) -> Vec<PathBuf> {
    let mut names: Vec<PathBuf> = Vec::new();
    for entry in manifest.subjects.values() {
        if !matches!(entry.availability, Availability::Installed { .. }) {
            continue;
        }
        names.extend(way(&entry.definition.start).programs());
    }
    names.extend(manifest.emulators.values().map(|emulator| PathBuf::from(&emulator.program)));
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_replaced_is_named_and_one_that_is_touched_or_linked_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let mut artifacts = Artifacts::bare(folder.path());
        artifacts.add("native", "a program");
        let path = folder.path().join("native");
        let files = artifacts.files();
        assert_eq!(files.len(), 1);
        let watch = |(path, sha256): (PathBuf, String)| {
            let identity = Identity::of(&path);
            (path, Watched { sha256, identity })
        };
        let mut programs = Programs(files.into_iter().map(watch).collect());
        programs.check().unwrap();
        std::fs::hard_link(&path, folder.path().join("link")).unwrap();
        programs.check().unwrap();
        // The same again, under its name: a build that made the same.
        std::fs::write(folder.path().join("new"), "a program").unwrap();
        std::fs::rename(folder.path().join("new"), &path).unwrap();
        programs.check().unwrap();
        std::fs::write(folder.path().join("new"), "b program").unwrap();
        std::fs::rename(folder.path().join("new"), &path).unwrap();
        let error = programs.check().unwrap_err().to_string();
        assert!(error.ends_with("native was replaced while it was measured"), "{error}");
        std::fs::remove_file(&path).unwrap();
        let error = programs.check().unwrap_err().to_string();
        assert!(error.contains("native is gone"), "{error}");
    }
}

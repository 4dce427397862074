//! What was built, for this machine and for others.

use crate::inventory::artifacts::Artifacts;
use crate::plan::missing::Missing;
use crate::question::custom_files::CustomFiles;
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::path::Path;
use weighbridge_schema::artifact;

/// The artifacts of every architecture that was requested.
#[derive(Debug)]
pub struct Built {
    /// Those of this machine's architecture.
    pub local: Artifacts,
    foreign: BTreeMap<String, Artifacts>,
}

impl Built {
    /// Reads this machine's folder, and of each other architecture asked for the folder beside it, where there is one.
    ///
    /// # Errors
    /// A folder's record cannot be read or does not fit its files; the folder holds another architecture.
    pub fn read(folder: &Path, architectures: &[String]) -> Result<Self> {
        let local = Artifacts::read(folder)?;
        check_architecture(folder, &local, std::env::consts::ARCH)?;
        let mut foreign = BTreeMap::new();
        for name in architectures.iter().filter(|name| *name != std::env::consts::ARCH) {
            let beside = folder.parent().context("the artifact folder has no parent")?.join(name);
            if beside.join("artifacts.json").is_file() {
                let artifacts = Artifacts::read(&beside)?;
                check_architecture(&beside, &artifacts, name)?;
                foreign.insert(name.clone(), artifacts);
            }
        }
        Ok(Self { local, foreign })
    }

    /// The artifacts of `architecture`.
    ///
    /// # Errors
    /// They were not built.
    pub fn of(&self, architecture: &str) -> Result<&Artifacts, Missing> {
        if architecture == self.local.record.architecture {
            return Ok(&self.local);
        }
        let foreign = self.foreign.get(architecture);
        foreign.ok_or_else(|| Missing::Architecture(architecture.to_owned()))
    }

    /// Those of every architecture.
    pub fn all(&self) -> impl Iterator<Item = &Artifacts> {
        std::iter::once(&self.local).chain(self.foreign.values())
    }

    /// Adds the custom files of definitions, before anything is made of them: they are the same on every architecture.
    pub fn add_custom_files(&mut self, files: CustomFiles) {
        for foreign in self.foreign.values_mut() {
            foreign.add_custom_files(files.clone());
        }
        self.local.add_custom_files(files);
    }

    /// The records of the foreign ones, for the manifest.
    pub fn foreign_records(&self) -> BTreeMap<String, artifact::Artifacts> {
        self.foreign.iter().map(|(name, built)| (name.clone(), built.record.clone())).collect()
    }
}

fn check_architecture(folder: &Path, artifacts: &Artifacts, expected: &str) -> Result<()> {
    anyhow::ensure!(
        artifacts.record.architecture == expected,
        "{} holds artifacts for {}, not for {expected}",
        folder.display(),
        artifacts.record.architecture
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::question::custom_files::CustomFile;

    /// Of a subject that ships a script the size was not known for another architecture than this machine's.
    #[test]
    fn custom_files_are_those_of_every_architecture() {
        let folder = tempfile::tempdir().unwrap();
        let bare = || Artifacts::bare(folder.path());
        let foreign = BTreeMap::from([("aarch64".to_owned(), bare())]);
        let mut built = Built { local: bare(), foreign };
        let file = CustomFile { path: folder.path().join("serve.mjs"), sha256: String::new() };
        built.add_custom_files(BTreeMap::from([("serve.mjs".to_owned(), file.clone())]));
        for artifacts in built.all() {
            assert_eq!(artifacts.custom_file("serve.mjs").unwrap(), &file);
        }
    }
}

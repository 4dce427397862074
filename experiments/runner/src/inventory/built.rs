//! What was built, for this machine and for others.

use crate::inventory::artifacts::Artifacts;
use crate::plan::missing::Missing;
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

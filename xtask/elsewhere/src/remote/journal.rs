//! What this side must know to resume a remote run: `RUN.partial/remote.json`.

use super::Host;
use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use weighbridge_project::files;
use weighbridge_project::files::read_json;
use weighbridge_schema::manifest::Revision;

const FILE: &str = "remote.json";

/// One machine's part of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemotePart {
    /// The machine.
    pub host: Host,
    /// The part's name, and that of its run folder.
    pub name: String,
    /// Where the bundle is unpacked there.
    pub unpacked: String,
    /// The folder of this part there.
    pub home: String,
    /// The runner's options.
    pub arguments: Vec<String>,
}

impl RemotePart {
    /// The script of the far side.
    #[must_use]
    pub fn script(&self) -> String {
        format!("{}/remote.sh", self.unpacked)
    }
}

/// A run on other machines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Journal {
    /// The run's name.
    pub run: String,
    /// State of the checkout that was sent.
    pub revision: Option<Revision>,
    /// Who measures what.
    pub parts: Vec<RemotePart>,
}

impl Journal {
    /// The folder of the unfinished run here.
    #[must_use]
    pub fn folder(&self, results: &Path) -> PathBuf {
        folder(results, &self.run)
    }

    /// Whether the unfinished run `run` is measured elsewhere.
    #[must_use]
    pub fn exists(results: &Path, run: &str) -> bool {
        folder(results, run).join(FILE).is_file()
    }

    /// Writes it, before anything is started.
    ///
    /// # Errors
    /// It cannot be written, or there is such a run.
    pub fn write(&self, results: &Path) -> Result<()> {
        let folder = self.folder(results);
        let finished = results.join(&self.run);
        ensure!(
            !finished.exists() && !folder.exists(),
            "{} exists already: a run is never overwritten",
            finished.display()
        );
        files::write(&folder.join(FILE), &serde_json::to_vec_pretty(self)?)
    }

    /// Reads that of an unfinished run.
    ///
    /// # Errors
    /// There is none.
    pub fn read(results: &Path, run: &str) -> Result<Self> {
        ensure!(
            !results.join(run).exists(),
            "{} is complete: there is nothing to resume",
            results.join(run).display()
        );
        read_json(&folder(results, run).join(FILE))
    }
}

fn folder(results: &Path, run: &str) -> PathBuf {
    results.join(format!("{run}.partial"))
}

//! One part of a run, as it lies on disk.

use anyhow::{Context, Result, ensure};
use std::path::{Path, PathBuf};
use weighbridge_project::files::read_json;
use weighbridge_schema::SCHEMA_VERSION;
use weighbridge_schema::line;
use weighbridge_schema::manifest::Manifest;
use weighbridge_schema::record::Observation;
use weighbridge_schema::stop::Stop;

/// A complete run folder that is to become part of another one.
#[derive(Debug, Clone)]
pub struct Part {
    /// Its folder.
    pub folder: PathBuf,
    /// Its manifest, with the part of the plan.
    pub manifest: Manifest,
    /// Its log.
    pub observations: Vec<Observation>,
    /// Why its cells ended; empty where that was not written.
    pub stops: Vec<Stop>,
}

impl Part {
    /// Reads a complete run.
    ///
    /// # Errors
    /// A file is missing or damaged, or the run was not completed.
    pub fn read(folder: &Path) -> Result<Self> {
        ensure!(
            folder.extension().is_none_or(|extension| extension != "partial"),
            "{} is not complete: resume it first (--resume)",
            folder.display()
        );
        let manifest: Manifest = read_json(&folder.join("manifest.json"))?;
        ensure!(
            manifest.schema_version == SCHEMA_VERSION,
            "{} has schema version {}, this program reads {SCHEMA_VERSION}",
            folder.display(),
            manifest.schema_version
        );
        let stops = folder.join("stops.json");
        Ok(Self {
            folder: folder.to_owned(),
            manifest,
            observations: read_log(&folder.join("observations.jsonl"))?,
            stops: if stops.is_file() { read_json(&stops)? } else { Vec::new() },
        })
    }

    /// The name it has among the parts.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.manifest.run
    }

    /// The name of the machine it was made on; its own name where the machine was given none.
    #[must_use]
    pub fn machine(&self) -> &str {
        self.manifest.machines.keys().next().map_or_else(|| self.name(), String::as_str)
    }

    /// The machine's own instruction set.
    #[must_use]
    pub fn local(&self) -> &str {
        &self.manifest.fingerprint.architecture
    }

    /// Parts that ran on their own instruction set come first, the others in the order of their blocks.
    pub(super) fn order(&self) -> (bool, Vec<String>, u32, String) {
        let requested: Vec<String> =
            self.manifest.requested_architectures().into_iter().map(str::to_owned).collect();
        let is_foreign = !requested.iter().any(|name| name == self.local());
        let first = self.manifest.plan.iter().map(|trial| trial.invocation).min();
        (is_foreign, requested, first.unwrap_or(u32::MAX), self.name().to_owned())
    }
}

fn read_log(path: &Path) -> Result<Vec<Observation>> {
    let bytes = std::fs::read(path).with_context(|| format!("read {}", path.display()))?;
    let log = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    let lines = log.split(|&byte| byte == b'\n').filter(|_| !log.is_empty());
    lines
        .enumerate()
        .map(|(index, line)| {
            let read = line::read(line);
            let place = || format!("{}:{}", path.display(), index + 1);
            Ok(read.with_context(place)?.observation)
        })
        .collect()
}

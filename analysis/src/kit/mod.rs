//! What a kit says about itself: the artifact appendix for readers, and the research object
//! (RO-Crate 1.1, Provenance Run Crate 0.5) for machines.
//!
//! A kit is a folder that stands on its own: the raw log of a published run, the programs that were
//! measured, and those that measure and compute.

mod appendix;
mod research_object;

use crate::published::sha256;
use crate::results::Results;
use anyhow::{Context, Result};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::path::Path;
use weighbridge_schema::name::ExperimentName;
use weighbridge_schema::record::Outcome;

/// The file of the appendix, in the kit.
pub const APPENDIX: &str = "APPENDIX.md";
/// The file of the research object, in the kit; its name is the format's.
pub const RESEARCH_OBJECT: &str = "ro-crate-metadata.json";
/// The digests of all other files, as `sha256sum --check` reads them.
pub const SUMS: &str = "SHA256SUMS";

/// A file of the kit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Path within the kit, with `/`.
    pub path: String,
    /// Its size.
    pub size_bytes: u64,
    /// Lower-case hexadecimal SHA-256.
    pub sha256: String,
}

/// Writes appendix, research object and digests into the folder of a kit that is otherwise whole.
///
/// # Errors
/// A file that cannot be read or written, by its path.
pub fn describe(results: &Results<'_>, folder: &Path) -> Result<()> {
    for name in [APPENDIX, RESEARCH_OBJECT, SUMS] {
        let path = folder.join(name);
        if path.exists() {
            std::fs::remove_file(&path).with_context(|| format!("remove {}", path.display()))?;
        }
    }
    let size_bytes = files(folder)?.iter().map(|file| file.size_bytes).sum();
    save(&folder.join(APPENDIX), &appendix::render(results, size_bytes))?;
    let object = research_object::render(results, &files(folder)?)?;
    save(&folder.join(RESEARCH_OBJECT), &object)?;
    let sums: Vec<String> =
        files(folder)?.iter().map(|file| format!("{}  {}\n", file.sha256, file.path)).collect();
    save(&folder.join(SUMS), &sums.concat())
}

/// Every file below the folder, in the order of their paths.
///
/// # Errors
/// A folder or file that cannot be read, by its path.
pub fn files(folder: &Path) -> Result<Vec<File>> {
    let mut found = Vec::new();
    collect(folder, "", &mut found)?;
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

fn collect(folder: &Path, prefix: &str, found: &mut Vec<File>) -> Result<()> {
    let listed = || format!("list {}", folder.display());
    for entry in std::fs::read_dir(folder).with_context(listed)? {
        let entry = entry.with_context(listed)?;
        let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            collect(&entry.path(), &format!("{path}/"), found)?;
            continue;
        }
        let bytes = std::fs::read(entry.path())
            .with_context(|| format!("read {}", entry.path().display()))?;
        found.push(File { path, size_bytes: bytes.len() as u64, sha256: sha256(&bytes) });
    }
    Ok(())
}

fn save(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).with_context(|| format!("write {}", path.display()))
}

/// The visits of one experiment in the raw log, repeated ones among them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Visits {
    /// How many there were.
    count: usize,
    /// How many of them failed.
    failed_count: usize,
    /// What they took together.
    duration_ns: u64,
    /// The first one's start, since 1970-01-01 UTC.
    began_unix_ns: u64,
    /// The last one's end, likewise.
    ended_unix_ns: u64,
}

fn visits(results: &Results<'_>) -> BTreeMap<ExperimentName, Visits> {
    let mut by_experiment: BTreeMap<ExperimentName, Visits> = BTreeMap::new();
    for observation in &results.run.observations {
        let began = observation.started_at_unix_ns;
        let ended = began.saturating_add(observation.duration_ns);
        let visits = by_experiment
            .entry(observation.trial.experiment.clone())
            .or_insert_with(|| Visits { began_unix_ns: began, ..Visits::default() });
        visits.count += 1;
        visits.failed_count += usize::from(observation.outcome != Outcome::Ok);
        visits.duration_ns = visits.duration_ns.saturating_add(observation.duration_ns);
        visits.began_unix_ns = visits.began_unix_ns.min(began);
        visits.ended_unix_ns = visits.ended_unix_ns.max(ended);
    }
    by_experiment
}

/// A moment such as 2026-11-29T21:05:54Z.
fn moment(unix_ns: u64) -> Result<String> {
    let seconds = i64::try_from(unix_ns / 1_000_000_000).context("a moment of the raw log")?;
    let at = Timestamp::from_second(seconds).context("a moment of the raw log")?;
    Ok(at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

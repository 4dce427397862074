//! Files that subjects need and that are made before anything is measured, once: a module compiled ahead of time by
//! the very program that will run it.

use crate::artifacts::Artifacts;
use crate::clock::monotonic_ns;
use crate::digest::{hex, sha256_file};
use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use weighbridge_schema::manifest::PreparedEntry;
use weighbridge_schema::name::SubjectName;
use weighbridge_schema::subject::Preparation;

/// A file that was made.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// Where it lies.
    pub path: PathBuf,
    /// What the manifest says of it.
    pub entry: PreparedEntry,
}

/// Makes the file of `subject`, unless the same command has made it from the same files before.
///
/// # Errors
/// A program or an artifact is missing, or the command failed; the message holds what it said.
pub fn make(
    subject: &SubjectName,
    preparation: &Preparation,
    artifacts: &Artifacts,
) -> Result<Prepared> {
    let folder = artifacts
        .prepared_folder()
        .join(format!("{subject}-{}", &inputs(preparation, artifacts)?[..16]));
    let path = folder.join(&preparation.file);
    let mut made_in_ns = None;
    if !path.is_file() {
        std::fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
        made_in_ns = Some(run(preparation, artifacts, &path)?);
    }
    let size_bytes = path.metadata().with_context(|| format!("size of {}", path.display()))?.len();
    let entry = PreparedEntry { sha256: sha256_file(&path)?, size_bytes, made_in_ns };
    Ok(Prepared { path, entry })
}

/// Digest of everything that the file depends on: the words, and the content of what they name.
fn inputs(preparation: &Preparation, artifacts: &Artifacts) -> Result<String> {
    let mut digest = Sha256::new();
    for word in &preparation.command {
        digest.update(word);
        digest.update([0]);
        digest.update(artifacts.content_digests(word).map_err(anyhow::Error::msg)?);
        digest.update([0]);
    }
    Ok(hex(&digest.finalize()))
}

/// Runs the command, which writes beside `path`; the file gets its name when it is whole.
fn run(preparation: &Preparation, artifacts: &Artifacts, path: &Path) -> Result<u64> {
    // The ending stays: programs tell by it what to write.
    let unfinished =
        path.with_file_name(format!("unfinished-{}-{}", std::process::id(), preparation.file));
    let mut words = Vec::new();
    for word in &preparation.command {
        match word.as_str() {
            word if word.starts_with("{prepared:") => words.push(unfinished.display().to_string()),
            word => words.extend(artifacts.words(word).map_err(anyhow::Error::msg)?),
        }
    }
    let shown = words.join(" ");
    let (program, arguments) = words.split_first().context("an empty `prepare` command")?;
    let begun = monotonic_ns();
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("run `{shown}`"))?;
    let made_in_ns = monotonic_ns().saturating_sub(begun);
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "`{shown}` failed ({}): {}", output.status, said.trim());
    ensure!(unfinished.is_file(), "`{shown}` ended well and wrote nothing");
    std::fs::rename(&unfinished, path)
        .with_context(|| format!("rename {} to {}", unfinished.display(), path.display()))?;
    Ok(made_in_ns)
}

//! Files that subjects need and that are made before anything is measured, once: a module compiled ahead of time by
//! the very program that will run it, or a manifest that says where the module lies.

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

/// Makes the file of `subject`, unless the same command or text has made it from the same files before.
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
        made_in_ns = Some(match &preparation.text {
            Some(text) => write(text, artifacts, &path)?,
            None => run(preparation, artifacts, &path)?,
        });
    }
    let size_bytes = path.metadata().with_context(|| format!("size of {}", path.display()))?.len();
    let entry = PreparedEntry { sha256: sha256_file(&path)?, size_bytes, made_in_ns };
    Ok(Prepared { path, entry })
}

/// Digest of everything that the file depends on: the words, and the content of what they name.
fn inputs(preparation: &Preparation, artifacts: &Artifacts) -> Result<String> {
    let mut digest = Sha256::new();
    for word in preparation.command.iter().chain(&preparation.text) {
        digest.update(word);
        digest.update([0]);
        // The paths themselves stand in a text: it is another one when they are others.
        if preparation.text.is_some() {
            digest.update(artifacts.fill_in(word).map_err(anyhow::Error::msg)?);
            digest.update([0]);
        }
        digest.update(artifacts.content_digests(word).map_err(anyhow::Error::msg)?);
        digest.update([0]);
    }
    Ok(hex(&digest.finalize()))
}

/// Where the file lies until it is whole. The ending stays: programs tell by it what to write.
fn unfinished(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!("unfinished-{}-{name}", std::process::id()))
}

/// Gives the file its name.
fn finish(unfinished: &Path, path: &Path) -> Result<()> {
    std::fs::rename(unfinished, path)
        .with_context(|| format!("rename {} to {}", unfinished.display(), path.display()))
}

/// Writes the text with the paths filled in.
fn write(text: &str, artifacts: &Artifacts, path: &Path) -> Result<u64> {
    let begun = monotonic_ns();
    let filled = artifacts.fill_in(text).map_err(anyhow::Error::msg)?;
    let unfinished = unfinished(path);
    std::fs::write(&unfinished, filled)
        .with_context(|| format!("write {}", unfinished.display()))?;
    finish(&unfinished, path)?;
    Ok(monotonic_ns().saturating_sub(begun))
}

/// Runs the command, which writes beside `path`; the file gets its name when it is whole.
fn run(preparation: &Preparation, artifacts: &Artifacts, path: &Path) -> Result<u64> {
    let unfinished = unfinished(path);
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
    finish(&unfinished, path)?;
    Ok(made_in_ns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_names_the_module_by_its_path_and_is_written_once() {
        let folder = tempfile::tempdir().unwrap();
        let mut artifacts = Artifacts::bare(folder.path());
        artifacts.add("component.wasm", "a component");
        let preparation = Preparation {
            file: "spin.toml".to_owned(),
            command: Vec::new(),
            text: Some("source = \"{artifact:component.wasm}\"\nroute = \"/...\"\n".to_owned()),
        };
        let subject: SubjectName = "spin".parse().unwrap();
        let made = make(&subject, &preparation, &artifacts).unwrap();
        let component = folder.path().join("component.wasm");
        let expected = format!("source = \"{}\"\nroute = \"/...\"\n", component.display());
        assert_eq!(std::fs::read_to_string(&made.path).unwrap(), expected);
        assert_eq!(made.path.file_name().unwrap(), "spin.toml");
        assert!(made.entry.made_in_ns.is_some());

        let again = make(&subject, &preparation, &artifacts).unwrap();
        assert_eq!((again.path.clone(), again.entry.made_in_ns), (made.path.clone(), None));
        // Another build of the module is another manifest, though its path is the same.
        artifacts.add("component.wasm", "another component");
        assert_ne!(make(&subject, &preparation, &artifacts).unwrap().path, made.path);
    }

    #[test]
    fn a_manifest_of_what_was_not_built_is_not_written() {
        let folder = tempfile::tempdir().unwrap();
        let artifacts = Artifacts::bare(folder.path());
        let text = Some("source = \"{artifact:component.wasm}\"".to_owned());
        let preparation = Preparation { file: "spin.toml".to_owned(), command: Vec::new(), text };
        let error = make(&"spin".parse().unwrap(), &preparation, &artifacts).unwrap_err();
        assert!(error.to_string().contains("no artifact `component.wasm`"), "{error}");
        assert!(!artifacts.prepared_folder().exists());
    }
}

//! Files that subjects need and that are made before anything is measured, once: a module compiled ahead of time by the
//! very program that will run it, where need be after intermediate files it is compiled from, or a manifest that says
//! where the module lies.

use crate::inventory::artifacts::Artifacts;
use crate::inventory::digest::{hex, sha256_file};
use crate::kernel::clock::monotonic_ns;
use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use weighbridge_machine::environment;
use weighbridge_schema::artifact::Artifact;
use weighbridge_schema::manifest::PreparedEntry;
use weighbridge_schema::name::SubjectName;
use weighbridge_schema::preparation::Preparation;
use weighbridge_schema::template::{Piece, Word};

/// A file that was made.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// Where it lies.
    pub path: PathBuf,
    /// What the manifest says of it.
    pub entry: PreparedEntry,
}

/// Makes the file of `subject`, unless the same commands or the same text have made it from the same files before.
///
/// # Errors
/// A program or an artifact is missing, or a command failed; the message holds what it said.
pub fn make(
    subject: &SubjectName,
    preparation: &Preparation,
    artifacts: &Artifacts,
) -> Result<Prepared> {
    let folder = artifacts
        .prepared_folder()
        .join(format!("{subject}-{}", &inputs(preparation, artifacts)?[..16]));
    let path = folder.join(&preparation.file);
    let mut files = commands(preparation).map(|(file, _)| folder.join(file));
    let mut made_in_ns = None;
    if !files.all(|file| file.is_file()) || !path.is_file() {
        std::fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
        let mut total_ns = match &preparation.text {
            Some(text) => write(text, artifacts, &path)?,
            None => 0,
        };
        for (file, command) in commands(preparation) {
            total_ns += run(command, file, artifacts, &folder)?;
        }
        made_in_ns = Some(total_ns);
    }
    let whole = file_entry(&folder, &preparation.file)?;
    let made_of = made_of(preparation, artifacts, &folder)?;
    let Artifact { sha256, size_bytes, .. } = whole;
    let entry = PreparedEntry { sha256, size_bytes, made_in_ns, made_of };
    Ok(Prepared { path, entry })
}

/// Every command with the file that it makes, in their order; none where the file is a text.
fn commands(preparation: &Preparation) -> impl Iterator<Item = (&str, &[Word])> {
    let before = preparation.intermediates.iter();
    let before = before.map(|one| (one.file.as_str(), one.command.as_slice()));
    let last = (preparation.file.as_str(), preparation.command.as_slice());
    before.chain(preparation.text.is_none().then_some(last))
}

/// Digest of everything that the file depends on: the words, and the content of what they name.
fn inputs(preparation: &Preparation, artifacts: &Artifacts) -> Result<String> {
    let mut digest = Sha256::new();
    let words = commands(preparation).flat_map(|(_, command)| command);
    for word in words.chain(&preparation.text) {
        digest.update(word.to_string());
        digest.update([0]);
        // The paths themselves stand in a text: it is another one when they are others.
        if preparation.text.is_some() {
            digest.update(artifacts.fill_in(word)?);
            digest.update([0]);
        }
        digest.update(artifacts.content_digests(word)?);
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
fn write(text: &Word, artifacts: &Artifacts, path: &Path) -> Result<u64> {
    let begun = monotonic_ns();
    let filled = artifacts.fill_in(text)?;
    let unfinished = unfinished(path);
    std::fs::write(&unfinished, filled)
        .with_context(|| format!("write {}", unfinished.display()))?;
    finish(&unfinished, path)?;
    Ok(monotonic_ns().saturating_sub(begun))
}

/// What the last command was given to make the file of: artifacts and intermediate files, without the program that it
/// is.
fn made_of(
    preparation: &Preparation,
    artifacts: &Artifacts,
    folder: &Path,
) -> Result<Vec<Artifact>> {
    let mut given = Vec::new();
    for piece in preparation.command.iter().skip(1).flat_map(Word::pieces) {
        match piece {
            Piece::Intermediate(file) => given.push(file_entry(folder, file)?),
            Piece::Artifact(name) => {
                given.push(artifacts.artifact(name)?.clone());
            }
            _ => {}
        }
    }
    Ok(given)
}

fn file_entry(folder: &Path, name: &str) -> Result<Artifact> {
    let path = folder.join(name);
    let size_bytes = path.metadata().with_context(|| format!("size of {}", path.display()))?.len();
    Ok(Artifact { file: name.to_owned(), size_bytes, sha256: sha256_file(&path)? })
}

/// Runs a command, which writes beside `file` in `folder`; the file gets its name when it is whole.
fn run(command: &[Word], file: &str, artifacts: &Artifacts, folder: &Path) -> Result<u64> {
    let path = folder.join(file);
    let unfinished = unfinished(&path);
    let in_folder = |piece: &Piece| match piece {
        Piece::Prepared(_) => Some(unfinished.display().to_string()),
        Piece::Intermediate(own) if own == file => Some(unfinished.display().to_string()),
        Piece::Intermediate(earlier) => Some(folder.join(earlier).display().to_string()),
        _ => None,
    };
    let words: Vec<Word> = command.iter().map(|word| word.with(in_folder)).collect();
    let words = artifacts.command(&words)?;
    let shown = words.join(" ");
    let (program, arguments) = words.split_first().context("an empty `prepare` command")?;
    let begun = monotonic_ns();
    let output = environment::clean(&mut Command::new(program))
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("run `{shown}`"))?;
    let made_in_ns = monotonic_ns().saturating_sub(begun);
    let printed = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "`{shown}` failed ({}): {}", output.status, printed.trim());
    ensure!(unfinished.is_file(), "`{shown}` ended well and wrote nothing");
    finish(&unfinished, &path)?;
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
            intermediates: Vec::new(),
            text: Some(
                "source = \"{artifact:component.wasm}\"\nroute = \"/...\"\n".parse().unwrap(),
            ),
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
        let text = Some("source = \"{artifact:component.wasm}\"".parse().unwrap());
        let preparation = Preparation {
            file: "spin.toml".to_owned(),
            intermediates: Vec::new(),
            command: Vec::new(),
            text,
        };
        let error = make(&"spin".parse().unwrap(), &preparation, &artifacts).unwrap_err();
        assert!(error.to_string().contains("no artifact `component.wasm`"), "{error}");
        assert!(!artifacts.prepared_folder().exists());
    }
}

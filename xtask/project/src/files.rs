//! Files and folders that are there whole or not at all, and the few other things that all parts of
//! `cargo xtask` do with them. Every message names the path.

use anyhow::{Context, Result};
use serde::de::DeserializeOwned;
use std::fs::{self, Permissions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Reads a JSON file.
///
/// # Errors
/// It is missing or damaged; the message names it.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("parse {}", path.display()))
}

/// Writes a file through a temporary one beside it, making its folder where needed. Who reads it
/// meanwhile, or after a crash, finds the old content or the new one.
///
/// # Errors
/// It cannot be written; the message names it.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    persist(path, bytes, 0o666)
}

/// The same of a program.
///
/// # Errors
/// As [`write`].
pub fn write_program(path: &Path, bytes: &[u8]) -> Result<()> {
    persist(path, bytes, 0o777)
}

/// `mode` is what the user's umask is applied to.
fn persist(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    let reported = || format!("write {}", path.display());
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    make_folder(folder)?;
    // Hidden, so that one that a crash leaves behind is no input of any stage.
    let mut temporary = tempfile::Builder::new()
        .prefix(".writing-")
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(folder)
        .with_context(reported)?;
    temporary.write_all(bytes).with_context(reported)?;
    temporary.persist(path).map(drop).map_err(|failed| failed.error).with_context(reported)
}

/// Makes a folder and those above it, unless they are there.
///
/// # Errors
/// It cannot be made; the message names it.
pub fn make_folder(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("create {}", folder.display()))
}

/// Makes a folder under another name and gives it its own when it is whole: `make` fills it.
///
/// # Errors
/// Those of `make`; or it cannot be renamed.
pub fn make_whole(folder: &Path, make: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let unfinished = folder.with_extension(format!("unfinished-{}", std::process::id()));
    let made = make_folder(&unfinished).and_then(|()| make(&unfinished)).and_then(|()| {
        fs::rename(&unfinished, folder)
            .with_context(|| format!("rename {} to {}", unfinished.display(), folder.display()))
    });
    if made.is_err() {
        // What is half made must not be taken for whole; nothing to do when it is not there.
        let _ = fs::remove_dir_all(&unfinished);
    }
    made
}

/// Copies a file, or a folder with all in it.
///
/// # Errors
/// Something cannot be read or written; the message names it.
pub fn copy(from: &Path, to: &Path) -> Result<()> {
    let reported = || format!("copy {} to {}", from.display(), to.display());
    if !from.is_dir() {
        return fs::copy(from, to).map(drop).with_context(reported);
    }
    make_folder(to)?;
    for entry in fs::read_dir(from).with_context(reported)? {
        let name = entry.with_context(reported)?.file_name();
        copy(&from.join(&name), &to.join(&name))?;
    }
    Ok(())
}

/// Removes a file, or a folder with all in it; what is not there is no error.
///
/// # Errors
/// It cannot be removed; the message names it.
pub fn remove(path: &Path) -> Result<()> {
    let removed = match path.symlink_metadata() {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => Err(error),
    };
    removed.with_context(|| format!("remove {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::bail;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_file_is_replaced_whole_and_its_mode_is_a_usual_files() {
        let folder = tempfile::tempdir().unwrap();
        let (file, usual) = (folder.path().join("deep/a"), folder.path().join("usual"));
        fs::write(&usual, "").unwrap();
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        for text in ["one", "two"] {
            write(&file, text.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&file).unwrap(), text);
        }
        assert_eq!(mode(&file), mode(&usual));
        assert_eq!(names(file.parent().unwrap()), ["a"]);
        write_program(&file, b"#!/bin/sh\n").unwrap();
        assert_eq!(mode(&file), mode(&usual) | (mode(&usual) & 0o444) >> 2);
        // A folder in its place cannot be replaced, and nothing is left beside it.
        let error = format!("{:#}", write(file.parent().unwrap(), b"").unwrap_err());
        assert!(error.starts_with(&format!("write {}: ", folder.path().join("deep").display())));
        assert_eq!(names(folder.path()).len(), 2);
    }

    #[test]
    fn a_folder_that_could_not_be_filled_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let made = folder.path().join("tool-1.2.3");
        let fill = |folder: &Path| write(&folder.join("a"), b"");
        let failed = make_whole(&made, |folder| fill(folder).and_then(|()| bail!("no network")));
        assert_eq!(failed.unwrap_err().to_string(), "no network");
        assert_eq!(names(folder.path()), [""; 0]);
        make_whole(&made, fill).unwrap();
        assert_eq!(names(folder.path()), ["tool-1.2.3"]);
        copy(&made, &folder.path().join("copy")).unwrap();
        assert_eq!(names(&folder.path().join("copy")), ["a"]);
        for path in [made.clone(), folder.path().join("copy/a"), made] {
            remove(&path).unwrap();
            assert!(!path.exists());
        }
    }
}

//! Digests of a stage's inputs: what has not changed need not be done again.

use crate::stage;
use anyhow::{Context, Result, anyhow};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Collects everything that a stage depends on.
#[derive(Default)]
pub struct Inputs {
    hasher: Sha256,
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// SHA-256 of a file, lower-case hexadecimal.
///
/// # Errors
/// It cannot be read; the message names it.
pub fn sha256_file(path: &Path) -> Result<String> {
    let mut file = std::fs::File::open(path)
        .with_context(|| format!("open {} to digest it", path.display()))?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let count = std::io::Read::read(&mut file, &mut buffer)
            .with_context(|| format!("read {}", path.display()))?;
        if count == 0 {
            return Ok(hex(&hasher.finalize()));
        }
        hasher.update(&buffer[..count]);
    }
}

/// Digests of large files, remembered from one call to the next: a file of the same size, time and
/// node is the same.
pub struct Digests {
    file: PathBuf,
    known: BTreeMap<String, String>,
    is_changed: bool,
}

impl Digests {
    /// Those that are remembered in this file.
    #[must_use]
    pub fn read(file: PathBuf) -> Self {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        // What cannot be read is computed anew.
        Self { known: serde_json::from_str(&text).unwrap_or_default(), file, is_changed: false }
    }

    /// The digest of a file.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn get(&mut self, path: &Path) -> Result<String> {
        let mut error = None;
        let digest = self.get_or(path, |path| sha256_file(path).map_err(|e| error = Some(e)).ok());
        digest.ok_or_else(|| error.unwrap_or_else(|| anyhow!("read {}", path.display())))
    }

    /// The same, computed in another way where it is not known.
    pub fn get_or(
        &mut self,
        path: &Path,
        compute: impl FnOnce(&Path) -> Option<String>,
    ) -> Option<String> {
        let Ok(metadata) = path.metadata() else { return compute(path) };
        let (seconds, nanoseconds) = (metadata.mtime(), metadata.mtime_nsec());
        let changed = (metadata.ctime(), metadata.ctime_nsec());
        let key = format!(
            "{} {} {} {seconds}.{nanoseconds} {changed:?}",
            path.display(),
            metadata.len(),
            metadata.ino()
        );
        if let Some(known) = self.known.get(&key) {
            return Some(known.clone());
        }
        let digest = compute(path)?;
        let of_path = format!("{} ", path.display());
        self.known.retain(|key, _| !key.starts_with(&of_path));
        self.known.insert(key, digest.clone());
        self.is_changed = true;
        Some(digest)
    }

    /// Writes them down for the next call.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn keep(&self) -> Result<()> {
        if !self.is_changed {
            return Ok(());
        }
        stage::write(&self.file, &serde_json::to_vec_pretty(&self.known)?)
    }
}

impl Inputs {
    /// Adds a word: an option, a version.
    #[must_use]
    pub fn word(mut self, word: &str) -> Self {
        self.hasher.update((word.len() as u64).to_le_bytes());
        self.hasher.update(word.as_bytes());
        self
    }

    /// Adds a file, or every file below a folder, by relative path and content. What is not there counts
    /// as absent: when it appears, the digest changes.
    ///
    /// # Errors
    /// Something is there and cannot be read.
    pub fn path(mut self, root: &Path, relative: &str) -> Result<Self> {
        let mut files = Vec::new();
        collect(&root.join(relative), &mut files)?;
        files.sort();
        for file in files {
            let name = file.strip_prefix(root).unwrap_or(&file).to_string_lossy().into_owned();
            let content =
                std::fs::read(&file).with_context(|| format!("read {}", file.display()))?;
            self = self.word(&name);
            self.hasher.update((content.len() as u64).to_le_bytes());
            self.hasher.update(&content);
        }
        Ok(self)
    }

    /// Adds what lies in a folder, without the entries of these names.
    ///
    /// # Errors
    /// As [`Inputs::path`].
    pub fn folder_without(self, folder: &Path, names: &[&str]) -> Result<Self> {
        let listed = || format!("list {}", folder.display());
        let entries = std::fs::read_dir(folder).with_context(listed)?;
        let mut found: Vec<String> = entries
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect::<std::io::Result<_>>()
            .with_context(listed)?;
        found.retain(|name| !name.starts_with('.') && !names.contains(&name.as_str()));
        found.sort();
        found.iter().try_fold(self, |inputs, name| inputs.path(folder, name))
    }

    /// Adds several paths.
    ///
    /// # Errors
    /// As [`Inputs::path`].
    pub fn paths(self, root: &Path, relative: &[&str]) -> Result<Self> {
        relative.iter().try_fold(self, |inputs, path| inputs.path(root, path))
    }

    /// The digest, lower-case hexadecimal.
    #[must_use]
    pub fn digest(self) -> String {
        hex(&self.hasher.finalize())
    }
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    if path.is_file() {
        files.push(path.to_owned());
        return Ok(());
    }
    if !path.is_dir() {
        return Ok(());
    }
    let entries = std::fs::read_dir(path).with_context(|| format!("list {}", path.display()))?;
    for entry in entries {
        let entry = entry.with_context(|| format!("list {}", path.display()))?;
        let name = entry.file_name();
        // Editors' and tools' own files are not inputs.
        if !name.to_string_lossy().starts_with('.') {
            collect(&entry.path(), files)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_names_and_absence_all_count() {
        let folder = std::env::temp_dir().join(format!("xtask-inputs-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(folder.join("a")).unwrap();
        let digest = || Inputs::default().paths(&folder, &["a", "b"]).unwrap().digest();
        let mut seen = vec![digest()];
        std::fs::write(folder.join("a/x"), "1").unwrap();
        seen.push(digest());
        std::fs::write(folder.join("a/x"), "2").unwrap();
        seen.push(digest());
        std::fs::rename(folder.join("a/x"), folder.join("a/y")).unwrap();
        seen.push(digest());
        std::fs::write(folder.join("b"), "").unwrap();
        seen.push(digest());
        assert_eq!(digest(), *seen.last().unwrap());
        let distinct: std::collections::BTreeSet<_> = seen.iter().collect();
        assert_eq!(distinct.len(), seen.len());
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_digest_is_remembered_until_the_file_is_another() {
        let folder = tempfile::tempdir().unwrap();
        let (file, memory) = (folder.path().join("a"), folder.path().join("digests.json"));
        std::fs::write(&file, "1").unwrap();
        let mut first = Digests::read(memory.clone());
        let one = first.get(&file).unwrap();
        first.keep().unwrap();
        let mut next = Digests::read(memory);
        assert_eq!(next.get_or(&file, |_| panic!("it is known")), Some(one.clone()));
        std::fs::remove_file(&file).unwrap();
        std::fs::write(&file, "2").unwrap();
        assert_ne!(next.get(&file).unwrap(), one);
        assert!(next.get(&folder.path().join("none")).is_err());
        assert_eq!(next.known.len(), 1, "what is gone is forgotten");
    }

    #[test]
    fn a_report_beside_the_raw_log_is_none_of_its_inputs() {
        let folder = tempfile::tempdir().unwrap();
        let digest = || Inputs::default().folder_without(folder.path(), &["report"]);
        std::fs::write(folder.path().join("manifest.json"), "1").unwrap();
        let before = digest().unwrap().digest();
        std::fs::create_dir(folder.path().join("report")).unwrap();
        std::fs::write(folder.path().join("report/index.html"), "2").unwrap();
        assert_eq!(digest().unwrap().digest(), before);
        std::fs::write(folder.path().join("stops.json"), "3").unwrap();
        assert_ne!(digest().unwrap().digest(), before);
    }

    #[test]
    fn words_do_not_run_together() {
        let one = Inputs::default().word("ab").word("c").digest();
        assert_ne!(one, Inputs::default().word("a").word("bc").digest());
    }
}

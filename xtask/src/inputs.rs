//! Digests of a stage's inputs: what has not changed need not be done again.

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// Collects everything that a stage depends on.
#[derive(Default)]
pub struct Inputs {
    hasher: Sha256,
}

fn hex(bytes: &[u8]) -> String {
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
    fn words_do_not_run_together() {
        let one = Inputs::default().word("ab").word("c").digest();
        assert_ne!(one, Inputs::default().word("a").word("bc").digest());
    }
}

//! A tar archive without time, owner or chance in it.

use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

/// Entries are written in the order in which they are added; callers add them sorted.
#[derive(Default)]
pub struct Archive {
    builder: Option<tar::Builder<Vec<u8>>>,
}

impl Archive {
    /// Adds a file of root's.
    ///
    /// # Errors
    /// The name is too long for an archive.
    pub fn file(&mut self, name: &str, mode: u32, content: &[u8]) -> Result<()> {
        let mut header = header(mode, tar::EntryType::Regular);
        header.set_size(content.len() as u64);
        self.add(header, name, content)
    }

    /// Adds a folder of root's.
    ///
    /// # Errors
    /// As [`Archive::file`].
    pub fn directory(&mut self, name: &str) -> Result<()> {
        self.directory_with(name, 0o755)
    }

    /// Adds a folder of root's with this mode.
    ///
    /// # Errors
    /// As [`Archive::file`].
    pub fn directory_with(&mut self, name: &str, mode: u32) -> Result<()> {
        self.add(header(mode, tar::EntryType::Directory), &format!("{name}/"), &[])
    }

    /// Adds another name for what lies at `target`: a symbolic link, or a hard one to an entry before.
    ///
    /// # Errors
    /// As [`Archive::file`].
    pub fn link(&mut self, kind: tar::EntryType, name: &str, target: &Path) -> Result<()> {
        let mut header = header(0o777, kind);
        self.builder()
            .append_link(&mut header, name, target)
            .with_context(|| format!("add the link {name} to the archive"))
    }

    fn add(&mut self, mut header: tar::Header, name: &str, content: &[u8]) -> Result<()> {
        self.builder()
            .append_data(&mut header, name, content)
            .with_context(|| format!("add {name} to the archive"))
    }

    fn builder(&mut self) -> &mut tar::Builder<Vec<u8>> {
        self.builder.get_or_insert_with(|| tar::Builder::new(Vec::new()))
    }

    /// The archive's bytes.
    ///
    /// # Errors
    /// Writing to memory does not fail; the type allows for it.
    pub fn finish(self) -> Result<Vec<u8>> {
        let builder = self.builder.unwrap_or_else(|| tar::Builder::new(Vec::new()));
        builder.into_inner().context("finish the archive")
    }
}

fn header(mode: u32, entry_type: tar::EntryType) -> tar::Header {
    let mut header = tar::Header::new_ustar();
    header.set_entry_type(entry_type);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(0);
    header
}

/// Content of one entry; `None` when there is no such entry.
pub fn entry(archive: &[u8], name: &str) -> Option<Vec<u8>> {
    let mut archive = tar::Archive::new(archive);
    let mut found = archive
        .entries()
        .ok()?
        .filter_map(std::result::Result::ok)
        .find(|entry| entry.path().is_ok_and(|path| path.as_ref() == Path::new(name)))?;
    let mut content = Vec::new();
    found.read_to_end(&mut content).ok()?;
    Some(content)
}

/// Names and sizes of the files in an archive.
///
/// # Errors
/// It is no archive.
pub fn sizes(archive: &[u8]) -> Result<BTreeMap<String, u64>> {
    let mut sizes = BTreeMap::new();
    for entry in tar::Archive::new(archive).entries()? {
        let entry = entry?;
        sizes.insert(entry.path()?.to_string_lossy().into_owned(), entry.size());
    }
    Ok(sizes)
}

//! A root file system on disk as a layer: what is in it and how it may be used, not when it was made or by whom.

use super::archive::Archive;
use anyhow::{Context, Result};
use std::collections::HashMap;
use std::fs::Metadata;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

/// The layer of all that lies below `root`, sorted by path. Everything belongs to root and dates from 1970; modes and
/// hard links are kept. Devices, sockets and pipes are left out: engines make those that a container has.
///
/// # Errors
/// Something cannot be read; the message names it.
pub fn layer(root: &Path) -> Result<Vec<u8>> {
    let mut layer = Layer { archive: Archive::default(), linked: HashMap::new() };
    layer.folder(root, "")?;
    layer.archive.finish()
}

struct Layer {
    archive: Archive,
    /// Files with several names: device and number, and the first name.
    linked: HashMap<(u64, u64), String>,
}

impl Layer {
    fn folder(&mut self, folder: &Path, prefix: &str) -> Result<()> {
        let list = || format!("list {}", folder.display());
        let entries = std::fs::read_dir(folder).with_context(list)?;
        let mut names = Vec::new();
        for entry in entries {
            let name = entry.with_context(list)?.file_name().into_string();
            names.push(name.map_err(|name| {
                anyhow::anyhow!("{}/{} is no text", folder.display(), name.display())
            })?);
        }
        names.sort();
        for name in names {
            let path = folder.join(&name);
            let metadata = std::fs::symlink_metadata(&path)
                .with_context(|| format!("look at {}", path.display()))?;
            self.entry(&path, &format!("{prefix}{name}"), &metadata)?;
        }
        Ok(())
    }

    fn entry(&mut self, path: &Path, name: &str, metadata: &Metadata) -> Result<()> {
        let (kind, mode) = (metadata.file_type(), metadata.mode() & 0o7777);
        if kind.is_dir() {
            self.archive.directory_with(name, mode)?;
            return self.folder(path, &format!("{name}/"));
        }
        if kind.is_symlink() {
            let target = std::fs::read_link(path)
                .with_context(|| format!("read the link {}", path.display()))?;
            return self.archive.link(tar::EntryType::Symlink, name, &target);
        }
        if kind.is_char_device() || kind.is_block_device() || kind.is_fifo() || kind.is_socket() {
            return Ok(());
        }
        if metadata.nlink() > 1 {
            let identity = (metadata.dev(), metadata.ino());
            if let Some(first) = self.linked.get(&identity) {
                return self.archive.link(tar::EntryType::Link, name, Path::new(first));
            }
            self.linked.insert(identity, name.to_owned());
        }
        let content = std::fs::read(path).with_context(|| format!("read {}", path.display()))?;
        self.archive.file(name, mode, &content)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt, symlink};

    /// Made in another order each time, and so with other times and numbers of files.
    fn made(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let under = |name: &str| folder.path().join(name);
        std::fs::create_dir_all(under("usr/bin")).unwrap();
        for name in names {
            std::fs::write(under(name), name).unwrap();
        }
        std::fs::set_permissions(under("usr/bin/tool"), Permissions::from_mode(0o755)).unwrap();
        std::fs::hard_link(under("usr/bin/tool"), under("usr/bin/twin")).unwrap();
        symlink("usr/bin", under("bin")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(under("socket")).unwrap();
        folder
    }

    #[test]
    fn a_layer_holds_what_is_there_and_not_when_it_was_made() {
        let long = format!("usr/bin/{}", "x".repeat(120));
        let first = layer(made(&["b", "usr/bin/tool", &long]).path()).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(5));
        let second = layer(made(&[&long, "usr/bin/tool", "b"]).path()).unwrap();
        assert_eq!(first, second);
        let mut found = Vec::new();
        for entry in tar::Archive::new(&first[..]).entries().unwrap() {
            let entry = entry.unwrap();
            let header = entry.header();
            assert_eq!((header.mtime().unwrap(), header.uid().unwrap()), (0, 0));
            let name = entry.path().unwrap().to_string_lossy().into_owned();
            let to = entry.link_name().unwrap().map(|to| to.to_string_lossy().into_owned());
            found.push((name, header.mode().unwrap(), to));
        }
        let names: Vec<&str> = found.iter().map(|(name, ..)| name.as_str()).collect();
        assert_eq!(names, ["b", "bin", "usr/", "usr/bin/", "usr/bin/tool", "usr/bin/twin", &long]);
        assert_eq!(found[1].2.as_deref(), Some("usr/bin"));
        assert_eq!((found[4].1, &found[4].2), (0o755, &None));
        assert_eq!(found[5].2.as_deref(), Some("usr/bin/tool"), "the same file once");
    }
}

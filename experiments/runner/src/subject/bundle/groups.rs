//! Control groups that nobody removes any more: those of a container whose runtime, or whose daemon, was killed.

use crate::failure::Cause;
use std::fs::{read_dir, remove_dir};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Where the hierarchies lie.
pub const ROOT: &str = "/sys/fs/cgroup";
/// Longest wait for the kernel to let a group go whose last process has ended.
const EMPTY_LIMIT: Duration = Duration::from_secs(2);

/// Removes the control groups of a container that is gone, in every hierarchy.
///
/// # Errors
/// One of them cannot be removed, such as one that still holds a process; the message names it.
pub fn remove(name: &str) -> Result<(), Cause> {
    of(Path::new(ROOT), name).iter().try_for_each(|group| remove_tree(group))
}

/// The groups of this name below the root of the one hierarchy of version 2, or of each one of version 1.
fn of(root: &Path, name: &str) -> Vec<PathBuf> {
    let hierarchies = read_dir(root).into_iter().flatten().flatten().map(|entry| entry.path());
    let groups = std::iter::once(root.to_owned()).chain(hierarchies).map(|path| path.join(name));
    // Names of hierarchies that are links (`cpu`, `cpuacct`) find a group that is gone by then.
    groups.filter(|group| group.is_dir()).collect()
}

/// A group is removed as an empty folder is, although it shows files; first those within it.
///
/// # Errors
/// It cannot be removed; the message names it.
pub fn remove_tree(group: &Path) -> Result<(), Cause> {
    for entry in read_dir(group).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_tree(&entry.path())?;
        }
    }
    let begun = Instant::now();
    loop {
        match remove_dir(group) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error)
                if error.kind() == ErrorKind::ResourceBusy && begun.elapsed() < EMPTY_LIMIT =>
            {
                std::thread::sleep(Duration::from_millis(5));
            }
            result => {
                let failed = |error| Cause::io(format!("remove {}", group.display()), error);
                return result.map_err(failed);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has nothing to say")]

    use super::*;

    #[test]
    fn a_containers_groups_are_found_in_every_hierarchy_and_no_others() {
        let root = tempfile::tempdir().unwrap();
        let group = |path: &str| {
            let path = root.path().join(path);
            std::fs::create_dir_all(&path).unwrap();
            path
        };
        let ours = [group("ours-1"), group("memory/ours-1"), group("cpu/ours-1")];
        let nested = group("memory/ours-1/init");
        let others = [group("ours-10"), group("memory/ours-2"), group("memory/deep/ours-1")];
        let found = of(root.path(), "ours-1");
        assert_eq!(found.len(), 3);
        found.iter().for_each(|group| remove_tree(group).unwrap());
        assert!(!nested.exists() && ours.iter().all(|group| !group.exists()));
        assert!(others.iter().all(|group| group.exists()));
        assert!(of(root.path(), "ours-1").is_empty());
    }
}

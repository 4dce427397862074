//! Two runs at once would measure each other, and each would take the other's subjects for leftovers: only one
//! at a time is let in on a machine.

use anyhow::{Context, Result};
use rustix::fs::{FlockOperation, flock};
use std::fs::File;
use std::path::{Path, PathBuf};

/// Holds the lock until it is dropped, or the process ends in whatever way.
pub struct Lock(#[allow(dead_code, reason = "held for its descriptor")] File);

/// The machine's lock, of whatever checkout and user.
pub fn file() -> PathBuf {
    std::env::temp_dir().join("weighbridge-measuring.lock")
}

/// Takes the lock in `path`.
///
/// # Errors
/// Another run is measuring.
pub fn only_one(path: &Path) -> Result<Lock> {
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .with_context(|| format!("open {}", path.display()))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Lock(file)),
        Err(_) => anyhow::bail!(
            "another run is measuring on this machine ({} is locked): two at once would measure each other. \
             Wait for it, or end it",
            path.display()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_run_is_refused_until_the_first_ends() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let first = only_one(&path).unwrap();
        assert!(only_one(&path).is_err());
        drop(first);
        assert!(only_one(&path).is_ok());
    }
}

//! Two runs at once would measure each other: only one is let in.

use anyhow::{Context, Result};
use rustix::fs::{FlockOperation, flock};
use std::fs::File;
use std::path::Path;

/// Holds the lock until it is dropped, or the process ends in whatever way.
pub struct Lock(#[allow(dead_code, reason = "held for its descriptor")] File);

/// Takes the lock of `results`.
///
/// # Errors
/// Another run is measuring.
pub fn only_one(results: &Path) -> Result<Lock> {
    std::fs::create_dir_all(results).with_context(|| format!("create {}", results.display()))?;
    let path = results.join(".lock");
    let file = File::create(&path).with_context(|| format!("create {}", path.display()))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Lock(file)),
        Err(_) => anyhow::bail!(
            "another run is measuring into {}: two at once would measure each other. Wait for it, or end it",
            results.display()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_run_is_refused_until_the_first_ends() {
        let folder = tempfile::tempdir().unwrap();
        let first = only_one(folder.path()).unwrap();
        assert!(only_one(folder.path()).is_err());
        drop(first);
        assert!(only_one(folder.path()).is_ok());
    }
}

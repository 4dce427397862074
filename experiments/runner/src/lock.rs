//! Two runs at once would measure each other, and each would take the other's subjects for leftovers: only one
//! at a time is let in on a machine.

use anyhow::{Context, Result};
use rustix::fs::{FlockOperation, flock};
use std::fs::File;
use std::path::{Path, PathBuf};

/// Holds the lock until it is dropped, or the process ends in whatever way.
pub struct Lock(#[allow(dead_code, reason = "held for its descriptor")] File);

/// The machine's lock, of whatever checkout. TMPDIR does not move it: leftovers are looked for on the whole machine, so
/// that a run with another lock would end the subjects of this one.
pub fn file() -> PathBuf {
    PathBuf::from("/tmp/weighbridge-measuring.lock")
}

/// What to do while another run is measuring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Busy {
    /// Give up: a person would rather know.
    Refuse,
    /// Wait: a batch system has put two parts of a run on one machine.
    Wait,
}

/// Takes the lock in `path`.
///
/// # Errors
/// Another run is measuring, and it is not waited for.
pub fn only_one(path: &Path, busy: Busy) -> Result<Lock> {
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .with_context(|| format!("open {}", path.display()))?;
    if busy == Busy::Wait {
        return match rustix::io::retry_on_intr(|| flock(&file, FlockOperation::LockExclusive)) {
            Ok(()) => Ok(Lock(file)),
            Err(error) => Err(error).with_context(|| format!("lock {}", path.display())),
        };
    }
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
        let first = only_one(&path, Busy::Refuse).unwrap();
        assert!(only_one(&path, Busy::Refuse).is_err());
        drop(first);
        assert!(only_one(&path, Busy::Refuse).is_ok());
    }

    #[test]
    fn who_waits_gets_the_lock_when_the_first_ends() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let first = only_one(&path, Busy::Refuse).unwrap();
        let (sender, receiver) = std::sync::mpsc::channel();
        let waiting = std::thread::spawn(move || sender.send(only_one(&path, Busy::Wait).is_ok()));
        let early = receiver.recv_timeout(std::time::Duration::from_millis(100));
        assert!(early.is_err(), "it did not wait");
        drop(first);
        assert_eq!(receiver.recv(), Ok(true));
        waiting.join().unwrap().unwrap();
    }
}

//! The machine's faults as they read in words: for reasons of which only the text is there.

use crate::failure::Cause;
use crate::kernel::interrupt;
use weighbridge_schema::record::{Observation, Outcome};

/// Words of such reasons, in lower case. What this program fails with has a type ([`Cause`]); words
/// are all there is of a reason that was read back from a raw log, and of what another program
/// said: the engine that a disk is full, or a subject on its standard error.
const WORDS: [&str; 5] = [
    "error in the hyper legacy client",
    "socket not found",
    "the private containerd does not answer",
    "read-only file system (os error 30)",
    "input/output error (os error 5)",
];

/// The same of a full disk.
const FULL_DISK: [&str; 2] = ["no space left on device", "disk quota exceeded"];

/// Whether a text says that the machine was at fault.
pub fn names_the_machine(text: &str) -> bool {
    let lower = text.to_lowercase();
    text == interrupt::REASON
        || WORDS.iter().any(|words| lower.contains(words))
        || names_a_full_disk(text)
}

/// Whether a text says that the disk is full.
pub fn names_a_full_disk(text: &str) -> bool {
    let lower = text.to_lowercase();
    FULL_DISK.iter().any(|words| lower.contains(words))
}

/// Whether an observation leaves its trial to be visited again when the run is resumed: the machine
/// was at fault.
pub fn leaves_open(observation: &Observation) -> bool {
    match &observation.outcome {
        Outcome::Failed { reason, .. } => Cause::from(reason.clone()).is_the_machines(),
        Outcome::Ok => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_that_is_gone_and_a_full_disk_are_the_machines_and_a_wrong_answer_is_not() {
        for reason in [
            "create container weighbridge-r-3: Error in the hyper legacy client: client error (Connect): No such file",
            "create /x/stderr/00001-native.txt: No space left on device (os error 28)",
            "write layer: no space left on device",
            "interrupted",
        ] {
            assert!(names_the_machine(reason), "{reason}");
        }
        for reason in [
            "answered 404 with 0 bytes",
            "spawn native: No such file or directory (os error 2)",
            "native ended with signal: 9 (SIGKILL): it was interrupted",
        ] {
            assert!(!names_the_machine(reason), "{reason}");
        }
    }
}

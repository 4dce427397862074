//! Failures that say something about the machine and nothing about the subject: such a trial is visited again when the run
//! is gone on with.

use crate::interrupt;
use weighbridge_schema::record::{Observation, Outcome};

/// Words of such reasons, in lower case: the engine's client, the kernel by way of whatever program met it.
const WORDS: [&str; 7] = [
    "error in the hyper legacy client",
    "socket not found",
    "the private containerd does not answer",
    "no space left on device",
    "disk quota exceeded",
    "read-only file system (os error 30)",
    "input/output error (os error 5)",
];

/// Whether a trial that failed for this reason would have done well on a machine in order.
pub fn is_the_machines(reason: &str) -> bool {
    let reason = reason.to_lowercase();
    reason == interrupt::REASON || WORDS.iter().any(|words| reason.contains(words))
}

/// Whether an observation leaves its trial to be visited again.
pub fn leaves_open(observation: &Observation) -> bool {
    matches!(&observation.outcome, Outcome::Failed { reason, .. } if is_the_machines(reason))
}

/// Whether a reason is that the disk is full.
pub fn is_full_disk(reason: &str) -> bool {
    let reason = reason.to_lowercase();
    ["no space left on device", "disk quota exceeded"].iter().any(|words| reason.contains(words))
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
            assert!(is_the_machines(reason), "{reason}");
        }
        for reason in [
            "answered 404 with 0 bytes",
            "spawn native: No such file or directory (os error 2)",
            "native ended with signal: 9 (SIGKILL): it was interrupted",
        ] {
            assert!(!is_the_machines(reason), "{reason}");
        }
    }
}

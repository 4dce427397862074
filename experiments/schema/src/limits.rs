//! What every subject may use at most, stated once. Without common limits one arm would be bounded and the other not,
//! and a leak would look like a feature.

use serde::{Deserialize, Serialize};

/// Limits of one instance, with all of its processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Memory that the kernel charges to the instance's control group. Beyond it the kernel kills. Virtual memory
    /// is not limited: a Wasm runtime reserves gigabytes of it and touches little.
    pub memory_bytes: u64,
    /// Processes and threads together (the `pids` controller). Beyond it, `clone` fails.
    pub tasks_count: u64,
    /// Open descriptors of one process (`RLIMIT_NOFILE`, soft and hard).
    pub open_files_count: u64,
}

/// Of every subject, whatever starts it. The memory is above what the services allow themselves for requests and
/// answers in flight (1 GiB each) with the costliest computation beside them (a picture of 40 megapixels with 16 bits
/// in a channel: 457 MiB, native). The tasks are above a thread pool of 512, which tokio may reach, and a thread for
/// each core. The descriptors are far above the connections of any load.
pub const LIMITS: Limits =
    Limits { memory_bytes: 4 << 30, tasks_count: 1024, open_files_count: 4096 };

/// The limits of a run, and what this machine did not let us limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitsEntry {
    /// What every subject may use at most.
    pub of_every_subject: Limits,
    /// In words, what of that does not hold and why; empty where all of it does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_applied: Vec<String>,
}

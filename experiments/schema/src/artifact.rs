//! What `cargo xtask build` made: the hand-over from the build to the runner.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One built file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Artifact {
    /// File name within the artifact folder; also the artifact's name in `subjects.toml`.
    pub file: String,
    /// Size as it lies on disk.
    pub size_bytes: u64,
    /// Lower-case hexadecimal SHA-256 of the file.
    pub sha256: String,
}

/// How one need of the build was met on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provision {
    /// What was needed, for example `wasm32-wasip2`.
    pub need: String,
    /// Which provider of the chain met it; `None` when none did.
    pub provider: Option<String>,
    /// Versions and digests of what was used, or why nothing could be had.
    pub detail: String,
    /// The line that would provide it, where it is missing.
    pub remedy: Option<String>,
}

/// `artifacts.json`, written beside the artifacts of one architecture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Artifacts {
    /// Format version, [`crate::SCHEMA_VERSION`].
    pub schema_version: u32,
    /// `x86_64` or `aarch64`.
    pub architecture: String,
    /// First line of `rustc --version` of the compiler that built the artifacts.
    pub toolchain: String,
    /// The C library both arms are linked against, `musl` or `glibc`, statically.
    pub libc: String,
    /// Artifacts by name.
    pub artifacts: BTreeMap<String, Artifact>,
    /// How each need of the build was met.
    pub provisions: Vec<Provision>,
    /// What the compilers were told, by target: flags, settings of the profile, and the C compiler
    /// with its version.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<String, BTreeMap<String, String>>,
}

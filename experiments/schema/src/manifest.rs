//! `manifest.json`: everything needed to say where a run's numbers come from.

use crate::artifact::{Artifact, Artifacts};
use crate::limits::LimitsEntry;
use crate::name::{ExperimentName, ProgramName, SubjectName, WorkloadName};
use crate::plan::Trial;
use crate::request::RunRequest;
use crate::subject::Subject;
use crate::workload::Mix;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The machine a run was made on. Absent where it cannot be read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fingerprint {
    /// Instruction set, `x86_64` or `aarch64`.
    pub architecture: String,
    /// Model name of the processor.
    pub cpu_model: Option<String>,
    /// Logical processors that this process may use.
    pub cores_count: Option<u32>,
    /// Main memory.
    pub memory_bytes: Option<u64>,
    /// Kernel release and version.
    pub kernel: Option<String>,
    /// Name of the distribution.
    pub distribution: Option<String>,
    /// Hypervisor, as far as the processor's flags tell.
    pub virtualised: Option<bool>,
    /// Frequency governor of core 0.
    pub governor: Option<String>,
    /// Clock source of the kernel.
    pub clock_source: Option<String>,
    /// `v1`, `v2` or `hybrid`.
    pub cgroup: Option<String>,
    /// Transparent huge pages setting.
    pub transparent_huge_pages: Option<String>,
    /// Address space randomisation (kernel.randomize_va_space).
    pub address_randomisation: Option<String>,
    /// Whether the processor may exceed its base frequency.
    pub turbo: Option<bool>,
    /// Whether cores share execution units with a sibling (simultaneous multithreading).
    pub multithreading: Option<bool>,
    /// Microcode revision of core 0.
    pub microcode: Option<String>,
    /// Active swap space: pages that were swapped out blur memory readings.
    pub swap_bytes: Option<u64>,
}

/// State of the checkout a run was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revision {
    /// Full commit hash.
    pub commit: String,
    /// `true` when tracked files differed from that commit.
    pub dirty: bool,
}

/// Whether a subject can be measured here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Availability {
    /// It can.
    Installed {
        /// The version that the program or the engine reports.
        version: String,
    },
    /// It cannot.
    NotInstalled {
        /// What is missing.
        reason: String,
        /// The line that would provide it.
        remedy: Option<String>,
    },
}

/// What executes the instructions of an architecture that is not the machine's, or counts those of one that is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Emulator {
    /// Path of the emulator.
    pub program: String,
    /// The version that it reports.
    pub version: String,
}

/// One subject as it took part in a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubjectEntry {
    /// Its definition.
    pub definition: Subject,
    /// Whether it could be measured.
    pub availability: Availability,
    /// Whether it could be run under emulation, by architecture, where one was requested that is not the machine's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub foreign: BTreeMap<String, Availability>,
    /// The programs that it is run by and that we did not build.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub programs: BTreeMap<ProgramName, ProgramEntry>,
    /// The file that was made for it before anything was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prepared: Option<PreparedEntry>,
}

/// A program that subjects are run by: which file it was and where that came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProgramEntry {
    /// Which source served: `cargo`, `debian`; `path` when it was on PATH.
    pub provider: String,
    /// SHA-256 of the program's file, lower-case hexadecimal.
    pub sha256: String,
    /// Versions by name: the package's own, and those of what it needs.
    pub detail: BTreeMap<String, String>,
}

/// A file that was made for a subject before anything was measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreparedEntry {
    /// SHA-256 of the file, lower-case hexadecimal.
    pub sha256: String,
    /// Its size.
    pub size_bytes: u64,
    /// What making it took, with its intermediate files; `None` when it lay there from an earlier run.
    pub made_in_ns: Option<u64>,
    /// What the last command made it of: built artifacts and intermediate files.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub made_of: Vec<Artifact>,
}

impl SubjectEntry {
    /// Whether its cells of `architecture` could be measured on a machine of architecture `local`; `None` when
    /// nobody requested that architecture.
    #[must_use]
    pub fn availability_on(&self, architecture: &str, local: &str) -> Option<&Availability> {
        if architecture == local {
            Some(&self.availability)
        } else {
            self.foreign.get(architecture)
        }
    }
}

/// What one experiment asked, kept so that the analysis needs no file but the run's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExperimentEntry {
    /// The question in words.
    pub question: String,
    /// The subject every other one is compared with.
    pub baseline: SubjectName,
    /// Subjects asked for, in the definition's order, whether installed or not.
    pub subjects: Vec<SubjectName>,
    /// Workloads asked for, in the definition's order.
    pub workloads: Vec<WorkloadName>,
    /// The definition file, verbatim.
    pub definition_toml: String,
}

/// Which core does what.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pinning {
    /// Cores of the load generator; `None` when nothing is pinned.
    pub client_cores: Option<Vec<u32>>,
    /// Cores of the subject; `None` when nothing is pinned.
    pub subject_cores: Option<Vec<u32>>,
}

/// `manifest.json`: one for each run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Format version, [`crate::SCHEMA_VERSION`].
    pub schema_version: u32,
    /// Name of the run and of its folder.
    pub run: String,
    /// `smoke`, `quick` or `paper`.
    pub profile: String,
    /// Seed of the plan's shuffle and of every schedule.
    pub seed: u64,
    /// Wall clock at the start, nanoseconds since 1970-01-01 UTC.
    pub started_at_unix_ns: u64,
    /// State of the checkout; `None` where it is no git repository of its own.
    pub revision: Option<Revision>,
    /// Why there is no revision; `None` where there is one, and in runs from before this was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision_unknown: Option<String>,
    /// The machine; of a run of several, the first.
    pub fingerprint: Fingerprint,
    /// All machines by name, of a run of several that was merged; observations say which one made them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub machines: BTreeMap<String, Fingerprint>,
    /// Instruction sets that were requested; empty for the local one alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub architectures: Vec<String>,
    /// The emulator of each architecture that was emulated or whose instructions were counted.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub emulators: BTreeMap<String, Emulator>,
    /// `true` when every cell has just its least number of invocations, and none ends earlier or later.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fixed: bool,
    /// Time that the run was given (`--budget`), milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget_ms: Option<u64>,
    /// All that was requested; `None` in runs from before it was kept. `profile`, `seed`, `architectures` and
    /// `budget_ms` say a part of it again, for those who read it there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<RunRequest>,
    /// Which core does what.
    pub pinning: Pinning,
    /// What every subject may use at most; `None` in a run from before there were limits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<LimitsEntry>,
    /// What was built, with digests and providers.
    pub artifacts: Artifacts,
    /// The same for other architectures, by architecture.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub foreign_artifacts: BTreeMap<String, Artifacts>,
    /// How the needs of this run that are not part of the build were met (the container engine).
    pub provisions: Vec<crate::artifact::Provision>,
    /// The workloads that are mixes of two others.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub mixes: BTreeMap<WorkloadName, Mix>,
    /// Digest of every corpus file used, by path relative to `experiments/`.
    pub corpus_sha256: BTreeMap<String, String>,
    /// Digest of every file that subjects are made of and that we did not build, by path relative to `experiments/`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files_sha256: BTreeMap<String, String>,
    /// What the engines call the images that were named by a reference: `sha256:...`, by engine and reference.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub image_ids: BTreeMap<String, String>,
    /// The experiments.
    pub experiments: BTreeMap<ExperimentName, ExperimentEntry>,
    /// The subjects.
    pub subjects: BTreeMap<SubjectName, SubjectEntry>,
    /// Every trial, in the order of the visit.
    pub plan: Vec<Trial>,
}

impl Manifest {
    /// Takes a revision that is known elsewhere, where the run knows none itself.
    pub fn add_revision(&mut self, revision: Option<&Revision>) {
        self.revision = self.revision.take().or_else(|| revision.cloned());
        if self.revision.is_some() {
            self.revision_unknown = None;
        }
    }

    /// Instruction sets that were requested, the local one where none was named.
    #[must_use]
    pub fn requested_architectures(&self) -> Vec<&str> {
        match self.architectures.as_slice() {
            [] => vec![&self.fingerprint.architecture],
            requested => requested.iter().map(String::as_str).collect(),
        }
    }

    /// The machine of that name; without a name, or without a list of machines, the run's own.
    #[must_use]
    pub fn machine(&self, name: Option<&str>) -> &Fingerprint {
        name.and_then(|name| self.machines.get(name)).unwrap_or(&self.fingerprint)
    }
}

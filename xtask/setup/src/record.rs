//! What set-up hands on: which provider met each need, and how to call cargo for each target.
//!
//! [`Setup`] is written to `<state>/setup.json` and copied into every run's manifest, so that a reader
//! of the numbers can tell which compiler, C library and engine they came from.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use weighbridge_schema::architecture::Architecture;
use weighbridge_schema::subject::ContainerEngine;

/// The layout of `setup.json`; a file of another version is made anew.
pub const SCHEMA_VERSION: u32 = 2;

/// One thing that a machine may lack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Need {
    /// A C compiler (`cc`) for the build scripts of the harness and for linking it.
    CCompiler,
    /// The Rust target `wasm32-wasip2`, for the component.
    #[serde(rename = "wasm32-wasip2")]
    WasmComponent,
    /// The Rust target `wasm32-wasip1`, for the command.
    #[serde(rename = "wasm32-wasip1")]
    WasmCommand,
    /// A target of this machine's architecture that links everything statically, musl if it can be had.
    StaticNative,
    /// The same for x86_64 on a machine of another architecture.
    #[serde(rename = "static-native-x86_64")]
    StaticX86_64,
    /// The same for aarch64 on a machine of another architecture.
    #[serde(rename = "static-native-aarch64")]
    StaticAarch64,
    /// The user-mode emulators of both architectures.
    Emulator,
    /// Docker: one that answers, or one that can be started for the length of a run.
    ContainerEngine,
    /// Podman, likewise.
    Podman,
    /// Docker of the distribution's testing suite, where set-up has installed it for its subjects: no run demands it.
    DockerCurrent,
    /// Programs that run a bundle: runc and crun.
    OciRuntimes,
    /// A root file system of Debian's essential packages, for the image built on it.
    ImageDebian,
    /// A root file system of `BusyBox`, as Alpine has it, for the image built on it.
    ImageAlpine,
    /// LaTeX with the packages that the paper uses.
    Tex,
    /// Nix, only to evaluate the flake in the tests.
    Nix,
}

impl Need {
    /// Everything that `cargo xtask all` uses.
    pub const ALL_BUT_TESTS: &[Need] = &[
        Need::CCompiler,
        Need::WasmComponent,
        Need::WasmCommand,
        Need::StaticNative,
        Need::Emulator,
        Need::ContainerEngine,
        Need::Podman,
        Need::OciRuntimes,
        Need::ImageDebian,
        Need::ImageAlpine,
        Need::Tex,
    ];

    /// Everything that `cargo xtask test` uses.
    pub const ALL: &[Need] = &[
        Need::CCompiler,
        Need::WasmComponent,
        Need::WasmCommand,
        Need::StaticNative,
        Need::Emulator,
        Need::ContainerEngine,
        Need::Podman,
        Need::OciRuntimes,
        Need::ImageDebian,
        Need::ImageAlpine,
        Need::Tex,
        Need::Nix,
    ];

    /// The need that an engine of this kind meets.
    #[must_use]
    pub const fn of_engine(kind: ContainerEngine) -> Self {
        match kind {
            ContainerEngine::Docker => Need::ContainerEngine,
            ContainerEngine::DockerCurrent => Need::DockerCurrent,
            ContainerEngine::Podman => Need::Podman,
        }
    }

    /// The target for the static programs of another architecture than this machine's.
    #[must_use]
    pub const fn static_foreign(architecture: Architecture) -> Self {
        match architecture {
            Architecture::X86_64 => Need::StaticX86_64,
            Architecture::Aarch64 => Need::StaticAarch64,
        }
    }

    /// These needs, and the targets of the architectures that are not this machine's.
    #[must_use]
    pub fn with_foreign(needs: &[Need], architectures: &[Architecture]) -> Vec<Need> {
        let foreign = Architecture::foreign(architectures).into_iter().map(Need::static_foreign);
        needs.iter().copied().chain(foreign).collect()
    }

    /// The environment variable that forces one provider of this need, for trying each of them.
    #[must_use]
    pub fn override_variable(self) -> &'static str {
        match self {
            Need::CCompiler => "WEIGHBRIDGE_PROVIDER_CC",
            Need::WasmComponent | Need::WasmCommand => "WEIGHBRIDGE_PROVIDER_WASM",
            Need::StaticNative => "WEIGHBRIDGE_PROVIDER_STATIC",
            Need::StaticX86_64 => "WEIGHBRIDGE_PROVIDER_STATIC_X86_64",
            Need::StaticAarch64 => "WEIGHBRIDGE_PROVIDER_STATIC_AARCH64",
            Need::Emulator => "WEIGHBRIDGE_PROVIDER_EMULATOR",
            Need::ContainerEngine => "WEIGHBRIDGE_PROVIDER_ENGINE",
            Need::DockerCurrent => "WEIGHBRIDGE_PROVIDER_DOCKER_CURRENT",
            Need::Podman => "WEIGHBRIDGE_PROVIDER_PODMAN",
            Need::OciRuntimes => "WEIGHBRIDGE_PROVIDER_OCI_RUNTIMES",
            Need::ImageDebian => "WEIGHBRIDGE_PROVIDER_IMAGE_DEBIAN",
            Need::ImageAlpine => "WEIGHBRIDGE_PROVIDER_IMAGE_ALPINE",
            Need::Tex => "WEIGHBRIDGE_PROVIDER_TEX",
            Need::Nix => "WEIGHBRIDGE_PROVIDER_NIX",
        }
    }
}

impl fmt::Display for Need {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Need::CCompiler => "C compiler",
            Need::WasmComponent => "wasm32-wasip2",
            Need::WasmCommand => "wasm32-wasip1",
            Need::StaticNative => "static native target",
            Need::StaticX86_64 => "static x86_64 target",
            Need::StaticAarch64 => "static aarch64 target",
            Need::Emulator => "emulator",
            Need::ContainerEngine => "container engine",
            Need::DockerCurrent => "Docker of testing",
            Need::Podman => "Podman",
            Need::OciRuntimes => "OCI runtimes",
            Need::ImageDebian => "Debian root for an image",
            Need::ImageAlpine => "BusyBox root for an image",
            Need::Tex => "TeX",
            Need::Nix => "Nix",
        })
    }
}

/// How to call cargo for one target:
/// `<cargo> build <arguments> --target <triple> ...` with `env` added to the environment.
///
/// `env` carries `CARGO_ENCODED_RUSTFLAGS`, which cargo applies to the target alone, because
/// `--target` is given, and which wins over every configuration file; `RUSTC` and the linker are
/// said for the same reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetToolchain {
    /// The target, as rustc names it.
    pub triple: String,
    /// The cargo to run, as an absolute path.
    pub cargo: PathBuf,
    /// Variables to set for it.
    pub env: BTreeMap<String, String>,
    /// Arguments that follow the subcommand.
    pub arguments: Vec<String>,
}

/// What became of one need.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Outcome {
    /// A provider meets it.
    Provided {
        /// The provider's name.
        provider: String,
        /// Versions and hashes, by name.
        detail: BTreeMap<String, String>,
    },
    /// No provider could.
    Missing {
        /// Why not, all providers in one sentence.
        reason: String,
        /// One line to paste, which would help.
        remedy: String,
    },
}

/// A provider that came earlier in the chain, and why it was passed over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassedOver {
    /// The provider's name.
    pub provider: String,
    /// Why it did not serve.
    pub reason: String,
}

/// One need with its outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provision {
    /// The need.
    pub need: Need,
    /// What became of it.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// The providers tried before, in order.
    pub passed_over: Vec<PassedOver>,
}

/// The result of set-up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setup {
    /// [`SCHEMA_VERSION`] at the time of writing.
    pub schema_version: u32,
    /// One entry for each need that was requested.
    pub provisions: Vec<Provision>,
    /// How to build for each target that was provided.
    pub targets: BTreeMap<Need, TargetToolchain>,
}

impl Setup {
    /// The toolchain of a need that is a target, `None` when it is missing or was not asked for.
    #[must_use]
    pub fn target(&self, need: Need) -> Option<&TargetToolchain> {
        self.targets.get(&need)
    }

    /// The needs that no provider met, each with its reason and remedy.
    pub fn missing(&self) -> impl Iterator<Item = (Need, &str, &str)> {
        self.provisions.iter().filter_map(|provision| match &provision.outcome {
            Outcome::Missing { reason, remedy } => {
                Some((provision.need, reason.as_str(), remedy.as_str()))
            }
            Outcome::Provided { .. } => None,
        })
    }
}

/// What `doctor` finds for one need, without changing anything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The need.
    pub need: Need,
    /// Where it stands.
    #[serde(flatten)]
    pub standing: Standing,
}

/// Where a need stands before set-up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "standing", rename_all = "kebab-case")]
pub enum Standing {
    /// There already, through this provider.
    Present {
        /// The provider's name.
        provider: String,
    },
    /// `setup` can get it through this provider.
    Obtainable {
        /// The provider's name.
        provider: String,
        /// The line that does it.
        line: String,
    },
    /// Nothing that set-up may do here would get it.
    Missing {
        /// Why.
        reason: String,
        /// The line that would help, to be run by someone who may.
        line: String,
    },
}

/// A provider as a person reads it; the record keeps its name.
#[must_use]
pub fn provider_words(provider: &str) -> &str {
    match provider {
        "path" => "on PATH",
        "socket" => "it runs already",
        "private-dockerd" | "private-dockerd-current" | "private-podman" => {
            "a private one can be started"
        }
        other => other,
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let need = self.need;
        match &self.standing {
            Standing::Present { provider } => {
                write!(formatter, "{need:<26} present    {}", provider_words(provider))
            }
            Standing::Obtainable { provider, line } => {
                write!(formatter, "{need:<26} obtainable {provider}: {line}")
            }
            Standing::Missing { reason, line } => {
                write!(formatter, "{need:<26} missing    {reason}; to get it: {line}")
            }
        }
    }
}

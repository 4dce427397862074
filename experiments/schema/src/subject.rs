//! `experiments/subjects.toml`: how each system is started, asked for its version, and weighed.

use crate::name::SubjectName;
use crate::parse::{ParseError, parse};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The side of the scale a subject belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Technology {
    /// A plain process: the common floor of both sides.
    Native,
    /// A container engine runs the native binary.
    Container,
    /// A Wasm runtime runs the module or component.
    Wasm,
}

/// How an instance is reached over the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Network {
    /// The host's own network; the service listens on loopback.
    Host,
    /// The engine's bridge; the client uses the container's own address, not a published port.
    Bridge,
}

/// A way of starting. One file under `experiments/runner/src/subject/` implements each.
///
/// Arguments may hold `{listen}` (the address to listen on) and `{artifact:NAME}` (the path of a built
/// artifact).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Start {
    /// Spawn a program that listens by itself.
    Process {
        /// The program, `{artifact:NAME}` or a name on PATH.
        program: String,
        /// Its arguments.
        arguments: Vec<String>,
    },
    /// Create and start a container through the engine's API.
    Container {
        /// The artifact that holds the image archive.
        image: String,
        /// Arguments to the image's entry point.
        arguments: Vec<String>,
        /// How the client reaches it.
        network: Network,
    },
    /// Run a bundle with an OCI runtime and no daemon, on the host's network.
    Bundle {
        /// The runtime, looked up on PATH: `runc`, `crun`.
        runtime: String,
        /// The artifact that is the root file system's only program, a static binary.
        binary: String,
        /// Its arguments.
        arguments: Vec<String>,
    },
}

/// A file that counts towards a subject's size.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// Something `cargo xtask build` made.
    Artifact(String),
    /// A program of this machine, looked up on PATH.
    Program(String),
}

/// What is shipped per service, and what must already be on the machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Size {
    /// Shipped per service.
    pub shipped: Vec<Part>,
    /// The runtime, installed once per machine.
    pub runtime: Vec<Part>,
}

/// One entry of `experiments/subjects.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// One line for the table of subjects.
    pub title: String,
    /// The side of the scale.
    pub technology: Technology,
    /// What "start" means for this subject: the first and the last moment of a cold start.
    pub boundary: String,
    /// What separates one request, or one service, from the next.
    pub isolation: String,
    /// Level of the WASI interface, `None` where there is none.
    pub wasi: Option<String>,
    /// Command whose first line of output is the version; `None` when the engine is asked through its API.
    pub version: Option<Vec<String>>,
    /// Command that makes and drops instances within one process and prints what that took; `None` where
    /// instances are processes. It may hold `{iterations}` and `{artifact:NAME}`.
    pub instantiate: Option<Vec<String>>,
    /// Command that handles one request several times within one process, without HTTP; what request is added to
    /// it. `None` where instructions are not counted. It may hold `{artifact:NAME}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<Vec<String>>,
    /// How it is started.
    pub start: Start,
    /// What it weighs.
    pub size: Size,
    /// The subject that this one is under another name; written as `[twins.NAME]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub twin_of: Option<SubjectName>,
}

/// Another name for a subject: what the two show apart is the machine's and the method's doing.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTwin {
    twin_of: SubjectName,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSubjects {
    subjects: BTreeMap<SubjectName, Subject>,
    #[serde(default)]
    twins: BTreeMap<SubjectName, RawTwin>,
}

/// All subjects by name.
pub type Subjects = BTreeMap<SubjectName, Subject>;

/// Reads `subjects.toml`.
///
/// # Errors
/// Syntax, unknown keys, a twin of nothing, names that are not kebab-case; and a process or bundle
/// without a version command, because a subject whose version is unknown is not measured.
pub fn parse_subjects(file: &str, text: &str) -> Result<Subjects, ParseError> {
    let mut raw: RawSubjects = parse(file, text)?;
    for (name, RawTwin { twin_of }) in raw.twins {
        let fail = |message| ParseError { file: file.to_owned(), line: None, message };
        let Some(original) = raw.subjects.get(&twin_of) else {
            return Err(fail(format!("twins.{name}: there is no subject `{twin_of}`")));
        };
        if raw.subjects.contains_key(&name) {
            return Err(fail(format!("`{name}` is both a subject and a twin")));
        }
        let mut twin = original.clone();
        twin.title = format!("{twin_of} under another name");
        twin.twin_of = Some(twin_of);
        raw.subjects.insert(name, twin);
    }
    for (name, subject) in &raw.subjects {
        let asked_of_engine = matches!(subject.start, Start::Container { .. });
        if !asked_of_engine && subject.version.is_none() {
            return Err(ParseError {
                file: file.to_owned(),
                line: None,
                message: format!(
                    "subject `{name}` is started without an engine and without `version = [\"program\", \"--version\"]`; \
                     a subject without a version is not measured"
                ),
            });
        }
    }
    Ok(raw.subjects)
}

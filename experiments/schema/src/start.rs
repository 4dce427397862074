//! Ways of starting a subject, as `experiments/subjects.toml` names them.

use crate::place::{FILES, Place, STARTED, name, word};
use crate::record::Stage;
use crate::template::Kind::{Artifact, File, Prepared, Program, Reference};
use crate::template::{Piece, Word};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// How an instance is reached over the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Network {
    /// The host's own network; the service listens on loopback.
    Host,
    /// The engine's bridge; the client uses the container's own address, not a published port.
    Bridge,
}

/// The daemon, or the like, that is asked for a container through Docker's API.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ContainerEngine {
    /// Docker: `dockerd`.
    #[default]
    Docker,
    /// Podman: `podman system service`.
    Podman,
    /// Docker of the program `docker-current`, a release of today beside the distribution's: another `dockerd`.
    DockerCurrent,
}

impl ContainerEngine {
    /// What an engine of this kind says that it is: each release of Docker says Docker.
    #[must_use]
    pub const fn family(self) -> Self {
        match self {
            ContainerEngine::Docker | ContainerEngine::DockerCurrent => ContainerEngine::Docker,
            ContainerEngine::Podman => ContainerEngine::Podman,
        }
    }
}

impl fmt::Display for ContainerEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            ContainerEngine::Docker => "docker",
            ContainerEngine::Podman => "podman",
            ContainerEngine::DockerCurrent => "docker-current",
        })
    }
}

/// A way of starting. One file under `experiments/runner/src/subject/` implements each.
///
/// Which placeholders each word takes stands below it; [`Piece`](crate::template::Piece) says what
/// they mean.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Start {
    /// Spawn a program that listens by itself.
    Process {
        /// The program, `{artifact:NAME}`, `{file:PATH}` or a name on PATH.
        program: Word,
        /// Its arguments; none when absent.
        #[serde(default)]
        arguments: Vec<Word>,
        /// Its environment, which is empty otherwise.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        environment: BTreeMap<String, Word>,
    },
    /// Create and start a container through the engine's API.
    Container {
        /// The engine that is asked.
        #[serde(default)]
        engine: ContainerEngine,
        /// The artifact that holds the image archive, `{file:PATH}` for an archive as `docker save` writes it, or
        /// `{reference:NAME}` for an image that the engine has; one with a digest is pulled.
        image: Word,
        /// Arguments to the image's entry point; none when absent.
        #[serde(default)]
        arguments: Vec<Word>,
        /// How the client reaches it.
        network: Network,
        /// The port that the image listens on, whatever it is told; only on the bridge, where it is its own. 8080 when
        /// absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        port: Option<u16>,
        /// Its environment, beside the image's own.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        environment: BTreeMap<String, Word>,
    },
    /// Run a bundle with an OCI runtime and no daemon, on the host's network.
    Bundle {
        /// The runtime, looked up on PATH: `runc`, `crun`; or `{program:NAME}`.
        runtime: Word,
        /// Options of the runtime itself, before its verb; none when absent.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        options: Vec<String>,
        /// The artifact or `{file:PATH}` that is the root file system's only program, a static binary.
        binary: Word,
        /// Its arguments; none when absent.
        #[serde(default)]
        arguments: Vec<Word>,
    },
    /// Have a containerd of one's own, with no engine above it, run a bundle by a shim, on the host's network.
    Containerd {
        /// The shim, looked up on PATH: `containerd-shim-runc-v2`; or `{program:NAME}`.
        shim: Word,
        /// The artifact or `{file:PATH}` that is the root file system's only file: a static binary, or what the shim
        /// runs in the place of one.
        file: Word,
        /// Its arguments; none when absent.
        #[serde(default)]
        arguments: Vec<Word>,
    },
}

impl Place {
    const PROGRAM: Self = word("start.program", FILES);
    const ARGUMENTS: Self = word("start.arguments", STARTED);
    pub(crate) const ENVIRONMENT: Self = word("start.environment", STARTED);
    const IMAGE: Self = name("start.image", &[Artifact, File, Reference]);
    const RUNTIME: Self = name("start.runtime", &[Program]);
    const SHIM: Self = name("start.shim", &[Program]);
    const BINARY: Self = name("start.binary", &[Artifact, Prepared, File]);
    const ROOT_FILE: Self = name("start.file", &[Artifact, Prepared, File]);
}

/// Where every cold start ends, whatever is started: the stage whose moment is the time to the
/// first response, and the same in words.
pub const END: (Stage, &str) = (Stage::Response, "to the last byte of the first correct response");

impl Start {
    /// The engine that is asked, and the image that it is asked for; `None` where no engine is.
    #[must_use]
    pub fn container(&self) -> Option<(ContainerEngine, &Word)> {
        match self {
            Start::Container { engine, image, .. } => Some((*engine, image)),
            _ => None,
        }
    }

    /// The artifact of which its one process serves many copies, each of them a tenant; `None` where each tenant is an
    /// instance of its own.
    #[must_use]
    pub fn tenants(&self) -> Option<&str> {
        let Start::Process { arguments, .. } = self else { return None };
        arguments.iter().flat_map(Word::pieces).find_map(|piece| match piece {
            Piece::Tenants(name) => Some(name.as_str()),
            _ => None,
        })
    }

    /// Every word in which placeholders may stand, with where it stands.
    pub(crate) fn words_mut(&mut self) -> Vec<(Place, &mut Word)> {
        match self {
            Start::Process { program, arguments, environment } => {
                words([(Place::PROGRAM, program)], arguments, Some(environment))
            }
            Start::Container { image, arguments, environment, .. } => {
                words([(Place::IMAGE, image)], arguments, Some(environment))
            }
            Start::Bundle { runtime, options: _, binary, arguments } => {
                words([(Place::BINARY, binary), (Place::RUNTIME, runtime)], arguments, None)
            }
            Start::Containerd { shim, file, arguments } => {
                words([(Place::ROOT_FILE, file), (Place::SHIM, shim)], arguments, None)
            }
        }
    }

    /// The same start with other artifacts, by name, in the place of its own; `None` where it names none of them.
    #[must_use]
    pub fn with_artifacts(&self, in_place_of: &BTreeMap<String, String>) -> Option<Self> {
        let mut copy = self.clone();
        let mut is_other = false;
        for (place, word) in copy.words_mut() {
            let is_name = [Place::IMAGE, Place::BINARY, Place::ROOT_FILE].contains(&place);
            for piece in word.pieces_mut() {
                let name = match piece {
                    Piece::Artifact(name) => name,
                    // Where a name may stand, an artifact's stands without braces.
                    Piece::Text(name) if is_name => name,
                    _ => continue,
                };
                if let Some(other) = in_place_of.get(name.as_str()) {
                    name.clone_from(other);
                    is_other = true;
                }
            }
        }
        is_other.then_some(copy)
    }

    /// Adds arguments behind its own.
    pub fn add_arguments(&mut self, more: &[Word]) {
        let (Start::Process { arguments, .. }
        | Start::Container { arguments, .. }
        | Start::Bundle { arguments, .. }
        | Start::Containerd { arguments, .. }) = self;
        arguments.extend_from_slice(more);
    }

    /// The same start with `value` behind an argument, in the place of what stands there; `None` where it has no such
    /// argument, or nothing behind it.
    #[must_use]
    pub fn with_value(&self, argument: &str, value: &str) -> Option<Self> {
        let mut copy = self.clone();
        let (Start::Process { arguments, .. }
        | Start::Container { arguments, .. }
        | Start::Bundle { arguments, .. }
        | Start::Containerd { arguments, .. }) = &mut copy;
        let place = arguments.iter().position(|word| format!("{word}") == argument)?;
        *arguments.get_mut(place + 1)? = value.parse().ok()?;
        Some(copy)
    }

    /// From which moment to which a cold start counts, in words: the one place that says it, for manifests and tables.
    /// Where each begins is the start call in the file of its way of starting, `experiments/runner/src/subject/`.
    /// `includes` is what happens between the two besides.
    #[must_use]
    pub fn boundary(&self, includes: Option<&str>) -> String {
        let (begin, after) = match self {
            Start::Process { .. } => ("posix_spawn of the program".to_owned(), ""),
            Start::Container { network: Network::Host, .. } => {
                ("create call to the engine".to_owned(), "")
            }
            Start::Container { network: Network::Bridge, .. } => {
                ("create call to the engine".to_owned(), ", at the container's own address")
            }
            Start::Bundle { runtime, .. } => {
                let name = program_name(runtime);
                (format!("posix_spawn of `{name} run` on a bundle that lies ready"), "")
            }
            Start::Containerd { .. } => {
                let client =
                    "posix_spawn of containerd's client, `ctr run`, on a bundle that lies ready";
                (client.to_owned(), "")
            }
        };
        let included = includes.map(|what| format!(", {what} included,")).unwrap_or_default();
        let (_, end) = END;
        format!("{begin}{included} {end}{after}")
    }
}

/// The words of one way of starting.
fn words<'a, const N: usize>(
    keys: [(Place, &'a mut Word); N],
    arguments: &'a mut [Word],
    environment: Option<&'a mut BTreeMap<String, Word>>,
) -> Vec<(Place, &'a mut Word)> {
    let arguments = arguments.iter_mut().map(|word| (Place::ARGUMENTS, word));
    let values = environment.into_iter().flat_map(|variables| variables.values_mut());
    let environment = values.map(|word| (Place::ENVIRONMENT, word));
    keys.into_iter().chain(arguments).chain(environment).collect()
}

/// What a person calls the program that a word names: `{program:crun@1.2}` and `/usr/bin/crun` are crun.
fn program_name(word: &Word) -> String {
    match word.only() {
        Some(Piece::Program { beside: Some(beside), .. }) => beside.clone(),
        Some(Piece::Program { name, .. }) => name.to_string(),
        _ => {
            let whole = word.to_string();
            whole.rsplit('/').next().map(str::to_owned).unwrap_or(whole)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_artifact_takes_the_place_of_one_and_of_nothing_else() {
        let others = [("b", "probe"), ("m.cwasm", "p.cwasm")];
        let others: BTreeMap<String, String> =
            others.map(|(name, other)| (name.to_owned(), other.to_owned())).into();
        let read = |text: &str| {
            let Started { start } = toml::from_str(&format!("start.{text}")).unwrap();
            start
        };
        for (before, after) in [
            (
                "process = { program = '{artifact:b}', arguments = ['--of={artifact:m.cwasm}', 'b'] }",
                "process = { program = '{artifact:probe}', arguments = ['--of={artifact:p.cwasm}', 'b'] }",
            ),
            (
                "bundle = { runtime = 'b', binary = 'b', arguments = ['b'] }",
                "bundle = { runtime = 'b', binary = 'probe', arguments = ['b'] }",
            ),
            (
                "container = { image = 'b', network = 'host' }",
                "container = { image = 'probe', network = 'host' }",
            ),
            (
                "containerd = { shim = 'b', file = 'b' }",
                "containerd = { shim = 'b', file = 'probe' }",
            ),
        ] {
            assert_eq!(read(before).with_artifacts(&others), Some(read(after)));
        }
        let without = read("process = { program = 'b', arguments = ['{prepared}'] }");
        assert_eq!(without.with_artifacts(&others), None);
        let mut longer = read("process = { program = 'b' }");
        longer.add_arguments(&["--limit".parse().unwrap()]);
        assert_eq!(longer, read("process = { program = 'b', arguments = ['--limit'] }"));
    }

    #[test]
    fn another_value_stands_behind_an_argument_that_has_one() {
        let read = |arguments: &str| {
            let text = format!("start.process = {{ program = 'b', arguments = [{arguments}] }}");
            let Started { start } = toml::from_str(&text).unwrap();
            start
        };
        let own = read("'--of', 'x', '--idle-timeout', '1h', '--listen', '{listen}'");
        let other = read("'--of', 'x', '--idle-timeout', '400ms', '--listen', '{listen}'");
        assert_eq!(own.with_value("--idle-timeout", "400ms"), Some(other));
        assert_eq!(own.with_value("--timeout", "400ms"), None);
        assert_eq!(read("'--idle-timeout'").with_value("--idle-timeout", "1s"), None);
    }

    #[derive(Deserialize)]
    struct Started {
        start: Start,
    }

    #[test]
    fn each_way_of_starting_says_where_a_cold_start_begins_and_all_end_alike() {
        for (start, includes, expected) in [
            (
                "process = { program = '{program:spin}' }",
                Some("compilation"),
                "posix_spawn of the program, compilation included, to the last byte of the first correct response",
            ),
            (
                "container = { image = 'i.tar', network = 'host' }",
                None,
                "create call to the engine to the last byte of the first correct response",
            ),
            (
                "container = { image = 'i.tar', network = 'bridge' }",
                None,
                "create call to the engine to the last byte of the first correct response, at the container's own \
                 address",
            ),
            (
                "bundle = { runtime = '{program:crun@1.2}', binary = 'b' }",
                None,
                "posix_spawn of `crun run` on a bundle that lies ready to the last byte of the first correct response",
            ),
            (
                "bundle = { runtime = '/usr/sbin/runc', binary = 'b' }",
                None,
                "posix_spawn of `runc run` on a bundle that lies ready to the last byte of the first correct response",
            ),
            (
                "containerd = { shim = 's', file = 'f' }",
                None,
                "posix_spawn of containerd's client, `ctr run`, on a bundle that lies ready to the last byte of the \
                 first correct response",
            ),
        ] {
            let Started { start } = toml::from_str(&format!("start.{start}")).unwrap();
            assert_eq!(start.boundary(includes), expected);
        }
    }
}

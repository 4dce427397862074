//! What a kind of container engine is found and started by, and where one of it answers.

use crate::chain::Session;
use crate::context::Context;
use crate::daemon::Daemon;
use crate::machine::Machine;
use crate::record::Need;
use anyhow::Result;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use weighbridge_schema::subject::ContainerEngine;

/// What one kind of engine is found and started by.
pub(crate) struct Kind {
    pub(crate) engine: ContainerEngine,
    pub(crate) need: Need,
    /// The variable that names one; whoever sets it wants that one or none. The runner reads it too.
    pub(crate) variable: &'static str,
    /// The sockets that are asked when the variable is not set.
    pub(crate) sockets: fn(&dyn Machine) -> Vec<PathBuf>,
    /// Name of the provider that starts one.
    pub(crate) private: &'static str,
    /// The packages that it comes with; none of one that set-up unpacks for its subjects.
    pub(crate) packages: &'static [&'static str],
    /// A program that it needs and that is not there; `None` when all are.
    pub(crate) lacking: fn(&Context<'_>) -> Option<&'static str>,
    pub(crate) start: fn(&Session<'_>) -> Result<Started>,
    /// What lets this user reach an engine that no package would bring: its programs are all installed, or it comes
    /// with none.
    pub(crate) reach: fn(&Context<'_>) -> String,
}

/// A private engine that answers, and what the manifest should say about it.
pub(crate) struct Started {
    pub(crate) daemon: Daemon,
    pub(crate) detail: BTreeMap<String, String>,
}

/// A program on PATH or where system programs lie; an ordinary user's PATH may leave those out.
#[must_use]
pub fn program(machine: &dyn Machine, name: &str) -> Option<PathBuf> {
    machine.find(name).or_else(|| {
        ["/usr/sbin", "/sbin", "/usr/libexec/podman"]
            .iter()
            .map(|folder| Path::new(folder).join(name))
            .find(|path| machine.exists(path))
    })
}

/// The first socket at which an engine of this kind answers: the one that its variable names and no other, else those
/// of the kind. The error says what was asked.
pub(crate) fn socket(kind: &Kind, machine: &dyn Machine) -> std::result::Result<PathBuf, String> {
    if let Some(host) = machine.variable(kind.variable) {
        let Some(path) = host.strip_prefix("unix://").map(PathBuf::from) else {
            return Err(format!("{}={host} is no local socket (unix://...)", kind.variable));
        };
        let answers = machine.engine_answers(kind.engine, &path);
        let silent = || format!("{}={host} does not answer as {}", kind.variable, kind.engine);
        return answers.then_some(path).ok_or_else(silent);
    }
    let sockets = (kind.sockets)(machine);
    let found = sockets.iter().find(|socket| machine.engine_answers(kind.engine, socket)).cloned();
    found.ok_or_else(|| {
        if sockets.is_empty() {
            return format!("one that runs is used only if {} names it", kind.variable);
        }
        let requested: Vec<String> =
            sockets.iter().map(|path| path.display().to_string()).collect();
        format!("none answers of {}", requested.join(", "))
    })
}

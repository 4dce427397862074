//! Container engines: of each kind a socket that answers, or a private one for the length of a run.

use super::chain::{Chain, Plan, Provider, Readiness, Session, Supply};
use super::daemon::Daemon;
use super::docker::DOCKER;
use super::podman::PODMAN;
use super::record::{Need, Outcome};
use super::{Context, Machine, open, packages};
use crate::exit::InterruptedError;
use anyhow::{Result, bail};
use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
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
    /// The packages that it comes with.
    pub(crate) packages: &'static [&'static str],
    /// A program that it needs and that is not there; `None` when all are.
    pub(crate) lacking: fn(&dyn Machine) -> Option<&'static str>,
    pub(crate) start: fn(&Session<'_>) -> Result<Started>,
    /// What lets this user reach an engine whose programs are all installed.
    pub(crate) reach: fn(&dyn Machine) -> String,
}

/// A private engine that answers, and what the manifest should say about it.
pub(crate) struct Started {
    pub(crate) daemon: Daemon,
    pub(crate) detail: BTreeMap<String, String>,
}

const KINDS: [&Kind; 2] = [&DOCKER, &PODMAN];

/// An engine of one kind to talk to, or the reason why there is none.
#[derive(Debug)]
pub struct Engine {
    /// What it meets.
    pub need: Need,
    /// `unix:///path/to.sock`; `None` when there is none.
    pub host: Option<String>,
    /// The provider's name; `None` when there is none.
    pub provider: Option<String>,
    /// Versions and folders.
    pub detail: BTreeMap<String, String>,
    /// Why there is none, and the line that would help.
    pub missing: Option<(String, String)>,
    variable: &'static str,
    /// Stops a daemon that we started.
    daemon: Option<Daemon>,
}

/// One engine of each kind.
#[derive(Debug)]
pub struct Engines(Vec<Engine>);

impl Drop for Engines {
    fn drop(&mut self) {
        self.0
            .iter_mut()
            .filter_map(|engine| engine.daemon.as_mut())
            .for_each(Daemon::begin_to_end);
    }
}

impl Engines {
    /// All of them, and those that are missing.
    pub fn iter(&self) -> impl Iterator<Item = &Engine> {
        self.0.iter()
    }

    /// Tells a program where they answer: `DOCKER_HOST` and `CONTAINER_HOST`.
    pub fn tell(&self, program: &mut Command) {
        for engine in &self.0 {
            match &engine.host {
                Some(host) => program.env(engine.variable, host),
                None => program.env_remove(engine.variable),
            };
        }
    }
}

/// Finds engines that answer, or starts private ones, which are stopped when the result is dropped.
/// Installs nothing: that is for [`provide_all`](super::provide_all).
///
/// # Errors
/// As [`provide_all`](super::provide_all); a missing engine is no error.
pub fn ensure(context: &Context<'_>) -> Result<Engines> {
    let session = open(context)?;
    let engines = KINDS.iter().map(|kind| {
        let chain = chain(kind, session.machine());
        let plan = chain.plan(&session)?;
        if plan.packages().is_empty() {
            return engine_of(kind, &session, plan);
        }
        let lacking = (kind.lacking)(session.machine()).unwrap_or("a program of it");
        let reason = format!("{}: {lacking} is not installed", kind.private);
        Ok(missing(kind, reason, packages::line(kind.packages)))
    });
    engines.collect::<Result<_>>().map(Engines)
}

/// One that cannot be started is missing; only an interruption is an error.
fn engine_of(kind: &Kind, session: &Session<'_>, plan: Plan<'_>) -> Result<Engine> {
    let (provision, _) = plan.run(session);
    let (provider, mut detail) = match provision.outcome {
        Outcome::Provided { provider, detail } => (provider, detail),
        Outcome::Missing { reason, remedy } => return Ok(missing(kind, reason, remedy)),
    };
    let started = if provider == kind.private {
        (kind.start)(session).map(|started| {
            detail.extend(started.detail);
            (started.daemon.socket().to_owned(), Some(started.daemon))
        })
    } else {
        socket(kind, session.machine()).map(|socket| (socket, None)).map_err(anyhow::Error::msg)
    };
    Ok(match started {
        Ok((socket, daemon)) => {
            detail.extend(version(&socket));
            Engine {
                need: kind.need,
                host: Some(format!("unix://{}", socket.display())),
                provider: Some(provider),
                detail,
                missing: None,
                variable: kind.variable,
                daemon,
            }
        }
        Err(error) if error.is::<InterruptedError>() => return Err(error),
        Err(error) => {
            missing(kind, format!("{provider}: {error:#}"), (kind.reach)(session.machine()))
        }
    })
}

fn missing(kind: &Kind, reason: String, remedy: String) -> Engine {
    Engine {
        need: kind.need,
        host: None,
        provider: None,
        detail: BTreeMap::new(),
        missing: Some((reason, remedy)),
        variable: kind.variable,
        daemon: None,
    }
}

/// The chain of set-up: it installs the engine, but starts none.
pub(crate) fn chain(kind: &'static Kind, machine: &dyn Machine) -> Chain {
    Chain {
        need: kind.need,
        providers: vec![Box::new(Socket(kind)), Box::new(Private(kind))],
        remedy: remedy(kind, machine),
    }
}

/// What would help: packages only where a program is missing.
fn remedy(kind: &Kind, machine: &dyn Machine) -> String {
    let variable = kind.variable;
    match machine.variable(variable) {
        Some(host) if host.starts_with("unix://") => {
            format!("start the engine that {variable}={host} names, or: unset {variable}")
        }
        Some(_) => format!("unset {variable}, or let it name a local socket (unix://...)"),
        None if (kind.lacking)(machine).is_some() => packages::line(kind.packages),
        None => (kind.reach)(machine),
    }
}

/// An engine that runs already.
struct Socket(&'static Kind);

impl Provider for Socket {
    fn name(&self) -> &'static str {
        "socket"
    }

    fn readiness(&self, session: &Session<'_>) -> Readiness {
        match socket(self.0, session.machine()) {
            Ok(_) => Readiness::Present,
            Err(reason) => Readiness::Unavailable(reason),
        }
    }

    fn supply(&self, session: &Session<'_>) -> Result<Supply> {
        let socket = socket(self.0, session.machine()).map_err(anyhow::Error::msg)?;
        let detail = BTreeMap::from([("socket".to_owned(), socket.display().to_string())]);
        Ok(Supply { detail, target: None })
    }
}

/// The distribution's engine, started by us for the length of a run.
struct Private(&'static Kind);

impl Provider for Private {
    fn name(&self) -> &'static str {
        self.0.private
    }

    fn readiness(&self, session: &Session<'_>) -> Readiness {
        let (machine, variable) = (session.machine(), self.0.variable);
        if let Some(host) = machine.variable(variable) {
            return Readiness::Unavailable(format!("{variable}={host} asks for another engine"));
        }
        if (self.0.lacking)(machine).is_some() {
            return Readiness::Obtainable { packages: self.0.packages.to_vec() };
        }
        if machine.is_root() {
            Readiness::Present
        } else {
            Readiness::Unavailable(format!("only root can start a private {}", self.0.engine))
        }
    }

    fn supply(&self, session: &Session<'_>) -> Result<Supply> {
        if let Some(program) = (self.0.lacking)(session.machine()) {
            bail!("{program} is not there after installing {}", self.0.packages.join(" "));
        }
        Ok(Supply::default())
    }
}

/// A program on PATH or where system programs lie; an ordinary user's PATH may leave those out.
pub(crate) fn program(machine: &dyn Machine, name: &str) -> Option<PathBuf> {
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
        let asked: Vec<String> = sockets.iter().map(|path| path.display().to_string()).collect();
        format!("none answers of {}", asked.join(", "))
    })
}

/// Whether an engine of this kind answers at this Unix socket within a second. Podman serves Docker's API too, and
/// may do so at Docker's own socket.
pub(crate) fn answers(kind: ContainerEngine, socket: &Path) -> bool {
    let is_podman = |answer: String| answer.contains("Podman Engine");
    ping(socket)
        && get(socket, "/version")
            .is_ok_and(|answer| is_podman(answer) == (kind == ContainerEngine::Podman))
}

/// Whether a container engine answers `GET /_ping` at this Unix socket within a second.
pub(crate) fn ping(socket: &Path) -> bool {
    get(socket, "/_ping").is_ok_and(|answer| answer.starts_with("200"))
}

/// Version facts of the engine, as far as it gives them.
pub(crate) fn version(socket: &Path) -> BTreeMap<String, String> {
    let fields = || -> Option<serde_json::Map<String, serde_json::Value>> {
        let answer = get(socket, "/version").ok()?;
        let (_, body) = answer.split_once("\r\n\r\n")?;
        serde_json::from_str(body).ok()
    };
    let fields = fields().unwrap_or_default();
    ["Version", "ApiVersion", "KernelVersion"]
        .iter()
        .filter_map(|&name| {
            let value = fields.get(name)?.as_str()?;
            Some((format!("engine {name}"), value.to_owned()))
        })
        .collect()
}

/// One request of HTTP/1.0, so that the answer comes whole and unchunked; gives the answer from its status on.
fn get(socket: &Path, path: &str) -> std::io::Result<String> {
    let limit = Some(Duration::from_secs(1));
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(limit)?;
    stream.set_write_timeout(limit)?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: engine\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let status = answer.split_once(' ').map(|(_, rest)| rest.to_owned());
    status.ok_or_else(|| std::io::Error::other("no status line"))
}

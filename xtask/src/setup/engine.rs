//! The container engine: a socket that answers, or a private `dockerd` for the length of a run.

use super::chain::{Chain, Plan, Provider, Readiness, Session, Supply};
use super::daemon::Daemon;
use super::record::{Need, Outcome};
use super::{Context, Machine, open, packages};
use anyhow::{Context as _, Result, bail};
use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

const PACKAGES: &[&str] = &["docker.io", "iptables"];
const PRIVATE_DAEMON: &str = "private-dockerd";

/// A container engine to talk to, or the reason why there is none.
#[derive(Debug)]
pub struct Engine {
    /// `unix:///path/to.sock`, for `DOCKER_HOST`; `None` when there is none.
    pub docker_host: Option<String>,
    /// The provider's name; `None` when there is none.
    pub provider: Option<String>,
    /// Versions and folders.
    pub detail: BTreeMap<String, String>,
    /// Why there is none, and the line that would help.
    pub missing: Option<(String, String)>,
    /// Stops a daemon that we started.
    _daemon: Option<Daemon>,
}

/// Finds an engine that answers, or starts a private one, which is stopped when the result is dropped.
/// Installs nothing: that is for [`provide_all`](super::provide_all).
///
/// # Errors
/// As [`provide_all`](super::provide_all); a missing engine is no error.
pub fn ensure(context: &Context<'_>) -> Result<Engine> {
    let session = open(context)?;
    let chain = chain();
    let plan = chain.plan(&session)?;
    if !plan.packages().is_empty() {
        let reason = format!("{PRIVATE_DAEMON}: dockerd is not installed");
        return Ok(missing(reason, packages::line(PACKAGES)));
    }
    Ok(engine_of(&session, plan))
}

fn engine_of(session: &Session<'_>, plan: Plan<'_>) -> Engine {
    let (provision, _) = plan.run(session);
    let (provider, mut detail) = match provision.outcome {
        Outcome::Provided { provider, detail } => (provider, detail),
        Outcome::Missing { reason, remedy } => return missing(reason, remedy),
    };
    let started = if provider == PRIVATE_DAEMON {
        start(session).map(|daemon| (daemon.socket().to_owned(), Some(daemon)))
    } else {
        socket(session.machine()).map(|socket| (socket, None)).map_err(anyhow::Error::msg)
    };
    match started {
        Ok((socket, daemon)) => {
            detail.extend(version(&socket));
            Engine {
                docker_host: Some(format!("unix://{}", socket.display())),
                provider: Some(provider),
                detail,
                missing: None,
                _daemon: daemon,
            }
        }
        Err(error) => missing(format!("{provider}: {error:#}"), packages::line(PACKAGES)),
    }
}

fn start(session: &Session<'_>) -> Result<Daemon> {
    let dockerd = program(session.machine(), "dockerd").context("dockerd is not installed")?;
    Daemon::start(session.context, &dockerd)
}

fn missing(reason: String, remedy: String) -> Engine {
    let (provider, detail) = (None, BTreeMap::new());
    Engine { docker_host: None, provider, detail, missing: Some((reason, remedy)), _daemon: None }
}

/// The chain of set-up: it installs the daemon, but starts none.
pub(crate) fn chain() -> Chain {
    Chain {
        need: Need::ContainerEngine,
        providers: vec![Box::new(Socket), Box::new(PrivateDaemon)],
        remedy: packages::line(PACKAGES),
    }
}

/// An engine that runs already.
struct Socket;

impl Provider for Socket {
    fn name(&self) -> &'static str {
        "socket"
    }

    fn readiness(&self, session: &Session<'_>) -> Readiness {
        match socket(session.machine()) {
            Ok(_) => Readiness::Present,
            Err(reason) => Readiness::Unavailable(reason),
        }
    }

    fn supply(&self, session: &Session<'_>) -> Result<Supply> {
        let socket = socket(session.machine()).map_err(anyhow::Error::msg)?;
        let detail = BTreeMap::from([("socket".to_owned(), socket.display().to_string())]);
        Ok(Supply { detail, target: None })
    }
}

/// The distribution's daemon, started by us for the length of a run.
struct PrivateDaemon;

impl Provider for PrivateDaemon {
    fn name(&self) -> &'static str {
        PRIVATE_DAEMON
    }

    fn readiness(&self, session: &Session<'_>) -> Readiness {
        let machine = session.machine();
        if let Some(host) = machine.variable("DOCKER_HOST") {
            // Whoever names an engine wants that one or none.
            return Readiness::Unavailable(format!("DOCKER_HOST={host} asks for another engine"));
        }
        let missing = |name: &&str| program(machine, name).is_none();
        if ["dockerd", "containerd", "runc", "iptables"].iter().any(missing) {
            return Readiness::Obtainable { packages: PACKAGES.to_vec() };
        }
        if machine.is_root() {
            Readiness::Present
        } else {
            Readiness::Unavailable("only root can start dockerd".to_owned())
        }
    }

    fn supply(&self, session: &Session<'_>) -> Result<Supply> {
        let Some(dockerd) = program(session.machine(), "dockerd") else {
            bail!("dockerd is not there after installing {}", PACKAGES.join(" "));
        };
        let detail = BTreeMap::from([("program".to_owned(), dockerd.display().to_string())]);
        Ok(Supply { detail, target: None })
    }
}

/// A program on PATH or where system programs lie; an ordinary user's PATH may leave those out.
fn program(machine: &dyn Machine, name: &str) -> Option<PathBuf> {
    machine.find(name).or_else(|| {
        ["/usr/sbin", "/sbin"]
            .iter()
            .map(|folder| Path::new(folder).join(name))
            .find(|path| machine.exists(path))
    })
}

/// The first socket that answers: the one that `DOCKER_HOST` names and no other, else Docker's, rootless Docker's,
/// Podman's and rootless Podman's. The error says what was asked.
fn socket(machine: &dyn Machine) -> std::result::Result<PathBuf, String> {
    if let Some(host) = machine.variable("DOCKER_HOST") {
        let Some(path) = host.strip_prefix("unix://").map(PathBuf::from) else {
            return Err(format!("DOCKER_HOST={host} is no local socket (unix://...)"));
        };
        let answers = machine.engine_answers(&path);
        return answers.then_some(path).ok_or(format!("DOCKER_HOST={host} does not answer"));
    }
    let mut sockets = vec![PathBuf::from("/var/run/docker.sock"), "/run/podman/podman.sock".into()];
    if let Some(folder) = machine.variable("XDG_RUNTIME_DIR").map(PathBuf::from) {
        sockets.insert(1, folder.join("docker.sock"));
        sockets.push(folder.join("podman/podman.sock"));
    }
    let found = sockets.iter().find(|socket| machine.engine_answers(socket)).cloned();
    found.ok_or_else(|| {
        let asked: Vec<String> = sockets.iter().map(|path| path.display().to_string()).collect();
        format!("none answers of {}", asked.join(", "))
    })
}

/// Whether a container engine answers `GET /_ping` at this Unix socket within a second.
pub(crate) fn ping(socket: &Path) -> bool {
    get(socket, "/_ping").is_ok_and(|answer| answer.starts_with("200"))
}

/// Version facts of the engine, as far as it gives them.
fn version(socket: &Path) -> BTreeMap<String, String> {
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

//! Docker: a socket that answers, or a private `dockerd` of the distribution's package.

use crate::chain::{Session, details};
use crate::context::Context;
use crate::daemon::{Daemon, Place};
use crate::engine_kind::{Kind, Started, program};
use crate::machine::Machine;
use crate::record::Need;
use anyhow::{Context as _, Result};
use std::path::{Path, PathBuf};
use weighbridge_schema::subject::ContainerEngine;

/// Docker.
pub(crate) const DOCKER: Kind = Kind {
    engine: ContainerEngine::Docker,
    need: Need::ContainerEngine,
    variable: "DOCKER_HOST",
    sockets,
    private: "private-dockerd",
    packages: &["docker.io", "iptables"],
    lacking,
    start,
    reach,
};

const SYSTEM_SOCKET: &str = "/var/run/docker.sock";

/// Where one that runs already listens: the system's, or the user's own.
fn sockets(machine: &dyn Machine) -> Vec<PathBuf> {
    let own = machine.variable("XDG_RUNTIME_DIR").map(PathBuf::from);
    let own = own.map(|folder| folder.join("docker.sock"));
    std::iter::once(SYSTEM_SOCKET.into()).chain(own).collect()
}

fn lacking(context: &Context<'_>) -> Option<&'static str> {
    let programs = ["dockerd", "containerd", "runc", "iptables"];
    programs.into_iter().find(|name| program(context.machine, name).is_none())
}

/// It is installed: it does not run, or does not let this user in.
fn reach(context: &Context<'_>) -> String {
    let machine = context.machine;
    let start = match machine.find("systemctl") {
        Some(_) => "sudo systemctl start docker",
        None => "sudo service docker start",
    };
    let join = "sudo usermod -aG docker $USER, and log in again";
    match (machine.is_root(), machine.exists(Path::new(SYSTEM_SOCKET))) {
        (true, _) => start.replace("sudo ", ""),
        (false, true) => format!("{join} (or {start}, if it does not run)"),
        (false, false) => format!("{start}; {join}"),
    }
}

fn start(session: &Session<'_>) -> Result<Started> {
    let dockerd = program(session.machine(), "dockerd").context("dockerd is not installed")?;
    let place = Place::make(session.context, "docker")?;
    place.claim_bridge()?;
    let detail = details([("program", dockerd.display().to_string())]);
    let command = words(&dockerd, &place)?;
    Ok(Started { daemon: Daemon::start(session.context, &place, &command)?, detail })
}

/// Writes an empty configuration, and gives the command of a `dockerd` whose folders are those of `place`.
///
/// # Errors
/// The configuration cannot be written.
pub(crate) fn words(dockerd: &Path, place: &Place) -> Result<Vec<String>> {
    let configuration = place.configure("daemon.json", "{}\n")?;
    let shown = |path: PathBuf| path.display().to_string();
    Ok(vec![
        shown(dockerd.to_owned()),
        "--host".to_owned(),
        format!("unix://{}", place.socket().display()),
        "--config-file".to_owned(),
        shown(configuration),
        "--data-root".to_owned(),
        shown(place.data.clone()),
        "--exec-root".to_owned(),
        shown(place.run.join("exec")),
        "--pidfile".to_owned(),
        shown(place.run.join("docker.pid")),
        // Our own names, should a containerd of the system be running that dockerd takes.
        "--containerd-namespace=weighbridge".to_owned(),
        "--containerd-plugins-namespace=weighbridge-plugins".to_owned(),
        "--log-level=warn".to_owned(),
    ])
}

//! The processes of a container engine: the shim of a container, and the daemons that serve all of them.

use crate::kernel::procfs;
use rustix::net::sockopt::socket_peercred;
use std::os::unix::net::UnixStream;
use std::path::Path;
use weighbridge_schema::subject::ContainerEngine;

/// What the daemons of engines are called.
pub const NAMES: [&str; 3] = [DOCKER, PODMAN, CONTAINERD];
const DOCKER: &str = "dockerd";
const PODMAN: &str = "podman";
const CONTAINERD: &str = "containerd";

/// The helper process that the engine keeps for the container of which `pid` is the first process; `None` for a
/// plain process, which is the runner's own child, and for a bundle.
pub fn shim(pid: u32) -> Option<u32> {
    let (parent, name) = procfs::parent(pid)?;
    let is_shim = name.starts_with("containerd-shim") || name.starts_with("conmon");
    is_shim.then_some(parent)
}

/// The daemons behind the engine's `socket` and behind the `shim` of one of its containers: dockerd and
/// containerd, or the podman that serves the socket. `None` when one of them is not found: a sum without it would
/// be wrong.
pub fn daemons(kind: ContainerEngine, socket: &Path, shim: u32) -> Option<Vec<u32>> {
    let name = match kind {
        ContainerEngine::Docker | ContainerEngine::DockerCurrent => DOCKER,
        ContainerEngine::Podman => PODMAN,
    };
    let mut found = vec![listener(socket, name)?];
    // podman's conmon has none behind it.
    if procfs::name(shim)?.starts_with("containerd-shim") {
        found.push(containerd(shim)?);
    }
    found.sort_unstable();
    found.dedup();
    Some(found)
}

/// The containerd behind one of its shims, which is told where its daemon listens. `None` for another helper.
pub fn containerd(shim: u32) -> Option<u32> {
    let words = procfs::command_line(shim)?;
    let address = words.iter().position(|word| word == "-address")?;
    listener(Path::new(words.get(address + 1)?), CONTAINERD)
}

/// The process that listens on a socket, as the kernel tells who connects to it (SO_PEERCRED, unix(7)). The
/// first process of the machine has only opened the socket for the daemon (systemd's socket activation); the
/// daemon is then known by its name, if there is only one.
fn listener(socket: &Path, name: &str) -> Option<u32> {
    let connection = UnixStream::connect(socket).ok()?;
    let pid = socket_peercred(&connection).ok()?.pid.as_raw_nonzero().get();
    let pid = u32::try_from(pid).ok()?;
    if pid != 1 {
        return Some(pid);
    }
    match procfs::named(name).as_slice() {
        [only] => Some(*only),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    #[test]
    fn the_listener_is_found_by_its_socket() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("socket");
        assert_eq!(listener(&socket, "dockerd"), None);
        let _listening = UnixListener::bind(&socket).unwrap();
        assert_eq!(listener(&socket, "dockerd"), Some(std::process::id()));
    }

    #[test]
    fn a_plain_process_has_no_shim() {
        let mut child = std::process::Command::new("sleep").arg("30").spawn().unwrap();
        assert_eq!(shim(child.id()), None);
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

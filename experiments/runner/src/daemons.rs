//! The processes of a container engine: the shim of a container, and the daemons that serve all of them.

use crate::procfs;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::OwnedFd;
use rustix::net::sockopt::socket_peercred;
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;
use weighbridge_schema::subject::ContainerEngine;

/// The helper process that the engine keeps for the container of which `pid` is the first process; `None` for a
/// plain process, which is the runner's own child, and for a bundle.
pub fn shim(pid: u32) -> Option<u32> {
    let (parent, name) = procfs::parent(pid)?;
    let is_shim = name.starts_with("containerd-shim") || name.starts_with("conmon");
    is_shim.then_some(parent)
}

/// Longest wait for a shim to end once its container is gone.
const ENDED_LIMIT: Duration = Duration::from_secs(10);

/// A process whose end can be waited for, though it is not this one's child.
pub struct Ending(OwnedFd);

impl Ending {
    /// `None` when it has ended already.
    pub fn of(pid: u32) -> Option<Self> {
        let pid = Pid::from_raw(i32::try_from(pid).ok()?)?;
        pidfd_open(pid, PidfdFlags::empty()).ok().map(Self)
    }

    /// Waits for it.
    ///
    /// # Errors
    /// It does not end.
    pub fn wait(self) -> Result<(), String> {
        let limit = Timespec {
            tv_sec: i64::try_from(ENDED_LIMIT.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: 0,
        };
        let mut ended = [PollFd::new(&self.0, PollFlags::IN)];
        match poll(&mut ended, Some(&limit)) {
            Ok(0) => Err(format!(
                "the container is gone, and its shim has not ended {} s later",
                ENDED_LIMIT.as_secs()
            )),
            Ok(_) => Ok(()),
            Err(error) => Err(format!("wait for the container's shim: {error}")),
        }
    }
}

/// The daemons behind the engine's `socket` and behind the `shim` of one of its containers: dockerd and
/// containerd, or the podman that serves the socket. `None` when one of them is not found: a sum without it would
/// be wrong.
pub fn daemons(kind: ContainerEngine, socket: &Path, shim: u32) -> Option<Vec<u32>> {
    let name = match kind {
        ContainerEngine::Docker => "dockerd",
        ContainerEngine::Podman => "podman",
    };
    let mut found = vec![listener(socket, name)?];
    // containerd's shims are told where their daemon listens; podman's conmon has none behind it.
    if procfs::name(shim)?.starts_with("containerd-shim") {
        let words = procfs::command_line(shim)?;
        let address = words.iter().position(|word| word == "-address")?;
        found.push(listener(Path::new(words.get(address + 1)?), "containerd")?);
    }
    found.sort_unstable();
    found.dedup();
    Some(found)
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

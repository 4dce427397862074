//! A private containerd: started when the first subject asks for it, ended with the run. Its data lie in a folder of
//! their own, and a file of configuration keeps the system's out.

use crate::failure::Cause;
use crate::inventory::programs;
use crate::run::leftovers::Mark;
use crate::subject::MARK;
use rustix::mount::{UnmountFlags, unmount};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::File;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Where it lies while it runs. Only one run measures at a time on a machine.
const BASE: &str = "/run/weighbridge-containerd";
const START_LIMIT: Duration = Duration::from_secs(30);
const STOP_LIMIT: Duration = Duration::from_secs(10);
/// Its own folders, and only the parts that run a bundle: without the part for Kubernetes.
const SETTINGS: &str = r#"version = 2
root = "{BASE}/root"
state = "{BASE}/state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = "{BASE}/containerd.sock"
[plugins."io.containerd.internal.v1.opt"]
  path = "{BASE}/opt"
"#;

/// The programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// The daemon.
    pub containerd: PathBuf,
    /// Its command line.
    pub ctr: PathBuf,
}

impl Client {
    /// Looks them up.
    ///
    /// # Errors
    /// Names the package that one of them is missing of.
    pub fn find() -> Result<Self, &'static str> {
        let find = |name| programs::find(name).ok_or("containerd");
        Ok(Self { containerd: find("containerd")?, ctr: find("ctr")? })
    }
}

/// The daemon; ended, with its folders, when dropped.
#[derive(Debug)]
pub struct Containerd {
    /// The programs.
    pub client: Client,
    child: Child,
}

/// One that is started by the first who asks.
#[derive(Debug, Default)]
pub struct Lazy(OnceLock<Result<Containerd, Cause>>);

impl Lazy {
    /// The daemon of this run.
    ///
    /// # Errors
    /// It could not be started; the message says why, and it is not tried again.
    pub fn get(&self, run: &str) -> Result<&Containerd, Cause> {
        self.0.get_or_init(|| Containerd::start(run)).as_ref().map_err(Clone::clone)
    }

    /// Whether it was started and does not answer any more.
    pub fn is_silent(&self) -> bool {
        let started = self.0.get().and_then(|started| started.as_ref().ok());
        started.is_some_and(|daemon| UnixStream::connect(daemon.socket()).is_err())
    }
}

impl Containerd {
    fn start(run: &str) -> Result<Self, Cause> {
        let client = Client::find().map_err(|missing| format!("{missing} is not installed"))?;
        remove_leftovers()?;
        let base = Path::new(BASE);
        let failed = |what: &str, error| Cause::io(format!("{what} {BASE}"), error);
        std::fs::create_dir_all(base).map_err(|error| failed("create", error))?;
        let settings = base.join("config.toml");
        std::fs::write(&settings, SETTINGS.replace("{BASE}", BASE))
            .map_err(|error| failed("write into", error))?;
        let log = File::create(base.join("log")).map_err(|error| failed("write into", error))?;
        let mut command = Command::new(&client.containerd);
        command.arg("--config").arg(&settings);
        // It looks runc up; and the shims inherit the mark.
        command
            .env_clear()
            .env(MARK, Mark::of(run).to_string())
            .env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).process_group(0);
        let spawned = command.spawn();
        let child = spawned
            .map_err(|error| Cause::io(format!("spawn {}", client.containerd.display()), error))?;
        let mut daemon = Self { client, child };
        daemon.wait_until_it_answers()?;
        Ok(daemon)
    }

    /// Where it listens.
    pub fn socket(&self) -> PathBuf {
        Path::new(BASE).join("containerd.sock")
    }

    fn wait_until_it_answers(&mut self) -> Result<(), Cause> {
        let begun = Instant::now();
        while UnixStream::connect(self.socket()).is_err() {
            let ended = self.child.try_wait().map_err(|error| Cause::io("wait for it", error))?;
            if ended.is_some() || begun.elapsed() > START_LIMIT {
                let log = std::fs::read_to_string(Path::new(BASE).join("log")).unwrap_or_default();
                let last = log.lines().next_back().unwrap_or_default();
                return Err(Cause::Containerd(last.to_owned()));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }
}

impl Drop for Containerd {
    fn drop(&mut self) {
        // It may have ended by itself; waiting tells.
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let begun = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) {
            if begun.elapsed() > STOP_LIMIT {
                let _ = self.child.kill();
                let _ = self.child.wait();
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = remove_leftovers();
    }
}

/// Removes the folders of one that is gone: of a killed run its processes are ended by their mark before.
///
/// # Errors
/// They cannot be removed.
pub fn remove_leftovers() -> Result<(), Cause> {
    // A shim may have mounted what a container is made of, and removing must not reach through that.
    let mounts = std::fs::read_to_string("/proc/self/mounts")
        .map_err(|error| Cause::io("read /proc/self/mounts", error))?;
    for point in mounted_below(BASE, &mounts) {
        unmount(point, UnmountFlags::DETACH).map_err(|error| {
            Cause::io(format!("unmount {point}, left by an earlier run"), error)
        })?;
    }
    match std::fs::remove_dir_all(BASE) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Cause::io(format!("remove {BASE}"), error))
        }
        _ => Ok(()),
    }
}

/// The mount points below `folder`, the innermost first; `mounts` as in `/proc/self/mounts`, in the order of mounting.
fn mounted_below<'a>(folder: &str, mounts: &'a str) -> Vec<&'a str> {
    let points = mounts.lines().filter_map(|line| line.split(' ').nth(1));
    let below =
        points.filter(|point| point.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/')));
    below.rev().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_mounted_below_is_found_and_nothing_else() {
        let mounts = "proc /proc proc rw 0 0\n\
                      tmpfs /run/weighbridge-containerd/state/a/rootfs tmpfs rw 0 0\n\
                      tmpfs /run/weighbridge-containerd/state/a/rootfs/proc tmpfs rw 0 0\n\
                      tmpfs /run/weighbridge-containerd-other/b tmpfs rw 0 0\n";
        let found = mounted_below(BASE, mounts);
        let state = "/run/weighbridge-containerd/state/a/rootfs";
        assert_eq!(found, [&format!("{state}/proc"), state]);
    }
}

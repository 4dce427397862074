//! A private `dockerd`, started for the length of a run and gone with it.
//!
//! Its data lie in the state folder, its sockets and pid files in a short folder of their own, and a
//! configuration file of its own keeps the system's out: nothing of a system daemon is touched.

use super::debian::{hexadecimal, make_folder};
use super::{Context, engine, scripts};
use anyhow::{Context as _, Result, bail};
use sha2::{Digest as _, Sha256};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const SUPERVISOR: &str = include_str!("supervise-daemon.sh");
const START_LIMIT: Duration = Duration::from_secs(60);
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// The running daemon; stopped, with everything it started, when dropped or when this process ends.
#[derive(Debug)]
pub(crate) struct Daemon {
    supervisor: Child,
    socket: PathBuf,
}

/// The folders of the daemon that belongs to one state folder.
struct Folders {
    run: PathBuf,
    data: PathBuf,
    log: PathBuf,
}

impl Daemon {
    /// Starts the daemon and waits until it answers.
    ///
    /// # Errors
    /// When another run of this project has one started already, or when it does not answer within a minute; the
    /// message names the log.
    pub(crate) fn start(context: &Context<'_>, dockerd: &Path) -> Result<Self> {
        let folders = Folders::of(context)?;
        let script = context.state.join("bin/supervise-daemon");
        scripts::write(&script, SUPERVISOR)?;
        folders.make_fresh(&script)?;
        (context.reporter)("starting a private dockerd");
        let socket = folders.socket();
        let supervisor = folders
            .command(&script, dockerd)
            .spawn()
            .with_context(|| format!("can't start {}", script.display()))?;
        let mut daemon = Self { supervisor, socket };
        daemon.wait_until_it_answers(&folders)?;
        Ok(daemon)
    }

    /// Where it listens.
    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    fn wait_until_it_answers(&mut self, folders: &Folders) -> Result<()> {
        let start = Instant::now();
        while !engine::ping(&self.socket) {
            let ended = has_ended(&folders.run.join("daemon"));
            if ended || start.elapsed() > START_LIMIT {
                let what = if ended { "ended" } else { "does not answer" };
                let log = std::fs::read_to_string(&folders.log).unwrap_or_default();
                let last = log.lines().next_back().unwrap_or_default();
                bail!("dockerd {what}; its log is {}, ending in: {last}", folders.log.display());
            }
            std::thread::sleep(POLL_INTERVAL);
        }
        Ok(())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // The end of its input tells the supervisor to stop the daemon and clean up.
        drop(self.supervisor.stdin.take());
        // It is our child, so that waiting fails only when it was waited for already.
        let _ = self.supervisor.wait();
    }
}

impl Folders {
    fn of(context: &Context<'_>) -> Result<Self> {
        // The path of a Unix socket is limited to about a hundred bytes: the state folder can be too deep.
        let digest = hexadecimal(&Sha256::digest(context.state.as_os_str().as_encoded_bytes()));
        let base = context.machine.variable("XDG_RUNTIME_DIR").map(PathBuf::from);
        let base = base.filter(|_| !context.machine.is_root()).unwrap_or_else(|| "/run".into());
        let logs = context.state.join("logs");
        make_folder(&logs)?;
        Ok(Self {
            run: base.join("weighbridge").join(&digest[..8]),
            data: context.state.join("docker"),
            log: logs.join("dockerd.log"),
        })
    }

    fn socket(&self) -> PathBuf {
        self.run.join("docker.sock")
    }

    /// Removes what a killed run left behind, and makes the folders anew.
    fn make_fresh(&self, script: &Path) -> Result<()> {
        if self.run.exists() {
            if engine::ping(&self.socket()) && !has_ended(&self.run.join("supervisor")) {
                bail!(
                    "another run of this project has its dockerd at {}; wait for it to end",
                    self.socket().display()
                );
            }
            let cleaned = Command::new(script).arg("clean").args([&self.run, &self.data]).status();
            cleaned.with_context(|| format!("can't clean {}", self.run.display()))?;
        }
        make_folder(&self.run)?;
        make_folder(&self.data)?;
        let configuration = self.run.join("daemon.json");
        std::fs::write(&configuration, "{}\n")
            .with_context(|| format!("can't write {}", configuration.display()))
    }

    fn command(&self, script: &Path, dockerd: &Path) -> Command {
        let under = |part: &str| self.run.join(part);
        let mut command = Command::new(script);
        command.arg("run").args([&self.run, &self.data, &self.log]).arg(dockerd);
        command.arg("--host").arg(format!("unix://{}", self.socket().display()));
        command.arg("--config-file").arg(under("daemon.json"));
        command.arg("--data-root").arg(&self.data);
        command.arg("--exec-root").arg(under("exec"));
        command.arg("--pidfile").arg(under("docker.pid"));
        // Our own names, should a containerd of the system be running that dockerd takes.
        command.args(["--containerd-namespace", "weighbridge"]);
        command.args(["--containerd-plugins-namespace", "weighbridge-plugins"]);
        command.args(["--log-level", "warn"]);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        // Ctrl-C is for the run: it still needs the daemon to remove its containers.
        command.process_group(0);
        command
    }
}

/// Whether the process whose id is in this file has ended; false while there is no such file.
fn has_ended(file: &Path) -> bool {
    let Ok(id) = std::fs::read_to_string(file) else { return false };
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", id.trim()));
    // The state follows the name, which is in parentheses; Z is a process that ended unobserved.
    stat.map_or(true, |line| line.rsplit(')').next().is_some_and(|rest| rest.starts_with(" Z")))
}

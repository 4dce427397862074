//! A private container engine, started for the length of a run and gone with it.
//!
//! Its data lie in the state folder, its sockets and pid files in a short folder of their own, and
//! configuration files of its own keep the system's out: nothing of a system's or a user's engine is touched.

use crate::context::Context;
use crate::{engine_api, scripts};
use anyhow::{Context as _, Result, bail, ensure};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};
use weighbridge_machine::lock::{self, Beside, Lock};
use weighbridge_project::exit::InterruptedError;
use weighbridge_project::files::make_folder;
use weighbridge_project::inputs::sha256;
use weighbridge_project::process::{self, interrupted};

const SUPERVISOR: &str = include_str!("supervise-daemon.sh");
/// The script in a run folder that is run when the engine is to end.
const LAST_WORDS: &str = "last-words";
/// The file in a run folder which says that the machine had no bridge before.
const BRIDGE_IS_OURS: &str = "bridge-is-ours";
const START_LIMIT: Duration = Duration::from_secs(60);
/// How long an engine of ours that is ending may take: its containers, then itself, then its mounts.
const PREDECESSOR_LIMIT: Duration = Duration::from_secs(120);
/// What takes longer than that to end is said to be ending.
const SILENCE: Duration = Duration::from_secs(2);
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// The running engine; stopped, with everything it started, when dropped or when this process ends.
#[derive(Debug)]
pub(crate) struct Daemon {
    name: &'static str,
    supervisor: Child,
    socket: PathBuf,
}

/// The folders of the engine that belongs to one state folder, ours alone: the lock goes on to the engine's supervisor,
/// which holds it until nothing is left of the engine, even if this process is killed.
#[derive(Debug)]
pub(crate) struct Place {
    name: &'static str,
    lock: Lock,
    supervisor: PathBuf,
    log: PathBuf,
    /// Sockets, pid files, configuration: gone with the engine.
    pub(crate) run: PathBuf,
    /// Images and containers.
    pub(crate) data: PathBuf,
}

impl Place {
    /// Waits for an earlier engine of this place to end, removes what a killed run left behind, and
    /// makes the folders anew. `name` is the engine's: `docker`.
    ///
    /// # Errors
    /// Another run of this project has one and keeps it, or a folder cannot be made.
    pub(crate) fn make(context: &Context<'_>, name: &'static str) -> Result<Self> {
        // The path of a Unix socket is limited to about a hundred bytes: the state folder can be too deep.
        let digest = sha256(context.state.as_os_str().as_encoded_bytes());
        let base = context.machine.variable("XDG_RUNTIME_DIR").map(PathBuf::from);
        let base = base.filter(|_| !context.machine.is_root()).unwrap_or_else(|| "/run".into());
        make_folder(&context.state.join("logs"))?;
        let place = Self {
            name,
            lock: alone(context, name, PREDECESSOR_LIMIT)?,
            supervisor: context.state.join("bin/supervise-daemon"),
            log: context.state.join("logs").join(format!("{name}.log")),
            run: base.join("weighbridge").join(format!("{}-{name}", &digest[..8])),
            data: context.state.join(name),
        };
        scripts::write(&place.supervisor, SUPERVISOR)?;
        place.clean()?;
        make_folder(&place.run)?;
        make_folder(&place.data)?;
        Ok(place)
    }

    fn clean(&self) -> Result<()> {
        if !self.run.exists() {
            return Ok(());
        }
        if engine_api::ping(&self.socket()) && !has_ended(&self.run.join("supervisor")) {
            bail!(
                "another run of this project has its {} at {}; wait for it to end",
                self.name,
                self.socket().display()
            );
        }
        let cleaned =
            process::command(&self.supervisor).arg("clean").args([&self.run, &self.data]).status();
        cleaned.with_context(|| format!("can't clean {}", self.run.display()))?;
        Ok(())
    }

    /// Removes the folder of an engine that could not be started. What stays is removed by the next start.
    pub(crate) fn abandon(&self) {
        let _ = self.clean();
    }

    /// Where the engine is to listen.
    pub(crate) fn socket(&self) -> PathBuf {
        self.run.join(format!("{}.sock", self.name))
    }

    /// Writes a file of configuration into the run folder.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn configure(&self, name: &str, content: &str) -> Result<PathBuf> {
        let file = self.run.join(name);
        make_folder(file.parent().unwrap_or(&self.run))?;
        std::fs::write(&file, content)
            .with_context(|| format!("can't write {}", file.display()))?;
        Ok(file)
    }

    /// Has this script run when the engine has ended, by itself or not.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn at_the_end(&self, script: &str) -> Result<()> {
        scripts::write(&self.run.join(LAST_WORDS), script)
    }

    /// Starts the supervisor, which starts the engine and ends it when its standard input ends.
    fn supervise(&self, command: &[String]) -> Result<Child> {
        let mut supervisor = process::command(&self.supervisor);
        supervisor.arg("run").args([&self.run, &self.data, &self.log]).args(command);
        // It writes nothing: its standard output is there to hold the lock.
        supervisor.stdin(Stdio::piped()).stdout(self.lock.hand_on()?).stderr(Stdio::null());
        // Ctrl-C is for the run: it still needs the engine to remove its containers.
        supervisor.process_group(0);
        supervisor.spawn().with_context(|| format!("can't start {}", self.supervisor.display()))
    }

    /// Notes that the engine will make the machine's bridge, and so has to take it away.
    ///
    /// # Errors
    /// The note cannot be written.
    pub(crate) fn claim_bridge(&self) -> Result<()> {
        if !Path::new("/sys/class/net/docker0").exists() {
            self.configure(BRIDGE_IS_OURS, "")?;
        }
        Ok(())
    }
}

/// Waits until no other process has an engine of this name and of the same state folder.
fn alone(context: &Context<'_>, name: &str, limit: Duration) -> Result<Lock> {
    let file = context.state.join(format!("{name}.lock"));
    let what = format!("the {name} of `{}`", weighbridge_project::machine_lock::command_line());
    let begun = Instant::now();
    let mut is_said = false;
    loop {
        let occupant = match lock::attempt(&file, Beside::Nobody, &what)? {
            Ok(lock) => return Ok(lock),
            Err(occupant) => occupant,
        };
        ensure!(!interrupted(), InterruptedError);
        if begun.elapsed() > limit {
            bail!(
                "an earlier {name} of this project has not ended within {} s: {occupant}",
                limit.as_secs()
            );
        }
        if !is_said {
            (context.reporter)(&format!("waiting for an earlier {name} to end: {occupant}"));
            is_said = true;
        }
        std::thread::sleep(POLL_INTERVAL);
    }
}

impl Daemon {
    /// Starts the engine and waits until it answers.
    ///
    /// # Errors
    /// It ends, or does not answer within a minute; the message names the log.
    pub(crate) fn start(context: &Context<'_>, place: &Place, command: &[String]) -> Result<Self> {
        (context.reporter)(&format!("starting a private {}", place.name));
        let supervisor = place.supervise(command)?;
        let daemon = Self { name: place.name, supervisor, socket: place.socket() };
        daemon.wait_until_it_answers(place)?;
        Ok(daemon)
    }

    /// Where it listens.
    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    /// Tells it to end, and does not wait: several end beside each other.
    pub(crate) fn begin_to_end(&mut self) {
        // The end of its input tells the supervisor to stop the engine and clean up.
        drop(self.supervisor.stdin.take());
    }

    fn wait_until_it_answers(&self, place: &Place) -> Result<()> {
        let start = Instant::now();
        while !engine_api::ping(&self.socket) {
            ensure!(!interrupted(), InterruptedError);
            let ended = has_ended(&place.run.join("daemon"));
            if ended || start.elapsed() > START_LIMIT {
                let what = if ended { "ended" } else { "does not answer" };
                let log = std::fs::read_to_string(&place.log).unwrap_or_default();
                let last = log.lines().next_back().unwrap_or_default();
                bail!(
                    "{} {what}; its log is {}, ending in: {last}",
                    place.name,
                    place.log.display()
                );
            }
            std::thread::sleep(POLL_INTERVAL);
        }
        Ok(())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.begin_to_end();
        let begun = Instant::now();
        let mut is_said = false;
        // It is our child, so that waiting fails only when it was waited for already.
        while let Ok(None) = self.supervisor.try_wait() {
            if !is_said && begun.elapsed() > SILENCE {
                eprintln!("stopping the private {} and what it has started", self.name);
                is_said = true;
            }
            std::thread::sleep(POLL_INTERVAL);
        }
    }
}

/// Whether the process whose id is in this file has ended; false while there is no such file.
fn has_ended(file: &Path) -> bool {
    let Ok(id) = std::fs::read_to_string(file) else { return false };
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", id.trim()));
    // The state follows the name, which is in parentheses; Z is a process that ended unobserved.
    stat.map_or(true, |line| line.rsplit(')').next().is_some_and(|rest| rest.starts_with(" Z")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::FakeMachine;
    use std::cell::RefCell;

    /// An engine that takes its time to end.
    const SLOW: &str = "trap 'sleep 2; exit' TERM; while :; do sleep 0.1; done";

    /// What was just written may be open in a neighbour that forks at this moment.
    fn supervise(place: &Place) -> Child {
        let command = ["sh", "-c", SLOW].map(str::to_owned);
        loop {
            match place.supervise(&command) {
                Ok(supervisor) => return supervisor,
                Err(error) => {
                    let busy = std::io::ErrorKind::ExecutableFileBusy;
                    let error = error.downcast::<std::io::Error>().unwrap();
                    assert_eq!(error.kind(), busy, "{error}");
                }
            }
            std::thread::sleep(POLL_INTERVAL);
        }
    }

    #[test]
    fn an_engine_is_started_only_when_nothing_of_its_predecessor_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let runtime = folder.path().join("runtime");
        std::fs::create_dir(&runtime).unwrap();
        let mut machine =
            FakeMachine::debian().with("XDG_RUNTIME_DIR", &runtime.display().to_string());
        machine.root = false;
        let printed = RefCell::new(Vec::new());
        let reporter = |line: &str| printed.borrow_mut().push(line.to_owned());
        let context = Context {
            repo: folder.path().to_owned(),
            state: folder.path().join("state"),
            build: folder.path().to_owned(),
            assume_yes: false,
            interactive: false,
            reporter: &reporter,
            machine: &machine,
        };
        let first = Place::make(&context, "docker").unwrap();
        let run = first.run.clone();
        let mut supervisor = supervise(&first);
        while !run.join("daemon").exists() {
            std::thread::sleep(POLL_INTERVAL);
        }
        // The run ends, in whatever way, while its engine does not answer yet; the next begins at once.
        drop((first, supervisor.stdin.take()));
        let next = Place::make(&context, "docker").unwrap();
        assert!(supervisor.try_wait().unwrap().is_some(), "the next one did not wait");
        assert!(
            printed.borrow()[0].starts_with("waiting for an earlier docker to end: "),
            "{printed:?}"
        );
        assert!(run.is_dir() && !run.join("daemon").exists());
        // One that goes on is not waited for without end.
        let error = alone(&context, "docker", Duration::from_millis(200)).unwrap_err();
        assert!(error.to_string().contains("has not ended within 0 s"), "{error}");
        drop(next);
    }
}

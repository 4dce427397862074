//! Running cargo and our own programs: with progress, with a clean environment, and ended in order when
//! the user interrupts.

use crate::exit::{InterruptedError, LackingError};
use crate::progress::Progress;
use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process, setpriority_process};
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use weighbridge_machine::{environment, output, signals};
use weighbridge_schema::progress::Event;

/// Whoever asks for the third time does not wait for anything any more: engines end by themselves.
const ASKED_MAX: u32 = 3;
/// How often the watcher of a command looks up.
const POLL: Duration = Duration::from_millis(50);
/// What takes longer than that to end is said to be ending.
const SILENCE: Duration = Duration::from_millis(300);
/// How far what runs beside something else stands back from it: as far as Linux knows.
const NICENESS: i32 = 19;

/// Whether nothing may be done but what is done already.
static IS_ONLY_DONE: AtomicBool = AtomicBool::new(false);

/// From now on this process does nothing that is not done already: [`may_begin`] refuses.
pub fn only_what_is_done() {
    IS_ONLY_DONE.store(true, Ordering::Relaxed);
}

/// Whoever is about to do a step's work asks first; every program whose output is read is such work.
///
/// # Errors
/// [`only_what_is_done`] was called; exit code 3.
pub fn may_begin(what: &str) -> Result<()> {
    if IS_ONLY_DONE.load(Ordering::Relaxed) {
        let what = format!("the result of `{what}`");
        return Err(LackingError { what, remedy: "cargo xtask all".to_owned() }.into());
    }
    Ok(())
}

/// Takes SIGINT, SIGTERM and SIGHUP over: the program that is running is told, and we wait for it to tidy up.
///
/// # Errors
/// The handlers cannot be installed.
pub fn take_signals() -> Result<()> {
    signals::take(|| {
        if signals::asked_count() >= ASKED_MAX {
            std::process::exit(130);
        }
    })
}

/// Whether the user has interrupted, or nobody reads any more what we say.
#[must_use]
pub fn interrupted() -> bool {
    signals::requested()
}

/// A command whose environment is the user's without what would decide about the result: cargo's,
/// compilers', git's, TeX's and allocators' variables, and what the `cargo run` that started us
/// tells of its own package. Every nested program starts here; what a build needs of them is set on
/// the command.
#[must_use]
pub fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    environment::clean(&mut command);
    command
}

/// The command as a user would type it, for messages.
#[must_use]
pub fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

/// Hands every line of the command's standard output to `line` and waits for its end. When the user
/// interrupts, the command gets SIGTERM and is waited for. A command that tidies up, and must hear
/// of Ctrl-C once, is given a process group of its own by the caller: the terminal tells the whole
/// of ours.
///
/// # Errors
/// The command cannot be started.
pub fn lines(command: &mut Command, mut line: impl FnMut(&str)) -> Result<ExitStatus> {
    let text = shown(command);
    may_begin(&text)?;
    let mut child =
        command.stdout(Stdio::piped()).spawn().with_context(|| format!("run `{text}`"))?;
    let stdout = child.stdout.take();
    let (ended, pid) = (AtomicBool::new(false), Pid::from_child(&child));
    let status = std::thread::scope(|scope| {
        let watched = Watched { ended: &ended, pid };
        scope.spawn(|| forward_interrupt(&ended, pid));
        if let Some(stdout) = stdout {
            for text in BufReader::new(stdout).lines().map_while(std::result::Result::ok) {
                line(&text);
            }
        }
        let status = wait(&mut child);
        drop(watched);
        status
    });
    status.with_context(|| format!("wait for `{text}`"))
}

fn wait(child: &mut Child) -> std::io::Result<ExitStatus> {
    child.wait()
}

/// A command that somebody watches until this is dropped, in whatever way.
struct Watched<'a> {
    ended: &'a AtomicBool,
    pid: Pid,
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        if std::thread::panicking() {
            // Nobody will wait for it; it may be gone by now.
            let _ = kill_process(self.pid, Signal::TERM);
        }
    }
}

/// Hands on every wish for the end, until the command has ended.
fn forward_interrupt(ended: &AtomicBool, pid: Pid) {
    let mut sent_count = 0;
    let mut since = None;
    while !ended.load(Ordering::Relaxed) {
        let asked_count = signals::asked_count().max(u32::from(output::has_failed()));
        if asked_count > sent_count {
            // It may be gone by now; that is what is wanted.
            let _ = kill_process(pid, Signal::TERM);
            if sent_count == 0 {
                since = Some(Instant::now());
            }
            sent_count = asked_count;
        }
        if since.is_some_and(|since| since.elapsed() > SILENCE) {
            since = None;
            if !output::has_failed() {
                eprintln!("interrupted: ending what runs (once more ends it at once)");
            }
        }
        std::thread::sleep(POLL);
    }
}

/// Runs a command to its end, its output going where ours goes.
///
/// # Errors
/// It failed; the message names the command.
pub fn run(command: &mut Command) -> Result<()> {
    let text = shown(command);
    let status = lines(command, |line| println!("{line}"))?;
    check(&text, status)
}

/// A command that runs beside whatever is done meanwhile, in the time that this leaves processors idle. Where nobody
/// waits for it, it is told to end.
#[derive(Debug)]
pub struct Beside {
    text: String,
    child: Child,
}

impl Beside {
    /// Starts it, its output going where ours goes.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(command: &mut Command) -> Result<Self> {
        let text = shown(command);
        let child =
            command.stdin(Stdio::null()).spawn().with_context(|| format!("run `{text}`"))?;
        // Where that is not allowed, it takes its share.
        let _ = setpriority_process(Some(Pid::from_child(&child)), NICENESS);
        Ok(Self { text, child })
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// It failed, or the user has interrupted.
    pub fn wait(mut self) -> Result<()> {
        loop {
            let ended =
                self.child.try_wait().with_context(|| format!("wait for `{}`", self.text))?;
            if let Some(status) = ended {
                return check(&self.text, status);
            }
            anyhow::ensure!(!interrupted(), InterruptedError);
            std::thread::sleep(POLL);
        }
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            // It may be gone by now; that is what is wanted.
            let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
            let _ = self.child.wait();
        }
    }
}

/// Turns a bad end into an error.
///
/// # Errors
/// The status is not a success.
pub fn check(text: &str, status: ExitStatus) -> Result<()> {
    if interrupted() {
        return Err(InterruptedError.into());
    }
    anyhow::ensure!(status.success(), "`{text}` failed ({status})");
    Ok(())
}

/// Runs one of our programs, which writes progress events, and draws them. Returns what it made and its
/// exit code.
///
/// # Errors
/// It cannot be started, or was killed.
pub fn with_events(command: &mut Command, progress: &Progress) -> Result<(Option<String>, i32)> {
    let text = shown(command);
    let mut made = None;
    // Ctrl-C on the terminal reaches it through us, once: of a second signal it would believe that
    // somebody is in a hurry.
    command.process_group(0);
    let status = lines(command, |line| match serde_json::from_str::<Event>(line) {
        Ok(event) => {
            if let Some(path) = progress.event(event) {
                made = Some(path);
            }
        }
        Err(_) => progress.note(line),
    })?;
    anyhow::ensure!(status.code().is_some() || !interrupted(), InterruptedError);
    let code = status.code().with_context(|| format!("`{text}` was killed ({status})"))?;
    Ok((made, code))
}

/// A crate that cargo calls ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crate {
    /// Name of its target.
    pub name: String,
    /// Whether it was compiled just now.
    pub is_new: bool,
    /// The program that it is; `None` of a library.
    pub program: Option<PathBuf>,
    /// The first of its files.
    pub file: Option<PathBuf>,
    /// Its level of optimisation, as `opt-level` says it.
    pub optimisation: Option<String>,
}

/// Reads cargo's messages; `None` of one about something else.
#[must_use]
pub fn cargo_artifact(line: &str) -> Option<Crate> {
    let message: serde_json::Value = serde_json::from_str(line).ok()?;
    if message["reason"] != "compiler-artifact" {
        return None;
    }
    Some(Crate {
        name: message["target"]["name"].as_str()?.to_owned(),
        is_new: message["fresh"] == false,
        program: message["executable"].as_str().map(PathBuf::from),
        file: message["filenames"][0].as_str().map(PathBuf::from),
        optimisation: message["profile"]["opt_level"].as_str().map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_says_what_is_ready_and_what_is_new() {
        let line = |fresh: bool| {
            format!(
                "{{\"reason\":\"compiler-artifact\",\"fresh\":{fresh},\"target\":{{\"name\":\"serde\"}},\"executable\":\"/x\"}}"
            )
        };
        let expected = |is_new| Crate {
            name: "serde".to_owned(),
            is_new,
            program: Some(PathBuf::from("/x")),
            file: None,
            optimisation: None,
        };
        assert_eq!(cargo_artifact(&line(false)), Some(expected(true)));
        assert_eq!(cargo_artifact(&line(true)), Some(expected(false)));
        assert_eq!(cargo_artifact("not json"), None);
        assert_eq!(cargo_artifact("{\"reason\":\"build-finished\"}"), None);
    }

    #[test]
    fn a_command_whose_reader_panics_is_ended_and_nobody_waits_for_ever() {
        let (sender, done) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let mut echo = Command::new("sh");
            echo.args(["-c", "echo $$; exec sleep 300"]);
            let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                lines(&mut echo, |line| {
                    sender.send(line.parse::<u32>().unwrap()).unwrap();
                    panic!("as a reader may");
                })
            }));
            assert!(ended.is_err());
        });
        let pid = done.recv().unwrap();
        let begun = Instant::now();
        let is_there = || weighbridge_machine::process::Process::of(pid).is_some();
        while !thread.is_finished() || is_there() {
            assert!(begun.elapsed() < Duration::from_secs(60), "it is waited for");
            std::thread::sleep(POLL);
        }
    }

    #[test]
    fn what_runs_beside_says_how_it_ended_and_ends_with_us() {
        let beside = Beside::start(Command::new("sh").args(["-c", "exit 3"])).unwrap();
        let error = beside.wait().unwrap_err().to_string();
        assert!(error.contains("`sh -c exit 3` failed (exit status: 3)"), "{error}");
        let beside = Beside::start(Command::new("sleep").arg("300")).unwrap();
        let pid = beside.child.id();
        let is_there = || weighbridge_machine::process::Process::of(pid).is_some();
        assert!(is_there());
        drop(beside);
        assert!(!is_there());
    }

    #[test]
    fn a_failing_command_is_named() {
        let error = run(&mut Command::new("false")).unwrap_err().to_string();
        assert!(error.contains("`false` failed"), "{error}");
        let error = run(&mut Command::new("no-such-program")).unwrap_err();
        assert!(format!("{error:#}").contains("run `no-such-program`"), "{error:#}");
    }
}

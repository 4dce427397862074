//! Running cargo and our own programs: with progress, with a clean environment, and ended in order when
//! the user interrupts.

use crate::exit::InterruptedError;
use crate::progress::Progress;
use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use weighbridge_schema::progress::Event;

static INTERRUPTED: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// Takes SIGINT and SIGTERM over: the program that is running is told, and we wait for it to tidy up.
///
/// # Errors
/// The handlers cannot be installed.
pub fn take_signals() -> Result<()> {
    let flag = INTERRUPTED.get_or_init(Arc::default);
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(flag))
            .context("install the handler of SIGINT and SIGTERM")?;
    }
    Ok(())
}

/// Whether the user has interrupted.
#[must_use]
pub fn interrupted() -> bool {
    INTERRUPTED.get().is_some_and(|flag| flag.load(Ordering::Relaxed))
}

/// A command whose environment is the user's, not that of the `cargo run` that started us: a nested cargo
/// would otherwise see the outer one's package and rebuild for its variables.
#[must_use]
pub fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        let name_text = name.to_string_lossy();
        let is_outer = name_text.starts_with("CARGO_PKG_")
            || name_text.starts_with("CARGO_MANIFEST_")
            || name_text.starts_with("CARGO_BIN_")
            || [
                "CARGO_PRIMARY_PACKAGE",
                "CARGO_CRATE_NAME",
                "CARGO_TARGET_TMPDIR",
                "LD_LIBRARY_PATH",
            ]
            .contains(&name_text.as_ref());
        if is_outer {
            command.env_remove(&name);
        }
    }
    command
}

/// The command as a user would type it, for messages.
#[must_use]
pub fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

/// Hands every line of the command's standard output to `line` and waits for its end. When the user
/// interrupts, the command gets SIGTERM (Ctrl-C reaches it anyway) and is waited for.
///
/// # Errors
/// The command cannot be started.
pub fn lines(command: &mut Command, mut line: impl FnMut(&str)) -> Result<ExitStatus> {
    let text = shown(command);
    let mut child =
        command.stdout(Stdio::piped()).spawn().with_context(|| format!("run `{text}`"))?;
    let stdout = child.stdout.take();
    let ended = Arc::new(AtomicBool::new(false));
    let status = std::thread::scope(|scope| {
        let watcher = scope.spawn({
            let (ended, pid) = (Arc::clone(&ended), Pid::from_child(&child));
            move || forward_interrupt(&ended, pid)
        });
        if let Some(stdout) = stdout {
            for text in BufReader::new(stdout).lines().map_while(std::result::Result::ok) {
                line(&text);
            }
        }
        let status = wait(&mut child);
        ended.store(true, Ordering::Relaxed);
        // The watcher only sleeps and sends a signal; it cannot panic.
        let _ = watcher.join();
        status
    });
    status.with_context(|| format!("wait for `{text}`"))
}

fn wait(child: &mut Child) -> std::io::Result<ExitStatus> {
    child.wait()
}

fn forward_interrupt(ended: &AtomicBool, pid: Pid) {
    while !ended.load(Ordering::Relaxed) {
        if interrupted() {
            // It may be gone by now; that is what is wanted.
            let _ = kill_process(pid, Signal::TERM);
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
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
    let status = lines(command, |line| match serde_json::from_str::<Event>(line) {
        Ok(event) => {
            if let Some(path) = progress.event(event) {
                made = Some(path);
            }
        }
        Err(_) => progress.note(line),
    })?;
    let code = status.code().with_context(|| format!("`{text}` was killed ({status})"))?;
    Ok((made, code))
}

/// Reads cargo's messages: the name of a crate that is ready, and whether it was compiled just now.
#[must_use]
pub fn cargo_artifact(line: &str) -> Option<(String, bool)> {
    let message: serde_json::Value = serde_json::from_str(line).ok()?;
    if message["reason"] != "compiler-artifact" {
        return None;
    }
    Some((message["target"]["name"].as_str()?.to_owned(), message["fresh"] == false))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_says_what_is_ready_and_what_is_new() {
        let line = |fresh: bool| {
            format!(
                "{{\"reason\":\"compiler-artifact\",\"fresh\":{fresh},\"target\":{{\"name\":\"serde\"}}}}"
            )
        };
        assert_eq!(cargo_artifact(&line(false)), Some(("serde".to_owned(), true)));
        assert_eq!(cargo_artifact(&line(true)), Some(("serde".to_owned(), false)));
        assert_eq!(cargo_artifact("not json"), None);
        assert_eq!(cargo_artifact("{\"reason\":\"build-finished\"}"), None);
    }

    #[test]
    fn a_failing_command_is_named() {
        let error = run(&mut Command::new("false")).unwrap_err().to_string();
        assert!(error.contains("`false` failed"), "{error}");
        let error = run(&mut Command::new("no-such-program")).unwrap_err();
        assert!(format!("{error:#}").contains("run `no-such-program`"), "{error:#}");
    }
}

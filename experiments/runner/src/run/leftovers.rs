//! What a run that was killed has left behind: processes of its subjects, found by the mark in their
//! environment. Containers are found by their label, in [`crate::engine`].

use crate::engine::containerd;
use crate::image::USER_ID;
use crate::subject::{MARK, bundle};
use anyhow::{Context, Result};
use rustix::process::{Signal, kill_process};
use std::collections::BTreeSet;
use std::fmt;
use std::os::unix::fs::MetadataExt;
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use weighbridge_machine::process::{Process, user_id};

/// Longest wait for a killed process to be gone.
const GONE_LIMIT: Duration = Duration::from_secs(5);

/// What the environment of a subject says: which run it belongs to, and which process, of which user, will end it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    run: String,
    user: u32,
    runner: Process,
    /// Where the runner's number is valid: a container that shares no processes with us has numbers of its own.
    namespace: String,
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { run, user, runner: Process { pid, started_ticks }, namespace } = self;
        write!(f, "{run} {user} {pid} {started_ticks} {namespace}")
    }
}

impl Mark {
    /// What this process writes on its subjects.
    pub fn of(run: &str) -> Self {
        static THIS: OnceLock<(Process, String)> = OnceLock::new();
        let (runner, namespace) = THIS.get_or_init(|| {
            // Without /proc no process is found by its mark either.
            let unknown = Process { pid: std::process::id(), started_ticks: 0 };
            (Process::this().unwrap_or(unknown), namespace())
        });
        Self { run: run.to_owned(), user: user_id(), runner: *runner, namespace: namespace.clone() }
    }

    /// `None` for what only looks like one.
    fn parse(text: &str) -> Option<Self> {
        let mut words = text.rsplitn(5, ' ');
        let namespace = words.next()?.to_owned();
        let started_ticks = words.next()?.parse().ok()?;
        let pid = words.next()?.parse().ok()?;
        let user = words.next()?.parse().ok()?;
        let run = words.next()?.to_owned();
        Some(Self { run, user, runner: Process { pid, started_ticks }, namespace })
    }

    /// Whether what carries it, a process of `owner`, is ours to end: a run of this user has started it, and is gone.
    fn is_left_over(&self, owner: u32) -> bool {
        // In a container of ours, a process is nobody's.
        let is_ours = self.user == user_id() && [self.user, USER_ID].contains(&owner);
        is_ours && self.namespace == namespace() && !self.runner.is_alive()
    }
}

/// The name of this process's numbering of processes.
fn namespace() -> String {
    let link = std::fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    link.display().to_string()
}

/// Ends every process that a run of this user has left behind.
///
/// # Errors
/// One of them cannot be ended.
pub fn end_processes() -> Result<usize> {
    let (begun, mut ended) = (Instant::now(), BTreeSet::new());
    loop {
        let found = left_over();
        let Some(Process { pid, .. }) = found.first() else { return Ok(ended.len()) };
        if begun.elapsed() > GONE_LIMIT {
            anyhow::bail!(
                "process {pid}, left behind by an earlier run, does not end: end it by hand (kill -9 {pid})"
            );
        }
        // All of them every time: a runtime that was starting one of many containers may have made another process.
        for process in &found {
            ended.insert(process.pid);
            // It may have ended since; the next look tells.
            if let Some(pid) = process.id() {
                let _ = kill_process(pid, Signal::KILL);
            }
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// An ended process that nobody has waited for has no environment any more.
fn left_over() -> Vec<Process> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid: u32| {
        let process = Process::of(pid)?;
        let owner = std::fs::metadata(format!("/proc/{pid}")).ok()?.uid();
        mark_of(pid)?.is_left_over(owner).then_some(process)
    })
    .collect()
}

fn mark_of(pid: u32) -> Option<Mark> {
    let environment = std::fs::read(format!("/proc/{pid}/environ")).ok()?;
    let mut variables = environment.split(|&byte| byte == 0);
    let value = variables.find_map(|one| one.strip_prefix(MARK.as_bytes())?.strip_prefix(b"="))?;
    Mark::parse(std::str::from_utf8(value).ok()?)
}

/// Says how many there were, for the log.
///
/// # Errors
/// As [`end_processes`].
pub fn remove() -> Result<Option<String>> {
    let count = end_processes().context("ending what an earlier run has left behind")?;
    bundle::remove_leftovers()?;
    containerd::remove_leftovers()?;
    Ok((count > 0).then(|| format!("ended {count} processes that an earlier run had left behind")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Child, Command};

    fn gone() -> Process {
        let mut child = Command::new("true").spawn().unwrap();
        let process =
            Process::of(child.id()).unwrap_or(Process { pid: child.id(), started_ticks: 1 });
        child.wait().unwrap();
        process
    }

    fn marked(value: &str) -> Child {
        let mut sleep = Command::new("sleep");
        let child =
            sleep.arg("300").env_clear().env("PATH", "/usr/bin:/bin").env(MARK, value).spawn();
        let child = child.unwrap();
        // Between fork and exec the child still has this process's environment.
        let environment = format!("/proc/{}/environ", child.id());
        let is_there = || {
            let found = std::fs::read_to_string(&environment).unwrap_or_default();
            found.contains(&format!("{MARK}={value}\0"))
        };
        while !is_there() {
            std::thread::sleep(Duration::from_millis(5));
        }
        child
    }

    #[test]
    fn only_what_a_run_of_this_user_that_is_gone_has_started_is_left_over() {
        let left = Mark { runner: gone(), ..Mark::of("a run of mine") };
        let read = Mark::parse(&left.to_string());
        assert_eq!(read.as_ref(), Some(&left));
        let owner = user_id();
        assert!(left.is_left_over(owner) && left.is_left_over(USER_ID));
        assert!(!left.is_left_over(owner + 1), "another user's process");
        assert!(!Mark { user: owner + 1, ..left.clone() }.is_left_over(owner + 1), "another's run");
        assert!(!Mark::of("r").is_left_over(owner), "the runner is alive");
        let elsewhere = Mark { namespace: "pid:[1]".to_owned(), ..left.clone() };
        assert!(!elsewhere.is_left_over(owner), "another numbering");
        assert_eq!(Mark::parse("a-run"), None, "what a user may have exported");

        let values = [left.to_string(), "a-run".to_owned(), Mark::of("r").to_string()];
        let mut children = values.map(|value| marked(&value));
        let found: Vec<u32> = left_over().iter().map(|process| process.pid).collect();
        let is_found = children.each_ref().map(|child| found.contains(&child.id()));
        for child in &mut children {
            child.kill().unwrap();
            child.wait().unwrap();
        }
        assert_eq!(is_found, [true, false, false]);
    }
}

//! What a run that was killed has left behind: processes of its subjects, found by the mark in their
//! environment. Containers are found by their label, in [`crate::engine`].

use crate::containerd;
use crate::subject::{MARK, bundle};
use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};
use std::time::{Duration, Instant};

/// Longest wait for a killed process to be gone.
const GONE_LIMIT: Duration = Duration::from_secs(5);

/// Ends every process that carries our mark. Only one run measures at a time on a machine (see
/// [`crate::lock`]), so none of them can belong to another one.
///
/// # Errors
/// One of them cannot be ended.
pub fn end_processes() -> Result<usize> {
    let found = marked();
    for &pid in &found {
        // It may have ended since; the wait below tells.
        if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::KILL);
        }
    }
    let begun = Instant::now();
    while let Some(pid) = marked().first() {
        if begun.elapsed() > GONE_LIMIT {
            anyhow::bail!(
                "process {pid}, left behind by an earlier run, does not end: end it by hand (kill -9 {pid})"
            );
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(found.len())
}

/// Processes whose environment holds the mark; those of other users cannot be read and are not ours. An
/// ended process that nobody has waited for has no environment any more.
fn marked() -> Vec<u32> {
    let wanted = format!("{MARK}=");
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|&pid| pid != std::process::id())
        .filter(|pid| {
            let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environment.split(|&byte| byte == 0).any(|entry| entry.starts_with(wanted.as_bytes()))
        })
        .collect()
}

/// Says how many there were, for the log.
///
/// # Errors
/// As [`end_processes`].
pub fn remove() -> Result<Option<String>> {
    let count = end_processes().context("ending what an earlier run has left behind")?;
    bundle::remove_leftovers().map_err(anyhow::Error::msg)?;
    containerd::remove_leftovers().map_err(anyhow::Error::msg)?;
    Ok((count > 0).then(|| format!("ended {count} processes that an earlier run had left behind")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marked_process_is_found() {
        let mut child = std::process::Command::new("sleep")
            .arg("30")
            .env("WEIGHBRIDGE_TEST_ONLY", "1")
            .env(MARK, "a-test")
            .spawn()
            .unwrap();
        let id = child.id();
        // Between fork and exec the child still has this process's environment.
        let begun = Instant::now();
        while !marked().contains(&id) && begun.elapsed() < GONE_LIMIT {
            std::thread::sleep(Duration::from_millis(5));
        }
        let found = marked().contains(&id);
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(found);
        assert!(!marked().contains(&id));
    }
}

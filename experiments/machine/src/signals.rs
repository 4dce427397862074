//! SIGINT, SIGTERM and SIGHUP: a flag that every loop looks at, so that a program ends in order. A second signal is for
//! whoever does not want to wait for that.

use crate::output;
use anyhow::{Context, Result};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// How many times somebody has asked for the end.
static ASKED: AtomicU32 = AtomicU32::new(0);

/// Signals that come sooner after the first one say nothing new: a terminal and a parent both send one, and `timeout`
/// sends one to the program and one to its group.
const AGAIN: Duration = Duration::from_secs(1);

/// Takes the signals over. `again` is called for every later one that somebody means.
///
/// # Errors
/// The handlers cannot be installed.
pub fn take(again: impl Fn() + Send + 'static) -> Result<()> {
    let mut wanted = vec![SIGINT, SIGTERM];
    // `nohup` has it ignored, and means that the end of the terminal is not the end of the program.
    if !is_ignored(SIGHUP) {
        wanted.push(SIGHUP);
    }
    let mut signals = Signals::new(wanted).context("take over SIGINT, SIGTERM and SIGHUP")?;
    let wait = move || {
        let mut first: Option<Instant> = None;
        for _ in signals.forever() {
            match first {
                None => {
                    first = Some(Instant::now());
                    ASKED.fetch_add(1, Ordering::Relaxed);
                }
                Some(first) if first.elapsed() >= AGAIN => {
                    ASKED.fetch_add(1, Ordering::Relaxed);
                    again();
                }
                Some(_) => {}
            }
        }
    };
    let thread = std::thread::Builder::new().name("signals".to_owned()).spawn(wait);
    thread.context("start the thread that waits for signals").map(drop)
}

/// Whether this program should come to its end: a signal has come, or what it writes reaches nobody any more.
#[must_use]
pub fn requested() -> bool {
    asked_count() > 0 || output::has_failed()
}

/// How many times a signal has asked for the end.
#[must_use]
pub fn asked_count() -> u32 {
    ASKED.load(Ordering::Relaxed)
}

/// Whether a signal is ignored by this process, as its parent has left it.
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rust_programs_ignore_sigpipe_and_no_test_ignores_sighup() {
        assert!(is_ignored(signal_hook::consts::SIGPIPE));
        assert!(!is_ignored(SIGTERM));
    }
}

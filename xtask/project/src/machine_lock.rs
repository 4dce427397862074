//! The machine's lock, as long as a verb measures or builds: taken before anything is set up, so that nobody starts an
//! engine, or a compiler, beside a run.

use anyhow::Result;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use weighbridge_machine::lock::{self, Beside, Busy, Lock};

/// What this process holds already: a verb takes it for its whole length, and each of its stages for its own.
static HELD: Mutex<Weak<Lock>> = Mutex::new(Weak::new());

/// Takes the lock to measure; or shares it, where this process has it already.
///
/// # Errors
/// Somebody else measures or builds on this machine; the message says who, since when, and what to do.
pub fn to_measure() -> Result<Arc<Lock>> {
    hold(&lock::file(), Beside::Nobody)
}

/// Takes the lock to build, beside others who build. What this process holds to measure is enough.
///
/// # Errors
/// Somebody measures on this machine: what is built beside a run is measured with it.
pub fn to_build() -> Result<Arc<Lock>> {
    hold(&lock::file(), Beside::Builders)
}

fn hold(path: &Path, beside: Beside) -> Result<Arc<Lock>> {
    let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(lock) = held.upgrade() {
        return Ok(lock);
    }
    let lock = Arc::new(lock::take(path, beside, Busy::Refuse, &command_line(), |_| ())?);
    *held = Arc::downgrade(&lock);
    Ok(lock)
}

/// What the user has typed.
#[must_use]
pub fn command_line() -> String {
    let words = std::env::args().skip(1);
    std::iter::once("cargo xtask".to_owned()).chain(words).collect::<Vec<_>>().join(" ")
}

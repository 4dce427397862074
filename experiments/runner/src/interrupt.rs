//! SIGINT and SIGTERM: a flag that every loop looks at.

use anyhow::{Context, Result};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

/// The reason a trial gives up with; such a trial is not recorded, because it was not finished.
pub const REASON: &str = "interrupted";

static FLAG: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// Takes the signals over. A second one ends the process at once.
///
/// # Errors
/// The handlers cannot be installed.
pub fn install() -> Result<()> {
    let flag = FLAG.get_or_init(Arc::default);
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(flag))
            .and_then(|_| signal_hook::flag::register(signal, Arc::clone(flag)))
            .context("install the handler of SIGINT and SIGTERM")?;
    }
    Ok(())
}

/// Whether one of the signals has come.
pub fn requested() -> bool {
    FLAG.get().is_some_and(|flag| flag.load(Ordering::Relaxed))
}

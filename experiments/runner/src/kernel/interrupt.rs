//! SIGINT, SIGTERM and SIGHUP, and a reader of our output that has gone away: asked for by every loop.

use anyhow::Result;
use weighbridge_machine::signals;

/// The reason a trial gives up with; such a trial is not recorded, because it was not finished.
pub const REASON: &str = "interrupted";

/// How this program ends when somebody asks again and does not wait for it to tidy up. The next run does.
const AT_ONCE: i32 = 137;

/// Takes the signals over. A second one, a second or more after the first, ends the process at once.
///
/// # Errors
/// The handlers cannot be installed.
pub fn install() -> Result<()> {
    signals::take(|| std::process::exit(AT_ONCE))
}

/// Whether this run should come to its end.
pub fn requested() -> bool {
    signals::requested()
}

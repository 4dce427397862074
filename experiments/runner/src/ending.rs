//! How a run ends, as its user and its caller see it.

use crate::announce::Announcer;
use crate::session::End;
use crate::store::Store;
use anyhow::{Result, bail};
use std::process::ExitCode;
use weighbridge_schema::manifest::Manifest;
use weighbridge_schema::progress::Event;

/// Complete, but trials failed.
const TRIALS_FAILED: u8 = 1;
/// Interrupted; the run can be gone on with.
const INTERRUPTED: u8 = 130;

/// Gives a complete run its name; of any other one says what is kept and how to go on.
///
/// # Errors
/// The machine is at fault, and the message says what of it; or the folder cannot be renamed.
pub fn conclude(
    end: End,
    store: Store,
    manifest: &Manifest,
    announcer: &mut Announcer,
) -> Result<ExitCode> {
    let kept = format!(
        "after {} of {} trials, all of them kept; go on with: cargo xtask run --resume {}",
        store.done.len(),
        manifest.plan.len(),
        manifest.run
    );
    match end {
        End::Complete => {
            let (failed_count, trials_count) = (store.failed_count(), store.done.len());
            let folder = store.finish()?;
            announcer.say(&Event::Done(folder.display().to_string()));
            if failed_count == 0 {
                return Ok(ExitCode::SUCCESS);
            }
            // Whoever draws the events says it last, below where the run lies.
            if announcer.is_plain() {
                let text = format!("{failed_count} of {trials_count} trials failed");
                announcer.say(&Event::Note(text));
            }
            Ok(ExitCode::from(TRIALS_FAILED))
        }
        End::Interrupted => {
            announcer.say(&Event::Note(format!("interrupted {kept}")));
            Ok(ExitCode::from(INTERRUPTED))
        }
        End::Stopped(why) => bail!("{why}; stopped {kept}"),
    }
}

//! One run at a time on a machine: two would measure each other, and take each other's subjects for leftovers.

use crate::Part;
use crate::run::announce::Announcer;
use anyhow::Result;
use weighbridge_machine::lock::{self, Beside, Busy, Lock};
use weighbridge_schema::progress::Event;

/// Takes the machine's lock, before anything else is touched.
///
/// # Errors
/// Somebody else measures or builds here and is not waited for; the message says who.
pub fn lock(part: &Part, announcer: &mut Announcer) -> Result<Lock> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let what = format!("weighbridge-runner {}", words.join(" "));
    if part.lock_on_stdin {
        return Lock::handed_on(&lock::file(), &what);
    }
    let busy = if part.wait_for_lock { Busy::Wait } else { Busy::Refuse };
    lock::take(&lock::file(), Beside::Nobody, busy, &what, |who| {
        announcer.say(&Event::Note(format!("waiting for {who}")));
    })
}

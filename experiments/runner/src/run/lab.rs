//! What a session needs from the world: visits, a clock with the counters of noise, and whether all is still in order.
//! The machine that measures is one such lab ([`crate::run::real_lab`]); tests script another.

use crate::failure::Failure;
use crate::kernel::noise::Reading;
use crate::measure::{Measured, Visit};
use anyhow::Result;
use std::path::Path;
use weighbridge_schema::name::SubjectName;

/// What the clocks and the kernel's counters say at once.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// Wall clock, nanoseconds since 1970-01-01 UTC.
    pub unix_ns: u64,
    /// A clock that nobody sets.
    pub monotonic_ns: u64,
    /// The machine's counters of noise.
    pub counters: Reading,
}

/// Where trials are visited.
pub trait Lab {
    /// Now. A visit lasts from one moment to the next.
    fn moment(&self) -> Moment;

    /// Visits one cell once.
    ///
    /// # Errors
    /// The subject could not be started, did not answer or answered wrongly, or a reading failed.
    fn visit(&self, visit: &Visit<'_>) -> Result<Measured, Failure>;

    /// Whether somebody wants the run to come to its end.
    fn is_interrupted(&self) -> bool;

    /// Looks whether all programs are the ones that the run began with.
    ///
    /// # Errors
    /// One was replaced; the message names it.
    fn check_programs(&self) -> Result<()>;

    /// Why the daemon that starts `subject` does not answer; `None` when it does, or when no daemon starts it.
    fn silence(&self, subject: &SubjectName) -> Option<String>;

    /// Whether nothing more can be written into `folder`.
    fn is_full(&self, folder: &Path) -> bool;
}

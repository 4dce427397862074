//! What Linux tells and does: processes, noise, cores, clocks, the page cache, signals.

pub mod affinity;
pub mod clock;
pub mod daemons;
pub mod interrupt;
pub mod noise;
pub mod page_cache;
pub mod procfs;

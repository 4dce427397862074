//! Clock readings in integer nanoseconds.

use rustix::time::{ClockId, Timespec, clock_gettime};
use std::time::{SystemTime, UNIX_EPOCH};

fn reading_ns(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
    // Neither field is negative for the clocks used here.
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000_000
        + u64::try_from(time.tv_nsec).unwrap_or(0)
}

/// `CLOCK_MONOTONIC`: the same clock the subjects stamp their stages with.
pub fn monotonic_ns() -> u64 {
    reading_ns(ClockId::Monotonic)
}

/// CPU time of the calling thread.
pub fn thread_cpu_ns() -> u64 {
    reading_ns(ClockId::ThreadCPUTime)
}

/// A duration as the kernel takes it.
pub fn timespec(ns: u64) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(ns / 1_000_000_000).unwrap_or(i64::MAX),
        // Below 10^9, so it fits.
        tv_nsec: i64::try_from(ns % 1_000_000_000).unwrap_or(0) as _,
    }
}

/// Wall clock, nanoseconds since 1970-01-01 UTC.
pub fn unix_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// `2026-11-21T02-30-15Z`: sortable and fit for a file name.
pub fn stamp(unix_ns: u64) -> String {
    let seconds = unix_ns / 1_000_000_000;
    let (days, time) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (time / 3600, time / 60 % 60, time % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}-{minute:02}-{second:02}Z")
}

/// Days since 1970-01-01 to year, month, day (proleptic Gregorian calendar; H. Hinnant, "chrono-compatible
/// low-level date algorithms", civil_from_days).
fn civil(days: u64) -> (u64, u64, u64) {
    let z = days + 719_468;
    let era = z / 146_097;
    let doe = z % 146_097;
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    (yoe + era * 400 + u64::from(month <= 2), month, doy - (153 * mp + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stamp_is_the_utc_date() {
        assert_eq!(stamp(0), "1970-01-01T00-00-00Z");
        assert_eq!(stamp(951_782_400_000_000_000), "2000-02-29T00-00-00Z");
        assert_eq!(stamp(1_795_228_215_000_000_000), "2026-11-21T02-30-15Z");
    }

    #[test]
    fn the_monotonic_clock_moves_forward() {
        let first = monotonic_ns();
        assert!(monotonic_ns() >= first && first > 0);
    }
}

//! When a closed loop's window closes: not before a time has passed, and not before so much work was done.

use super::Window;
use std::sync::atomic::{AtomicU64, Ordering};

/// Longest window, however few requests were completed: a subject that answers one request a second must not hold up
/// the run for minutes.
pub const LONGEST_NS: u64 = 60_000_000_000;

/// The end of one window, shared by the generator's threads.
///
/// A window of a fixed time holds 8 completions of a slow subject and 8,000 of a quick one: one completion more or less
/// is then an eighth of the value.
#[derive(Debug)]
pub struct Closing {
    from_ns: u64,
    earliest_ns: u64,
    completions_least: u64,
    completed_count: AtomicU64,
    /// The moment of the end; 0 while the window is open.
    closed_ns: AtomicU64,
}

impl Closing {
    /// An open window that closes at `window`'s end, or when `completions_least` requests were completed in it,
    /// whichever comes later; after [`LONGEST_NS`] in any case.
    pub fn new(window: &Window, completions_least: u64) -> Self {
        Self {
            from_ns: window.from_ns,
            earliest_ns: window.to_ns,
            completions_least,
            completed_count: AtomicU64::new(0),
            closed_ns: AtomicU64::new(0),
        }
    }

    /// Counts a completion within the window. Beyond the least number nobody asks, and the threads share no more.
    pub fn count(&self) {
        if self.completed_count.load(Ordering::Relaxed) < self.completions_least {
            self.completed_count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Whether the window is over at `now`; the first thread that finds it so sets the end for all.
    pub fn is_over(&self, now: u64) -> bool {
        if let Some(closed_ns) = self.closed_ns() {
            return now >= closed_ns;
        }
        let is_done = self.completed_count.load(Ordering::Relaxed) >= self.completions_least;
        let is_over =
            now >= self.earliest_ns && (is_done || now >= self.from_ns.saturating_add(LONGEST_NS));
        if is_over {
            // Another thread may have been first; then its moment counts.
            let _ = self.closed_ns.compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed);
        }
        is_over
    }

    /// The moment of the end, `CLOCK_MONOTONIC` nanoseconds; `None` while the window is open.
    pub fn closed_ns(&self) -> Option<u64> {
        Some(self.closed_ns.load(Ordering::Relaxed)).filter(|&ns| ns > 0)
    }

    /// Ends the window now, because nobody will: a thread failed, or the run was interrupted.
    pub fn close(&self, now: u64) {
        let _ = self.closed_ns.compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Whether a moment lies within what is known of the window.
    pub fn holds(&self, ns: u64) -> bool {
        ns >= self.from_ns && self.closed_ns().is_none_or(|closed_ns| ns < closed_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Window = Window { load_from_ns: 1, from_ns: 10, to_ns: 100 };

    #[test]
    fn the_later_of_time_and_work_decides() {
        let closing = Closing::new(&WINDOW, 2);
        closing.count();
        assert!(!closing.is_over(100), "one of two requests is missing");
        assert!(closing.holds(150) && !closing.holds(9));
        closing.count();
        assert!(closing.is_over(160));
        assert_eq!(closing.closed_ns(), Some(160));
        assert!(closing.is_over(170) && closing.holds(159) && !closing.holds(160));
        assert_eq!(closing.closed_ns(), Some(160), "the first who finds it over sets the moment");

        let quick = Closing::new(&WINDOW, 2);
        (0..9).for_each(|_| quick.count());
        assert!(!quick.is_over(99) && quick.is_over(100));
    }

    #[test]
    fn no_window_is_open_for_ever() {
        let closing = Closing::new(&WINDOW, 1000);
        assert!(!closing.is_over(10 + LONGEST_NS - 1));
        assert!(closing.is_over(10 + LONGEST_NS));
    }
}

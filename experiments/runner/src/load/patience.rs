//! When a step of an open loop is lost before its end: so many answers are late that none to come can save it.

use std::sync::atomic::{AtomicU64, Ordering};

/// How many answers may be late, shared by the generator's threads.
///
/// At twice a server's capacity the bound is passed in the first twentieth of a window; the rest would only be waited
/// for.
#[derive(Debug)]
pub struct Patience {
    bound_ns: u64,
    late_most_count: u64,
    late_count: AtomicU64,
}

impl Patience {
    /// One in a hundred of `arrivals_count` may be later than `bound_ns`: with one more their p99 is above it, whatever
    /// the others do.
    pub fn new(bound_ns: u64, arrivals_count: u64) -> Self {
        Self { bound_ns, late_most_count: arrivals_count / 100, late_count: AtomicU64::new(0) }
    }

    /// Takes down the latency of an answer within the window.
    pub fn see(&self, latency_ns: u64) {
        if latency_ns > self.bound_ns {
            self.late_count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Whether the p99 can no longer be within the bound.
    pub fn is_lost(&self) -> bool {
        self.late_count.load(Ordering::Relaxed) > self.late_most_count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_in_a_hundred_may_be_late_and_no_more() {
        let patience = Patience::new(5, 299);
        (0..1000).for_each(|_| patience.see(5));
        (0..2).for_each(|_| patience.see(6));
        assert!(!patience.is_lost(), "2 of 299");
        patience.see(6);
        assert!(patience.is_lost(), "3 of 299");
    }
}

//! When requests are due, and which of them count.

use crate::clock::monotonic_ns;

/// The measured stretch of time after the warm-up, `CLOCK_MONOTONIC` nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Load begins.
    pub load_from_ns: u64,
    /// The warm-up ends and the window opens.
    pub from_ns: u64,
    /// The window closes.
    pub to_ns: u64,
}

impl Window {
    /// A window that begins `warmup_ms` after now and is `measure_ms` long.
    pub fn starting_now(warmup_ms: u64, measure_ms: u64) -> Self {
        // Threads need a moment to start; nothing is due before then.
        const START_UP_NS: u64 = 2_000_000;
        let load_from_ns = monotonic_ns() + START_UP_NS;
        let from_ns = load_from_ns + warmup_ms * 1_000_000;
        Self { load_from_ns, from_ns, to_ns: from_ns + measure_ms * 1_000_000 }
    }

    /// Whether a moment lies within the measured stretch.
    pub fn holds(&self, ns: u64) -> bool {
        (self.from_ns..self.to_ns).contains(&ns)
    }

    /// Its length.
    pub fn length_ns(&self) -> u64 {
        self.to_ns - self.from_ns
    }
}

/// Arrivals at exactly `rate_per_second`, from the load's begin to the window's end. The gaps are computed
/// from the start each time, so that rounding does not add up.
pub fn constant_schedule(window: &Window, rate_per_second: u32) -> Vec<u64> {
    let rate = u128::from(rate_per_second);
    let length = u128::from(window.to_ns - window.load_from_ns);
    let count = length * rate / 1_000_000_000;
    (0..count)
        // The offset is below `length`, which came from a u64.
        .map(|i| window.load_from_ns + u64::try_from(i * 1_000_000_000 / rate).unwrap_or(u64::MAX))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_schedule_keeps_its_rate(rate in 1u32..100_000, warmup_ms in 0u64..1000, measure_ms in 1u64..3000) {
            let window = Window {
                load_from_ns: 7,
                from_ns: 7 + warmup_ms * 1_000_000,
                to_ns: 7 + (warmup_ms + measure_ms) * 1_000_000,
            };
            let schedule = constant_schedule(&window, rate);
            let expected = u64::from(rate) * (warmup_ms + measure_ms) / 1000;
            prop_assert_eq!(schedule.len() as u64, expected);
            prop_assert!(schedule.windows(2).all(|pair| pair[0] < pair[1]));
            prop_assert!(schedule.iter().all(|&due| due >= window.load_from_ns && due < window.to_ns));
        }
    }
}

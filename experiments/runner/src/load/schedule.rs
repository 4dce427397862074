//! When requests are due, and which of them count.

use crate::clock::monotonic_ns;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

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

    /// Where its second half begins.
    pub fn middle_ns(&self) -> u64 {
        self.from_ns.midpoint(self.to_ns)
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

/// Arrivals of a Poisson process of `rate_per_second`, from the load's begin to the window's end: the gaps
/// are exponential, drawn by inversion (L. Devroye, "Non-Uniform Random Variate Generation", 1986, II.2).
/// The same seed gives the same gaps. They are added up as floats, whose error stays far below a
/// nanosecond's share of a window of minutes.
pub fn poisson_schedule(window: &Window, rate_per_second: u32, seed: u64) -> Vec<u64> {
    let mean_gap_ns = 1e9 / f64::from(rate_per_second);
    let length_ns = (window.to_ns - window.load_from_ns) as f64;
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut offset_ns = 0.0;
    let mut schedule = Vec::new();
    loop {
        // In [0, 1), so that the logarithm is finite.
        let uniform: f64 = random.random();
        offset_ns -= (1.0 - uniform).ln() * mean_gap_ns;
        if offset_ns >= length_ns {
            return schedule;
        }
        // Within the window, which came from a u64.
        schedule.push(window.load_from_ns + offset_ns as u64);
    }
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

        #[test]
        fn poisson_arrivals_are_seeded_ordered_and_as_many_as_asked_for(
            rate in 1u32..20_000, length_ms in 1u64..5_000, seed in any::<u64>()
        ) {
            let window = Window { load_from_ns: 7, from_ns: 7, to_ns: 7 + length_ms * 1_000_000 };
            let schedule = poisson_schedule(&window, rate, seed);
            prop_assert_eq!(&schedule, &poisson_schedule(&window, rate, seed));
            prop_assert!(schedule.is_sorted());
            prop_assert!(schedule.iter().all(|&due| window.holds(due)));
            // The count is Poisson: its variance is its mean. Seven deviations and a little for small means
            // are passed once in far more cases than are tried.
            let mean = f64::from(rate) * length_ms as f64 / 1000.0;
            let off = (schedule.len() as f64 - mean).abs();
            prop_assert!(off <= 7.0 * mean.sqrt() + 12.0, "{} arrivals, {mean} expected", schedule.len());
        }
    }

    #[test]
    fn poisson_gaps_are_exponential() {
        let window = Window { load_from_ns: 0, from_ns: 0, to_ns: 100_000_000_000 };
        let schedule = poisson_schedule(&window, 1000, 42);
        let gaps: Vec<f64> = schedule.windows(2).map(|pair| (pair[1] - pair[0]) as f64).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        // The coefficient of variation of an exponential distribution is 1; of a constant rate it is 0.
        let cov = variance.sqrt() / mean;
        assert!((mean / 1e6 - 1.0).abs() < 0.02 && (cov - 1.0).abs() < 0.02, "{mean} {cov}");
        let long = gaps.iter().filter(|&&gap| gap > 1e6).count() as f64 / gaps.len() as f64;
        assert!((long - (-1f64).exp()).abs() < 0.01, "{long} of the gaps exceed the mean");
        assert_ne!(schedule, poisson_schedule(&window, 1000, 43));
    }
}

//! When requests are due, and which of them count.

use crate::kernel::clock::monotonic_ns;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Which of the two requests of a mix; without a mix all are light.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The request whose latency the cell is about.
    Light,
    /// The request that others may have to wait for.
    Heavy,
}

/// One request that is to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// When it is due, `CLOCK_MONOTONIC` nanoseconds.
    pub due_ns: u64,
    /// Which request it is.
    pub kind: Kind,
}

impl Arrival {
    /// A light request that is due then.
    pub fn light(due_ns: u64) -> Self {
        Self { due_ns, kind: Kind::Light }
    }
}

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
pub fn constant_schedule(window: &Window, rate_per_second: u32) -> Vec<Arrival> {
    let rate = u128::from(rate_per_second);
    let length = u128::from(window.to_ns - window.load_from_ns);
    let count = length * rate / 1_000_000_000;
    (0..count)
        // The offset is below `length`, which came from a u64.
        .map(|i| window.load_from_ns + u64::try_from(i * 1_000_000_000 / rate).unwrap_or(u64::MAX))
        .map(Arrival::light)
        .collect()
}

/// Arrivals of a Poisson process of `rate_per_second`, from the load's begin to the window's end: the gaps
/// are exponential, drawn by inversion (L. Devroye, "Non-Uniform Random Variate Generation", 1986, II.2).
/// The same seed gives the same gaps. They are added up as floats, whose error stays far below a
/// nanosecond's share of a window of minutes.
pub fn poisson_schedule(window: &Window, rate_per_second: u32, seed: u64) -> Vec<Arrival> {
    let mean_gap_ns = 1e9 / f64::from(rate_per_second);
    let length_ns = (window.to_ns - window.load_from_ns) as f64;
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut offset_ns = 0.0;
    let mut schedule = Vec::new();
    loop {
        offset_ns += exponential(mean_gap_ns, &mut random);
        if offset_ns >= length_ns {
            return schedule;
        }
        // Within the window, which came from a u64.
        schedule.push(Arrival::light(window.load_from_ns + offset_ns as u64));
    }
}

/// A value of the exponential distribution with that mean, by inversion.
pub fn exponential(mean: f64, random: &mut ChaCha8Rng) -> f64 {
    // In [0, 1), so that the logarithm is finite.
    let uniform: f64 = random.random();
    -(1.0 - uniform).ln() * mean
}

/// Makes `heavy_percent` of a hundred arrivals heavy. Of each stretch of arrivals in which that share is a whole
/// number, so many are heavy, at places that the seed draws: every window has its share, and the same seed gives the
/// same places, so that the subjects of a block are asked the same.
pub fn mix(schedule: &mut [Arrival], heavy_percent: u32, seed: u64) {
    let heavy_percent = heavy_percent.min(100);
    let whole = greatest_common_divisor(heavy_percent, 100);
    let (heavy_count, length) = (heavy_percent / whole, 100 / whole);
    let mut kinds: Vec<Kind> =
        (0..length).map(|i| if i < heavy_count { Kind::Heavy } else { Kind::Light }).collect();
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    for stretch in schedule.chunks_mut(length as usize) {
        kinds.shuffle(&mut random);
        for (arrival, &kind) in stretch.iter_mut().zip(&kinds) {
            arrival.kind = kind;
        }
    }
}

/// Euclid's; of 0 and `b` it is `b`.
fn greatest_common_divisor(a: u32, b: u32) -> u32 {
    if a == 0 { b } else { greatest_common_divisor(b % a, a) }
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
            prop_assert!(schedule.windows(2).all(|pair| pair[0].due_ns < pair[1].due_ns));
            let within = window.load_from_ns..window.to_ns;
            prop_assert!(schedule.iter().all(|arrival| within.contains(&arrival.due_ns)));
        }

        #[test]
        fn poisson_arrivals_are_seeded_ordered_and_as_many_as_asked_for(
            rate in 1u32..20_000, length_ms in 1u64..5_000, seed in any::<u64>()
        ) {
            let window = Window { load_from_ns: 7, from_ns: 7, to_ns: 7 + length_ms * 1_000_000 };
            let schedule = poisson_schedule(&window, rate, seed);
            prop_assert_eq!(&schedule, &poisson_schedule(&window, rate, seed));
            prop_assert!(schedule.is_sorted_by_key(|arrival| arrival.due_ns));
            prop_assert!(schedule.iter().all(|arrival| window.holds(arrival.due_ns)));
            // The count is Poisson: its variance is its mean. Seven deviations and a little for small means
            // are passed once in far more cases than are tried.
            let mean = f64::from(rate) * length_ms as f64 / 1000.0;
            let off = (schedule.len() as f64 - mean).abs();
            prop_assert!(off <= 7.0 * mean.sqrt() + 12.0, "{} arrivals, {mean} expected", schedule.len());
        }
    }

    fn heavy_count(arrivals: &[Arrival]) -> usize {
        arrivals.iter().filter(|arrival| arrival.kind == Kind::Heavy).count()
    }

    proptest! {
        #[test]
        fn a_mix_keeps_its_share_and_its_times(
            count in 0usize..2_000, heavy_percent in 1u32..100, seed in any::<u64>()
        ) {
            let plain: Vec<Arrival> = (0..count as u64).map(Arrival::light).collect();
            let (mut mixed, mut again) = (plain.clone(), plain.clone());
            mix(&mut mixed, heavy_percent, seed);
            mix(&mut again, heavy_percent, seed);
            prop_assert_eq!(&mixed, &again);
            prop_assert!(mixed.iter().zip(&plain).all(|(a, b)| a.due_ns == b.due_ns));
            // Whole hundreds have the share exactly; what is left over has between none and as many as fit.
            for hundred in mixed.chunks_exact(100) {
                prop_assert_eq!(heavy_count(hundred), heavy_percent as usize);
            }
        }
    }

    #[test]
    fn one_in_twenty_is_heavy_at_places_that_the_seed_draws() {
        let plain: Vec<Arrival> = (0..400).map(Arrival::light).collect();
        let places = |seed: u64| {
            let mut mixed = plain.clone();
            mix(&mut mixed, 5, seed);
            mixed.chunks(20).for_each(|stretch| assert_eq!(heavy_count(stretch), 1));
            let place = |stretch: &[Arrival]| stretch.iter().position(|a| a.kind == Kind::Heavy);
            mixed.chunks(20).filter_map(place).collect::<Vec<_>>()
        };
        assert_ne!(places(1), places(2));
        let distinct: std::collections::BTreeSet<_> = places(1).into_iter().collect();
        assert!(distinct.len() > 5, "{distinct:?}");
    }

    #[test]
    fn poisson_gaps_are_exponential() {
        let window = Window { load_from_ns: 0, from_ns: 0, to_ns: 100_000_000_000 };
        let schedule = poisson_schedule(&window, 1000, 42);
        let gaps: Vec<f64> =
            schedule.windows(2).map(|pair| (pair[1].due_ns - pair[0].due_ns) as f64).collect();
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

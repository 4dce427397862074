//! The percentile bootstrap (Efron & Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13):
//! draw the invocations with replacement, compute the statistic, and take the middle 95 % of what comes out.

use crate::quantile::quantile_sorted;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// Resamples per interval.
pub const RESAMPLES_COUNT: usize = 2000;
/// Share of the resamples that an interval covers.
pub const CONFIDENCE: f64 = 0.95;

/// Both ends of an interval, in the unit of the statistic.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Interval {
    /// An interval without width: a quantity that is read, not sampled.
    #[must_use]
    pub fn exact(value: f64) -> Self {
        Self { low: value, high: value }
    }
}

/// A generator for one statistic. Its stream is a hash of `label`, so adding a cell to a run, or computing
/// the cells in another order, leaves the intervals of all others as they were.
#[must_use]
pub fn generator(seed: u64, label: &str) -> ChaCha8Rng {
    // FNV-1a: stable across Rust versions, which std's hasher does not promise.
    let stream = label.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mut generator = ChaCha8Rng::seed_from_u64(seed);
    generator.set_stream(stream);
    generator
}

/// The middle 95 % of the resampled statistics; `None` when any of them is not a number.
pub(crate) fn middle(mut resampled: Vec<f64>) -> Option<Interval> {
    if resampled.iter().any(|value| !value.is_finite()) {
        return None;
    }
    resampled.sort_by(f64::total_cmp);
    let tail = (1.0 - CONFIDENCE) / 2.0;
    Some(Interval {
        low: quantile_sorted(&resampled, tail)?,
        high: quantile_sorted(&resampled, 1.0 - tail)?,
    })
}

#[cfg(test)]
#[path = "bootstrap_tests.rs"]
mod tests;

//! The ratio of two arms' statistics, with its interval.
//!
//! ratio = statistic(subject) / statistic(versus), and the interval is the middle 95 % of the ratios of the
//! resampled statistics, resampled by invocation: the percentile bootstrap (Efron & Tibshirani 1993, chapters 8 and
//! 13). Both arms are resampled independently of each other; those of one interleaved plan, whose common drift cancels
//! within its blocks, are [`crate::paired::paired_ratio`]'s.

use crate::arm::{Arm, Statistic};
use crate::bootstrap::{Interval, RESAMPLES_COUNT, middle};
use rand_chacha::ChaCha8Rng;

/// The ratio of the two statistics; `None` when one is missing or the divisor is 0.
#[must_use]
pub fn ratio(subject: Option<f64>, versus: Option<f64>) -> Option<f64> {
    let ratio = subject? / versus?;
    ratio.is_finite().then_some(ratio)
}

/// The interval of the ratio; `None` when an arm has fewer than two invocations, or when the ratio of any
/// resample is undefined (a divisor of 0).
#[must_use]
pub fn ratio_interval(
    subject: Arm<'_>,
    versus: Arm<'_>,
    generator: &mut ChaCha8Rng,
) -> Option<Interval> {
    if subject.n() < 2 || versus.n() < 2 {
        return None;
    }
    let draws: Option<Vec<f64>> = (0..RESAMPLES_COUNT)
        .map(|_| ratio(subject.resample(generator), versus.resample(generator)))
        .collect();
    middle(draws?)
}

#[cfg(test)]
#[path = "ratio_tests.rs"]
mod tests;

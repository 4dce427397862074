//! The ratio of two arms' statistics, with its interval.
//!
//! ratio = statistic(subject) / statistic(versus), and the interval is the middle 95 % of the ratios of the
//! resampled statistics, resampled by invocation: the percentile bootstrap (Efron & Tibshirani 1993, chapters 8 and
//! 13). Arms of one interleaved plan are resampled block by block, so that a drift of the machine, which falls on
//! both arms of a block alike, cancels; other arms are resampled independently of each other.

use crate::arm::{Arm, Statistic, draw};
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

/// The interval of the ratio of two arms whose invocation `i` is of the same block: each resample draws the same
/// blocks for both. `None` as for [`ratio_interval`], and when the arms have different numbers of blocks.
///
/// The blocks are told apart by their place in the arm, so that this is for arms that keep their order
/// ([`Arm::Pooled`]); single numbers per block are [`crate::paired::paired_ratio`]'s.
#[must_use]
pub fn paired_ratio_interval(
    subject: Arm<'_>,
    versus: Arm<'_>,
    generator: &mut ChaCha8Rng,
) -> Option<Interval> {
    if subject.n() < 2 || subject.n() != versus.n() {
        return None;
    }
    let draws: Option<Vec<f64>> = (0..RESAMPLES_COUNT)
        .map(|_| {
            let times = draw(subject.n(), generator)?;
            ratio(subject.weighted(&times), versus.weighted(&times))
        })
        .collect();
    middle(draws?)
}

#[cfg(test)]
#[path = "ratio_tests.rs"]
mod tests;

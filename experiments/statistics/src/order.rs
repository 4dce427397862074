//! Intervals of quantiles by order statistics: they assume independent values and nothing about their
//! distribution.
//!
//! The number of values below the true quantile is binomial. So the interval between two values of the ordered
//! sample contains the true quantile with a probability that depends on their two places only.

use crate::bootstrap::{CONFIDENCE, Interval};
use statrs::distribution::{Binomial, DiscreteCDF};

/// Fewest values for an interval of the median. Between the smallest and the largest of 5 values the true median
/// lies with probability 1 - 2 * 0.5^5 = 93.75 %, which is below 95 %; of 6 values, with 96.9 %.
pub const LEAST_VALUES_COUNT: usize = 6;

/// The 95 % interval of the median: the two nearest pairs of order statistics, interpolated to 95 %
/// (Hettmansperger & Sheather 1986, "Confidence intervals based on interpolated order statistics", Statistics &
/// Probability Letters 4, 75-79; Nyblom 1992, Statistics & Probability Letters 14, treats other quantiles).
/// `None` with fewer than [`LEAST_VALUES_COUNT`] values, or when one of them is not finite.
#[must_use]
pub fn median_interval(values: &[f64]) -> Option<Interval> {
    let n = values.len();
    if n < LEAST_VALUES_COUNT || values.iter().any(|value| !value.is_finite()) {
        return None;
    }
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let below = Binomial::new(0.5, n as u64).ok()?;
    // Confidence of the interval from the depth-th smallest to the depth-th largest value.
    let confidence = |depth: usize| 1.0 - 2.0 * below.cdf(depth as u64 - 1);
    let mut depth = 1;
    while confidence(depth + 1) >= CONFIDENCE {
        depth += 1;
    }
    let (outer, inner) = (confidence(depth), confidence(depth + 1));
    let excess = (outer - CONFIDENCE) / (outer - inner);
    // Hettmansperger & Sheather's weight of the inner pair: exact for a Laplace distribution, and close for all
    // others that they tried.
    let (n, index) = (n as f64, depth as f64);
    let weight = (n - index) * excess / (index + (n - 2.0 * index) * excess);
    let between = |outer: f64, inner: f64| outer + (inner - outer) * weight;
    let last = sorted.len() - 1;
    Some(Interval {
        low: between(sorted[depth - 1], sorted[depth]),
        high: between(sorted[last - (depth - 1)], sorted[last - depth]),
    })
}

/// The interval of the quantile at `q` of `sorted` (ascending) with at least 95 % confidence, by exact binomial
/// order statistics with at most 2.5 % outside of each end (Conover 1999, Practical Nonparametric Statistics, 3rd
/// edition, section 3.2). `None` where the sample is too small for it: a p99 needs 368 values.
#[must_use]
pub fn quantile_interval(sorted: &[f64], q: f64) -> Option<Interval> {
    let n = sorted.len();
    if n == 0 || !(q > 0.0 && q < 1.0) || sorted.iter().any(|value| !value.is_finite()) {
        return None;
    }
    let below = Binomial::new(q, n as u64).ok()?;
    let tail = (1.0 - CONFIDENCE) / 2.0;
    // Places count from 1. The true quantile is below the value at `index` when at most `index - 1` values
    // are below the quantile.
    let low = (1..=n).take_while(|&index| below.cdf(index as u64 - 1) <= tail).last()?;
    let high = (low + 1..=n).find(|&index| below.cdf(index as u64 - 1) >= 1.0 - tail)?;
    Some(Interval { low: sorted[low - 1], high: sorted[high - 1] })
}

#[cfg(test)]
#[path = "order_tests.rs"]
mod tests;

//! The bias-corrected and accelerated bootstrap, BCa (Efron & Tibshirani, An Introduction to the Bootstrap, 1993,
//! sections 14.3 and 15.4): a percentile interval whose two percentiles are moved by the bias of the
//! statistic and by how fast its spread changes with its value.

use crate::arm::{Arm, Statistic};
use crate::bootstrap::{CONFIDENCE, Interval, RESAMPLES_COUNT};
use crate::quantile::quantile_sorted;
use crate::ratio::ratio;
use rand_chacha::ChaCha8Rng;
use statrs::distribution::{ContinuousCDF, Normal};

/// One sample and any statistic of it.
pub struct Sample<'a, F> {
    /// The values, in any order.
    pub values: &'a [f64],
    /// The statistic of a resample; `None` where it is undefined.
    pub statistic: F,
}

impl<F: Fn(&[f64]) -> Option<f64>> Statistic for Sample<'_, F> {
    fn n(&self) -> usize {
        self.values.len()
    }

    fn weighted(&self, times: &[u64]) -> Option<f64> {
        let repeated = self.values.iter().zip(times);
        let drawn: Vec<f64> =
            repeated.flat_map(|(&value, &times)| (0..times).map(move |_| value)).collect();
        (self.statistic)(&drawn)
    }
}

/// The BCa interval of any statistic of one sample; `None` with fewer than two values, or where a resample's
/// statistic is undefined.
#[must_use]
pub fn bca_interval(
    values: &[f64],
    statistic: impl Fn(&[f64]) -> Option<f64>,
    generator: &mut ChaCha8Rng,
) -> Option<Interval> {
    bca(&[&Sample { values, statistic }], |found| Some(found[0]), generator)
}

/// The BCa interval of the ratio of two arms that were not measured side by side, each resampled by itself. The
/// jackknife for the acceleration runs over both. `None` as for [`bca_interval`], and when a ratio is undefined.
#[must_use]
pub fn bca_ratio_interval(
    subject: Arm<'_>,
    versus: Arm<'_>,
    generator: &mut ChaCha8Rng,
) -> Option<Interval> {
    bca(&[&subject, &versus], |found| ratio(Some(found[0]), Some(found[1])), generator)
}

/// The BCa interval of a function of the statistics of several samples.
fn bca(
    arms: &[&dyn Statistic],
    combine: impl Fn(&[f64]) -> Option<f64>,
    generator: &mut ChaCha8Rng,
) -> Option<Interval> {
    if arms.iter().any(|arm| arm.n() < 2) {
        return None;
    }
    let whole: Vec<f64> =
        arms.iter().map(|arm| arm.weighted(&vec![1; arm.n()])).collect::<Option<_>>()?;
    let point = combine(&whole)?;
    let draw = |generator: &mut ChaCha8Rng| {
        let drawn: Option<Vec<f64>> = arms.iter().map(|arm| arm.resample(generator)).collect();
        combine(&drawn?)
    };
    let mut draws: Vec<f64> =
        (0..RESAMPLES_COUNT).map(|_| draw(generator)).collect::<Option<_>>()?;
    draws.sort_by(f64::total_cmp);
    let normal = Normal::standard();
    let bias = normal.inverse_cdf(share_below(&draws, point));
    let acceleration = acceleration(arms, &whole, &combine)?;
    let tail = (1.0 - CONFIDENCE) / 2.0;
    let end = |share: f64| {
        let shifted = bias + normal.inverse_cdf(share);
        let moved = normal.cdf(bias + shifted / (1.0 - acceleration * shifted));
        // A statistic beyond all of its resamples has an infinite bias, and no interval.
        if moved.is_finite() { quantile_sorted(&draws, moved) } else { None }
    };
    Some(Interval { low: end(tail)?, high: end(1.0 - tail)? })
}

/// The share of the resampled statistics below the point, those equal to it counted half: a median takes few
/// values, and counting ties on one side would be a bias of our own.
fn share_below(draws: &[f64], point: f64) -> f64 {
    let below = draws.iter().filter(|draw| **draw < point).count();
    let at_most = draws.iter().filter(|draw| **draw <= point).count();
    (below + at_most) as f64 / (2 * draws.len()) as f64
}

/// Equation 14.15, and 15.36 for several samples: from the values of the statistic with one observation left out.
/// A statistic that no single observation moves has none (0).
fn acceleration(
    arms: &[&dyn Statistic],
    whole: &[f64],
    combine: &impl Fn(&[f64]) -> Option<f64>,
) -> Option<f64> {
    let (mut cubes, mut squares) = (0.0, 0.0);
    for (index, arm) in arms.iter().enumerate() {
        let n = arm.n();
        let without = |left_out: usize| {
            let mut times = vec![1; n];
            times[left_out] = 0;
            let mut all = whole.to_vec();
            all[index] = arm.weighted(&times)?;
            combine(&all)
        };
        let jackknife: Vec<f64> = (0..n).map(without).collect::<Option<_>>()?;
        let n = n as f64;
        let mean = jackknife.iter().sum::<f64>() / n;
        let influence = jackknife.iter().map(|value| (n - 1.0) * (mean - value));
        for influence in influence {
            cubes += influence.powi(3) / n.powi(3);
            squares += influence.powi(2) / n.powi(2);
        }
    }
    Some(if squares > 0.0 { cubes / (6.0 * squares.powf(1.5)) } else { 0.0 })
}

#[cfg(test)]
#[path = "bca_tests.rs"]
mod tests;

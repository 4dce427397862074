//! One arm of a comparison: a statistic over invocations that can be computed as it is and resampled.

use crate::quantile::quantile_sorted;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// What a bootstrap needs of a sample.
pub trait Statistic {
    /// Units of resampling.
    fn n(&self) -> usize;

    /// The statistic when unit `i` is counted `times[i]` times; `None` where it is undefined.
    fn weighted(&self, times: &[u64]) -> Option<f64>;

    /// The statistic of as many units drawn with replacement; `None` without any.
    fn resample(&self, generator: &mut ChaCha8Rng) -> Option<f64> {
        self.weighted(&draw(self.n(), generator)?)
    }
}

/// How often each of `n` units is drawn, in `n` draws with replacement; `None` without any.
pub(crate) fn draw(n: usize, generator: &mut ChaCha8Rng) -> Option<Vec<u64>> {
    if n == 0 {
        return None;
    }
    let mut times = vec![0; n];
    for _ in 0..n {
        times[generator.random_range(0..n)] += 1;
    }
    Some(times)
}

/// The median of one number per invocation, given in ascending order. The unit of resampling is always the invocation,
/// because the requests within one are not independent of each other.
#[derive(Debug, Clone, Copy)]
pub struct Arm<'a>(pub &'a [f64]);

impl Arm<'_> {
    /// The median itself; `None` when there is no invocation.
    #[must_use]
    pub fn point(&self) -> Option<f64> {
        quantile_sorted(self.0, 0.5)
    }
}

impl Statistic for Arm<'_> {
    fn n(&self) -> usize {
        self.0.len()
    }

    fn weighted(&self, times: &[u64]) -> Option<f64> {
        median_of(self.0, times)
    }
}

/// The median when `sorted[i]` occurs `times[i]` times: the values are in order already, so that a walk to
/// the middle replaces sorting every resample.
fn median_of(sorted: &[f64], times: &[u64]) -> Option<f64> {
    let count: u64 = times.iter().sum();
    let at = |index: u64| {
        let mut passed = 0;
        let found = times.iter().position(|times| {
            passed += times;
            passed > index
        });
        found.map(|found| sorted[found])
    };
    let (low, high) = (at(count.checked_sub(1)? / 2)?, at(count / 2)?);
    Some(low + (high - low) * 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quantile::median;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn counting_agrees_with_sorting(
            pairs in prop::collection::vec((-1e6..1e6f64, 0u64..4), 1..30)
        ) {
            let mut pairs = pairs;
            pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
            let (sorted, times): (Vec<f64>, Vec<u64>) = pairs.iter().copied().unzip();
            let drawn: Vec<f64> =
                pairs.iter().flat_map(|&(value, times)| vec![value; times as usize]).collect();
            prop_assert_eq!(median_of(&sorted, &times), median(&drawn));
        }
    }
}

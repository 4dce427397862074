//! One arm of a comparison: a statistic over invocations that can be computed as it is and resampled.

use crate::statistics::pooled::Pooled;
use crate::statistics::quantile::{median, quantile_sorted};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// What a bootstrap needs: the unit of resampling is always the invocation, because the requests within one
/// are not independent of each other.
#[derive(Debug, Clone, Copy)]
pub enum Arm<'a> {
    /// The median of one number per invocation, which are given in ascending order.
    Median(&'a [f64]),
    /// The quantile of all invocations' histograms together.
    Pooled(&'a Pooled, f64),
}

impl Arm<'_> {
    /// Invocations.
    #[must_use]
    pub fn n(&self) -> usize {
        match self {
            Arm::Median(values) => values.len(),
            Arm::Pooled(pooled, _) => pooled.n(),
        }
    }

    /// The statistic itself; `None` when there is no invocation.
    #[must_use]
    pub fn point(&self) -> Option<f64> {
        match self {
            Arm::Median(sorted) => quantile_sorted(sorted, 0.5),
            Arm::Pooled(pooled, q) => pooled.quantile(*q, &vec![1; pooled.n()]),
        }
    }

    /// The statistic of as many invocations drawn with replacement.
    #[must_use]
    pub fn resample(&self, generator: &mut ChaCha8Rng) -> Option<f64> {
        let n = self.n();
        if n == 0 {
            return None;
        }
        match self {
            Arm::Median(values) => {
                let drawn: Vec<f64> =
                    (0..n).map(|_| values[generator.random_range(0..n)]).collect();
                median(&drawn)
            }
            Arm::Pooled(pooled, q) => {
                let mut times = vec![0; n];
                for _ in 0..n {
                    times[generator.random_range(0..n)] += 1;
                }
                pooled.quantile(*q, &times)
            }
        }
    }
}

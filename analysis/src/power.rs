//! Power: the smallest difference that a run could have seen, from its own variance.

use crate::compare::{Comparison, SIGNIFICANCE};
use crate::summarise::samples::Samples;
use statrs::distribution::{ContinuousCDF, Normal};
use std::collections::BTreeMap;
use weighbridge_schema::name::ExperimentName;
use weighbridge_schema::quantity::Quantity;
use weighbridge_statistics::quantile::median;

/// The chance with which a difference of that size would have been found.
pub const POWER: f64 = 0.8;

/// Variance of a median over that of a mean, of values as the normal distribution has them: pi / 2.
const MEDIAN_VARIANCE_FACTOR: f64 = std::f64::consts::FRAC_PI_2;

/// What a run could have seen of one quantity in one experiment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Power {
    /// The smallest difference, percent, that an interval of 95 % would have excluded 1 for with a chance of [`POWER`]:
    /// the median over the comparisons.
    pub difference_percent: f64,
    /// Comparisons behind it.
    pub comparisons_count: usize,
}

/// By experiment and quantity.
pub type Powers = BTreeMap<(ExperimentName, Quantity), Power>;

/// The power of every quantity that was compared by sampling. With n blocks whose log ratios have the standard
/// deviation s, the median of the ratios has a standard error of s sqrt(pi / 2 / n) (asymptotically), and a difference
/// of (z(0.975) + z(0.8)) of those is found with a chance of 80 %. Holm's correction is not in it: after it the
/// difference must be larger.
#[must_use]
pub fn powers(samples: &Samples, comparisons: &[Comparison]) -> Powers {
    let mut differences: BTreeMap<(ExperimentName, Quantity), Vec<f64>> = BTreeMap::new();
    for comparison in comparisons.iter().filter(|comparison| !comparison.quantity.is_exact()) {
        let other = comparison.key.with_subject(&comparison.versus);
        let pairs = samples.pairs(&comparison.key, &other, comparison.quantity);
        if let Some(percent) = smallest_difference_percent(&pairs) {
            let key = (comparison.key.experiment.clone(), comparison.quantity);
            differences.entry(key).or_default().push(percent);
        }
    }
    differences
        .into_iter()
        .filter_map(|(key, found)| {
            let power =
                Power { difference_percent: median(&found)?, comparisons_count: found.len() };
            Some((key, power))
        })
        .collect()
}

/// `None` with fewer than two blocks, or where a value is not above 0.
fn smallest_difference_percent(pairs: &[(f64, f64)]) -> Option<f64> {
    let logs: Vec<f64> = pairs.iter().map(|(a, b)| (a / b).ln()).collect();
    if logs.len() < 2 || logs.iter().any(|log| !log.is_finite()) {
        return None;
    }
    let n = logs.len() as f64;
    let mean = logs.iter().sum::<f64>() / n;
    let variance = logs.iter().map(|log| (log - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let standard = Normal::standard();
    let deviations = standard.inverse_cdf(1.0 - SIGNIFICANCE / 2.0) + standard.inverse_cdf(POWER);
    let log_difference = deviations * (variance * MEDIAN_VARIANCE_FACTOR / n).sqrt();
    Some(log_difference.exp_m1() * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::RngExt;
    use weighbridge_statistics::bootstrap::generator;
    use weighbridge_statistics::paired::paired_ratio;

    #[test]
    fn without_variance_everything_is_seen_and_without_blocks_nothing_is_known() {
        assert_eq!(smallest_difference_percent(&[(2.0, 1.0); 6]), Some(0.0));
        assert_eq!(smallest_difference_percent(&[(2.0, 1.0)]), None);
        assert_eq!(smallest_difference_percent(&[(2.0, 0.0), (1.0, 1.0)]), None);
    }

    /// Ratios that differ by what the formula gives are found in about four of five runs of 20 blocks.
    #[test]
    fn a_difference_of_that_size_is_found_four_times_out_of_five() {
        let (blocks, spread) = (20, 0.05);
        let random = &mut generator(3, "power");
        let mut normal = || Normal::standard().inverse_cdf(random.random_range(1e-12..1.0 - 1e-12));
        let variance = 2.0 * spread * spread * MEDIAN_VARIANCE_FACTOR / f64::from(blocks);
        let difference = (2.801_6 * variance.sqrt()).exp();
        let sets = 1500;
        let found = (0..sets).filter(|_| {
            let pairs: Vec<(f64, f64)> = (0..blocks)
                .map(|_| (difference * (spread * normal()).exp(), (spread * normal()).exp()))
                .collect();
            paired_ratio(&pairs).unwrap().interval.unwrap().low > 1.0
        });
        let share = found.count() as f64 / f64::from(sets);
        assert!((0.72..0.88).contains(&share), "{share}");
    }
}

//! How often something happens by chance alone, and how sure a share is that was counted.

use crate::bootstrap::Interval;
use statrs::distribution::{Binomial, DiscreteCDF};

/// The 97.5th percentile of the standard normal distribution.
const DEVIATIONS: f64 = 1.959_963_984_540_054;

/// The counts of successes in `trials` trials of probability `p` that lie between the 2.5th and the 97.5th percentile
/// of the binomial distribution, both included: what a calibration expects of its false findings. `None` when `p` is
/// no probability.
#[must_use]
pub fn expected_counts(trials: u64, p: f64) -> Option<(u64, u64)> {
    let binomial = Binomial::new(p, trials).ok()?;
    let at = |share: f64| (0..=trials).find(|&count| binomial.cdf(count) >= share);
    // At the end of the range rounding may leave the sum a little below 1.
    Some((at(0.025)?, at(0.975).unwrap_or(trials)))
}

/// The 95 % interval of a probability of which `successes` in `trials` were seen (Wilson 1927, "Probable inference, the
/// law of succession, and statistical inference", Journal of the American Statistical Association 22, 209-212). `None`
/// without a trial, or with more successes than trials.
#[must_use]
pub fn share_interval(successes: u64, trials: u64) -> Option<Interval> {
    if trials == 0 || successes > trials {
        return None;
    }
    let (n, z) = (trials as f64, DEVIATIONS);
    let share = successes as f64 / n;
    let scale = 1.0 + z * z / n;
    let middle = (share + z * z / (2.0 * n)) / scale;
    let half_width = z / scale * (share * (1.0 - share) / n + z * z / (4.0 * n * n)).sqrt();
    // At 0 and 1 an end is that by its definition, but for the last digit of a float.
    let low = if successes == 0 { 0.0 } else { middle - half_width };
    let high = if successes == trials { 1.0 } else { middle + half_width };
    Some(Interval { low, high })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The formula in Python, by hand; `analysis/check` compares what is printed with scipy's.
    #[test]
    fn the_interval_of_a_share_is_wilsons() {
        for (successes, trials, low, high) in [
            (9, 10, 0.595_849_973_204_761_5, 0.982_123_786_904_927_1),
            (0, 8, 0.0, 0.324_407_564_883_880_23),
            (20, 20, 0.838_874_841_947_180_6, 1.0),
        ] {
            let found = share_interval(successes, trials).unwrap();
            let is_near = |a: f64, b: f64| (a - b).abs() < 1e-12;
            assert!(is_near(found.low, low) && is_near(found.high, high), "{found:?}");
        }
        assert_eq!(share_interval(0, 0), None);
        assert_eq!(share_interval(3, 2), None);
    }

    /// `scipy.stats.binom.interval(0.95, n, p)`, scipy 1.17.1.
    #[test]
    fn agrees_with_scipy() {
        assert_eq!(expected_counts(400, 0.05), Some((12, 29)));
        assert_eq!(expected_counts(40, 0.05), Some((0, 5)));
        assert_eq!(expected_counts(1000, 0.5), Some((469, 531)));
        assert_eq!(expected_counts(0, 0.05), Some((0, 0)));
        assert_eq!(expected_counts(10, 1.5), None);
    }
}

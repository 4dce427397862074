//! How often something happens by chance alone.

use statrs::distribution::{Binomial, DiscreteCDF};

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

#[cfg(test)]
mod tests {
    use super::*;

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

//! The sign test: are values above and below zero equally likely? (Conover 1999, Practical Nonparametric Statistics,
//! 3rd edition, section 3.4). It is what the interval of a median by order statistics is the inverse of.

use statrs::distribution::{Binomial, DiscreteCDF};

/// The two-sided p-value; zeros say nothing and are left out. `None` without any other value.
#[must_use]
pub fn sign_test(values: &[f64]) -> Option<f64> {
    let above = values.iter().filter(|&&value| value > 0.0).count() as u64;
    let below = values.iter().filter(|&&value| value < 0.0).count() as u64;
    let n = above + below;
    if n == 0 {
        return None;
    }
    let fair = Binomial::new(0.5, n).ok()?;
    Some((2.0 * fair.cdf(above.min(below))).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `scipy.stats.binomtest(k, n).pvalue`, scipy 1.17.1.
    #[test]
    fn agrees_with_scipy() {
        let of = |above: usize, below: usize| {
            let values = [vec![1.0; above], vec![-1.0; below], vec![0.0; 3]].concat();
            sign_test(&values).unwrap()
        };
        for (above, below, expected) in [
            (10, 0, 0.001953125),
            (9, 1, 0.021484375),
            (3, 7, 0.34375),
            (5, 5, 1.0),
            (6, 0, 0.03125),
        ] {
            assert!((of(above, below) - expected).abs() < 1e-12, "{above} {below}");
        }
        assert_eq!(sign_test(&[0.0, 0.0]), None);
        assert_eq!(sign_test(&[]), None);
    }
}

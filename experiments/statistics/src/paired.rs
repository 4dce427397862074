//! The ratio of two arms that were measured side by side, block by block.

use crate::bootstrap::Interval;
use crate::hierarchical::hierarchical_interval;
use crate::order::{LEAST_VALUES_COUNT, median_interval};
use crate::quantile::median;
use rand_chacha::ChaCha8Rng;

/// A ratio and its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Paired {
    /// Median of the ratios within the blocks.
    pub ratio: f64,
    /// Its 95 % interval; `None` with fewer than [`crate::order::LEAST_VALUES_COUNT`] blocks.
    pub interval: Option<Interval>,
    /// Blocks.
    pub n: usize,
}

/// The ratio of two interleaved arms: the median of subject / versus within each block, with the interval of a
/// median on those ratios ([`median_interval`]). Whatever slows both arms of a block alike cancels, which the ratio
/// of the medians of two independent samples would count as noise (blocking: Montgomery 2017, Design and Analysis of
/// Experiments, 9th edition, sections 2.5 and 4.1).
///
/// Each pair is (subject, versus) of one block. `None` without a pair, or when a ratio is undefined (a divisor of 0):
/// leaving that block out would be a choice by outcome.
#[must_use]
pub fn paired_ratio(pairs: &[(f64, f64)]) -> Option<Paired> {
    let ratios: Vec<f64> = pairs.iter().map(|(subject, versus)| subject / versus).collect();
    if ratios.iter().any(|ratio| !ratio.is_finite()) {
        return None;
    }
    Some(Paired { ratio: median(&ratios)?, interval: median_interval(&ratios), n: ratios.len() })
}

/// The ratio of two arms that several machines measured, each in blocks of its own: the median over machines of the
/// median of each machine's ratios. Machines are a random factor: the interval is that of the bootstrap over both
/// levels, machines first ([`hierarchical_interval`]), and so is about machines like these, not about these alone. Few
/// machines make it wide.
///
/// `None` as for [`paired_ratio`]; no interval when the machines together have too few blocks for one.
#[must_use]
pub fn machines_ratio(machines: &[Vec<(f64, f64)>], generator: &mut ChaCha8Rng) -> Option<Paired> {
    let ratios: Vec<Vec<f64>> = machines
        .iter()
        .filter(|pairs| !pairs.is_empty())
        .map(|pairs| pairs.iter().map(|(subject, versus)| subject / versus).collect())
        .collect();
    if ratios.iter().flatten().any(|ratio| !ratio.is_finite()) {
        return None;
    }
    let medians: Option<Vec<f64>> = ratios.iter().map(|of| median(of)).collect();
    let n = ratios.iter().map(Vec::len).sum();
    let slices: Vec<&[f64]> = ratios.iter().map(Vec::as_slice).collect();
    let interval = (n >= LEAST_VALUES_COUNT)
        .then(|| hierarchical_interval(&slices, median, median, generator))
        .flatten();
    Some(Paired { ratio: median(&medians?)?, interval, n })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// numpy 2.4.6 and scipy 1.17.1: median of a / b, and Hettmansperger & Sheather's formula over
    /// `scipy.stats.binom.cdf`, on eight blocks with a drift that doubles both arms.
    #[test]
    fn agrees_with_scipy() {
        let pairs = [
            (20.4, 10.1),
            (22.5, 11.4),
            (25.9, 12.6),
            (27.1, 13.9),
            (31.2, 15.0),
            (32.8, 16.6),
            (36.6, 18.1),
            (39.5, 20.2),
        ];
        let found = paired_ratio(&pairs).unwrap();
        assert_eq!(found.n, 8);
        assert!((found.ratio - GOLDEN.0).abs() < 1e-9, "{found:?}");
        let interval = found.interval.unwrap();
        assert!((interval.low - GOLDEN.1).abs() < 1e-9, "{interval:?}");
        assert!((interval.high - GOLDEN.2).abs() < 1e-9, "{interval:?}");
    }

    const GOLDEN: (f64, f64, f64) = (1.9978527973279254, 1.9550719389197984, 2.057128712871287);

    #[test]
    fn the_undefined_has_no_ratio() {
        assert_eq!(paired_ratio(&[]), None);
        assert_eq!(paired_ratio(&[(1.0, 2.0), (1.0, 0.0)]), None);
        assert_eq!(paired_ratio(&[(0.0, 0.0)]), None);
        let few = paired_ratio(&[(1.0, 2.0); 5]).unwrap();
        assert_eq!((few.ratio, few.interval), (0.5, None));
    }

    /// Two machines on which the overhead differs: twenty blocks of each say nothing about a third machine, however
    /// alike they are among themselves.
    #[test]
    fn machines_set_the_width() {
        let machine = |factor: f64| -> Vec<(f64, f64)> {
            (0..20)
                .map(|block| (factor * (10.0 + f64::from(block)), 10.0 + f64::from(block)))
                .collect()
        };
        let (slow, fast) = (machine(3.0), machine(2.0));
        let generator = &mut crate::bootstrap::generator(1, "m");
        let found = machines_ratio(&[slow.clone(), fast.clone()], generator).unwrap();
        assert_eq!((found.ratio, found.n), (2.5, 40));
        let interval = found.interval.unwrap();
        assert!(interval.low < 2.01 && interval.high > 2.99, "{interval:?}");
        let alike = machines_ratio(&[fast.clone(), fast.clone()], generator).unwrap();
        assert_eq!(alike.interval, Some(Interval::exact(2.0)));
        assert_eq!(machines_ratio(&[], generator), None);
        assert_eq!(machines_ratio(&[fast, vec![(1.0, 0.0)]], generator), None);
    }

    proptest! {
        /// A drift that both arms of each block share leaves everything as it is.
        #[test]
        fn a_common_drift_cancels(
            pairs in prop::collection::vec((1.0..1e6f64, 1.0..1e6f64, -9i32..9), 6..30)
        ) {
            // Powers of two scale floating-point numbers exactly.
            let drifted: Vec<(f64, f64)> =
                pairs.iter().map(|(a, b, e)| (a * 2f64.powi(*e), b * 2f64.powi(*e))).collect();
            let steady: Vec<(f64, f64)> = pairs.iter().map(|(a, b, _)| (*a, *b)).collect();
            prop_assert_eq!(paired_ratio(&drifted), paired_ratio(&steady));
        }

        #[test]
        fn swapping_the_arms_inverts_the_ratio(
            pairs in prop::collection::vec((1.0..1e6f64, 1.0..1e6f64), 7..30)
        ) {
            // With an odd count the median is one of the ratios, and inverts exactly.
            let odd = &pairs[..pairs.len() - (pairs.len() + 1) % 2];
            let swapped: Vec<(f64, f64)> = odd.iter().map(|(a, b)| (*b, *a)).collect();
            let (forth, back) = (paired_ratio(odd).unwrap(), paired_ratio(&swapped).unwrap());
            prop_assert!((forth.ratio * back.ratio - 1.0).abs() < 1e-12);
        }
    }
}

//! Tests of the ratio: golden values from elsewhere, inversion, and the undefined.

use super::*;
use crate::bootstrap::generator;
use proptest::prelude::*;

fn check(a: &[f64], b: &[f64], seed: u64) -> Option<Interval> {
    let sort = |values: &[f64]| {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        sorted
    };
    let (a, b) = (sort(a), sort(b));
    ratio_interval(Arm(&a), Arm(&b), &mut generator(seed, "test"))
}

/// All 5^5 x 5^5 pairs of resamples enumerated with itertools and numpy 2.4.6: 13/14 and 29/7.
#[test]
fn agrees_with_full_enumeration() {
    let found = check(&[10.0, 11.0, 13.0, 17.0, 29.0], &[5.0, 6.0, 7.0, 9.0, 14.0], 3).unwrap();
    assert!((found.low - 13.0 / 14.0).abs() < 0.08, "{found:?}");
    assert!((found.high - 29.0 / 7.0).abs() < 0.35, "{found:?}");
}

/// scipy 1.17.1: `scipy.stats.bootstrap((a, b), ratio_of_medians, n_resamples=400000, method="percentile")`.
#[test]
fn agrees_with_scipy() {
    let a = [
        102.5, 99.1, 110.7, 95.3, 101.2, 104.8, 98.6, 120.4, 100.9, 97.7, 103.3, 105.6, 99.9,
        101.8, 96.4, 108.2, 100.1, 102.0, 98.0, 107.1,
    ];
    let b = [
        53.55, 49.3, 51.6, 50.95, 55.3, 49.7, 52.7, 52.05, 55.2, 54.35, 51.85, 53.75, 63.8, 53.2,
        56.6, 55.1, 52.45, 60.45, 54.95, 56.95,
    ];
    let found = check(&a, &b, 11).unwrap();
    assert!((found.low - 1.823).abs() < 0.01, "{found:?}");
    assert!((found.high - 1.9586).abs() < 0.01, "{found:?}");
}

#[test]
fn a_zero_divisor_is_undefined() {
    assert_eq!(ratio(Some(1.0), Some(0.0)), None);
    assert_eq!(ratio(Some(0.0), Some(0.0)), None);
    assert_eq!(ratio(None, Some(1.0)), None);
    assert_eq!(check(&[1.0, 2.0], &[0.0, 0.0], 1), None);
}

#[test]
fn one_invocation_in_either_arm_has_no_interval() {
    assert_eq!(check(&[1.0], &[1.0, 2.0], 1), None);
    assert_eq!(check(&[1.0, 2.0], &[1.0], 1), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(30))]

    /// Swapping the arms inverts the ratio; the ends agree up to the randomness of the draws.
    #[test]
    fn swapping_the_arms_inverts_the_ratio(
        a in prop::collection::vec(90.0..110.0f64, 8..20),
        b in prop::collection::vec(180.0..220.0f64, 8..20),
    ) {
        let forth = check(&a, &b, 5).unwrap();
        let back = check(&b, &a, 6).unwrap();
        prop_assert!((forth.low * back.high - 1.0).abs() < 0.05, "{forth:?} {back:?}");
        prop_assert!((forth.high * back.low - 1.0).abs() < 0.05, "{forth:?} {back:?}");
    }

    #[test]
    fn the_interval_contains_the_ratio(
        a in prop::collection::vec(1.0..1e6f64, 2..20),
        b in prop::collection::vec(1.0..1e6f64, 2..20),
        seed in any::<u64>()
    ) {
        use crate::quantile::median;
        let point = ratio(median(&a), median(&b)).unwrap();
        let found = check(&a, &b, seed).unwrap();
        prop_assert!(found.low <= point && point <= found.high, "{found:?} {point}");
    }

    /// Another unit for both arms leaves the ratio as it is.
    #[test]
    fn the_unit_cancels(
        a in prop::collection::vec(1.0..1e6f64, 2..20),
        b in prop::collection::vec(1.0..1e6f64, 2..20),
    ) {
        let scale = |values: &[f64]| values.iter().map(|v| v * 1024.0).collect::<Vec<_>>();
        prop_assert_eq!(check(&a, &b, 4), check(&scale(&a), &scale(&b), 4));
    }
}

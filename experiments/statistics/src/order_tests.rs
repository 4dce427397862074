//! Tests of the order-statistic intervals: golden values from elsewhere, and what must hold for any sample.

use super::*;
use proptest::prelude::*;

const SAMPLE: [f64; 20] = [
    102.5, 99.1, 110.7, 95.3, 101.2, 104.8, 98.6, 120.4, 100.9, 97.7, 103.3, 105.6, 99.9, 101.8,
    96.4, 108.2, 100.1, 102.0, 98.0, 107.1,
];

fn check(values: &[f64], low: f64, high: f64) {
    let found = median_interval(values).unwrap();
    assert!((found.low - low).abs() < 1e-9, "{found:?} is not {low} to {high}");
    assert!((found.high - high).abs() < 1e-9, "{found:?} is not {low} to {high}");
}

/// Hettmansperger & Sheather's formula computed with `scipy.stats.binom.cdf` (scipy 1.17.1, numpy 2.4.6).
#[test]
fn the_median_agrees_with_scipy() {
    check(&SAMPLE[..6], 96.65714285714286, 108.59285714285716);
    check(&SAMPLE[..7], 97.72, 106.37333333333333);
    check(&SAMPLE[..8], 98.38762376237624, 111.32425742574257);
    check(&SAMPLE[..10], 98.2918918918919, 106.81981981981981);
    check(&SAMPLE[..15], 98.7867530436725, 104.23974086898247);
    check(&SAMPLE, 99.28818737270875, 104.44714867617108);
    let counted: Vec<f64> = (1..=40).map(f64::from).collect();
    check(&counted, 14.410815633452568, 26.58918436654743);
    let counted: Vec<f64> = (1..=100).map(f64::from).collect();
    check(&counted, 40.76320061634009, 60.23679938365991);
}

/// `scipy.stats.quantile_test(x, q=1, p=q).confidence_interval(0.95)`, scipy 1.17.1.
#[test]
fn other_quantiles_agree_with_scipy() {
    let check = |values: &[f64], q: f64, expected: Option<(f64, f64)>| {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let found = quantile_interval(&sorted, q).map(|found| (found.low, found.high));
        assert_eq!(found, expected, "q = {q}");
    };
    let counted = |n: u32| (1..=n).map(f64::from).collect::<Vec<_>>();
    check(&SAMPLE, 0.5, Some((99.1, 104.8)));
    check(&SAMPLE, 0.25, Some((96.4, 101.2)));
    check(&SAMPLE, 0.8, Some((102.0, 120.4)));
    check(&counted(100), 0.9, Some((84.0, 96.0)));
    check(&counted(400), 0.99, Some((392.0, 400.0)));
    check(&counted(368), 0.99, Some((360.0, 368.0)));
    // scipy has no upper end here either.
    check(&counted(367), 0.99, None);
}

#[test]
fn too_few_values_have_no_interval() {
    assert_eq!(median_interval(&[]), None);
    assert_eq!(median_interval(&SAMPLE[..5]), None);
    assert!(median_interval(&SAMPLE[..6]).is_some());
    assert_eq!(median_interval(&[1.0, 2.0, f64::NAN, 4.0, 5.0, 6.0]), None);
    assert_eq!(quantile_interval(&[], 0.5), None);
    assert_eq!(quantile_interval(&[1.0, 2.0], 0.5), None);
    assert_eq!(quantile_interval(&SAMPLE, 1.0), None);
}

proptest! {
    #[test]
    fn the_interval_contains_the_median_and_lies_within_the_sample(
        values in prop::collection::vec(-1e9..1e9f64, 6..60)
    ) {
        let point = crate::quantile::median(&values).unwrap();
        let found = median_interval(&values).unwrap();
        prop_assert!(found.low <= point && point <= found.high, "{found:?} {point}");
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        prop_assert!(least <= found.low && found.high <= most);
    }

    #[test]
    fn order_and_sign_do_not_matter(values in prop::collection::vec(-1e9..1e9f64, 6..60)) {
        let found = median_interval(&values).unwrap();
        let turned: Vec<f64> = values.iter().rev().map(|value| -value).collect();
        let mirrored = median_interval(&turned).unwrap();
        prop_assert_eq!((found.low, found.high), (-mirrored.high, -mirrored.low));
    }

    /// A value that runs away moves an end no farther than to its neighbour: no outlier is deleted, and none rules.
    #[test]
    fn one_outlier_does_not_rule(values in prop::collection::vec(1.0..10.0f64, 9..60)) {
        let mut wild = values.clone();
        wild[0] = 1e300;
        let found = median_interval(&wild).unwrap();
        prop_assert!(found.high <= 10.0, "{found:?}");
    }
}

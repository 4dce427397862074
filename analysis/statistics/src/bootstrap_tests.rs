//! Tests of the bootstrap interval: golden values from elsewhere, and what must hold for any sample.

use super::*;
use crate::pooled::Pooled;
use hdrhistogram::Histogram;
use proptest::prelude::*;

fn interval_of(values: &[f64], seed: u64) -> Option<Interval> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    interval(Arm::Median(&sorted), &mut generator(seed, "test"))
}

/// All n^n resamples enumerated with Python's itertools.product and numpy 2.4.6; the ends are atoms of the
/// bootstrap distribution, so 2000 random resamples hit them exactly.
#[test]
fn agrees_with_full_enumeration() {
    for seed in 0..20 {
        let found = interval_of(&[10.0, 11.0, 13.0, 17.0, 29.0], seed).unwrap();
        assert_eq!(found, Interval { low: 10.0, high: 29.0 });
        let found = interval_of(&[3.0, 5.0, 8.0, 13.0, 21.0, 34.0, 55.0], seed).unwrap();
        assert_eq!(found, Interval { low: 5.0, high: 34.0 });
    }
}

/// scipy 1.17.1: `scipy.stats.bootstrap((x,), numpy.median, n_resamples=400000, method="percentile")`.
#[test]
fn agrees_with_scipy() {
    let sample = [
        102.5, 99.1, 110.7, 95.3, 101.2, 104.8, 98.6, 120.4, 100.9, 97.7, 103.3, 105.6, 99.9,
        101.8, 96.4, 108.2, 100.1, 102.0, 98.0, 107.1,
    ];
    let found = interval_of(&sample, 7).unwrap();
    assert!((found.low - 99.5).abs() < 0.3, "{found:?}");
    assert!((found.high - 104.05).abs() < 0.5, "{found:?}");
}

#[test]
fn one_invocation_has_no_interval() {
    assert_eq!(interval_of(&[], 1), None);
    assert_eq!(interval_of(&[5.0], 1), None);
    assert_eq!(interval_of(&[5.0, 5.0], 1), Some(Interval::exact(5.0)));
}

#[test]
fn the_label_and_the_seed_choose_the_stream() {
    let draw = |seed, label| {
        Arm::Median(&[1.0, 2.0, 4.0, 8.0, 16.0, 32.0]).resample(&mut generator(seed, label))
    };
    let first: Vec<_> = ["a", "b", "c", "d", "e", "f"].map(|label| draw(1, label)).to_vec();
    assert_eq!(first, ["a", "b", "c", "d", "e", "f"].map(|label| draw(1, label)).to_vec());
    assert!(first.iter().any(|value| *value != first[0]), "{first:?}");
}

#[test]
fn pooled_histograms_are_resampled_by_invocation() {
    let histogram = |value: u64| {
        let mut histogram = Histogram::<u64>::new(3).unwrap();
        histogram.record_n(value, 1000).unwrap();
        histogram
    };
    let all = [100, 110, 120, 130].map(histogram);
    let pooled = Pooled::new(&all.iter().collect::<Vec<_>>());
    let arm = Arm::Pooled(&pooled, 0.5);
    assert_eq!(arm.point(), Some(110.0));
    // A bootstrap over 4000 independent requests would be far narrower than one over 4 invocations.
    let found = interval(arm, &mut generator(1, "pooled")).unwrap();
    assert_eq!(found, Interval { low: 100.0, high: 130.0 });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn the_interval_contains_the_point_estimate(
        values in prop::collection::vec(1.0..1e9f64, 2..30), seed in any::<u64>()
    ) {
        let point = crate::quantile::median(&values).unwrap();
        let found = interval_of(&values, seed).unwrap();
        prop_assert!(found.low <= point && point <= found.high, "{found:?} {point}");
    }

    #[test]
    fn the_order_of_the_invocations_does_not_matter(
        mut values in prop::collection::vec(1.0..1e9f64, 2..30), seed in any::<u64>()
    ) {
        let before = interval_of(&values, seed);
        values.reverse();
        prop_assert_eq!(before, interval_of(&values, seed));
    }

    /// A power of two scales floating-point numbers exactly.
    #[test]
    fn another_unit_scales_the_interval(
        values in prop::collection::vec(1.0..1e9f64, 2..30), seed in any::<u64>()
    ) {
        let before = interval_of(&values, seed).unwrap();
        let scaled: Vec<f64> = values.iter().map(|v| v * 1024.0).collect();
        let after = interval_of(&scaled, seed).unwrap();
        prop_assert_eq!(after.low, before.low * 1024.0);
        prop_assert_eq!(after.high, before.high * 1024.0);
    }
}

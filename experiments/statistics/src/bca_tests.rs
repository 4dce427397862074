//! Tests of BCa: golden values from scipy, and where it differs from the percentile interval.

use super::*;
use crate::bootstrap::generator;
use crate::quantile::median;

const SAMPLE: [f64; 20] = [
    102.5, 99.1, 110.7, 95.3, 101.2, 104.8, 98.6, 120.4, 100.9, 97.7, 103.3, 105.6, 99.9, 101.8,
    96.4, 108.2, 100.1, 102.0, 98.0, 107.1,
];
const VERSUS: [f64; 20] = [
    53.55, 49.3, 51.6, 50.95, 55.3, 49.7, 52.7, 52.05, 55.2, 54.35, 51.85, 53.75, 63.8, 53.2, 56.6,
    55.1, 52.45, 60.45, 54.95, 56.95,
];
const SKEWED: [f64; 10] = [1.0, 1.2, 1.3, 1.5, 1.9, 2.2, 2.9, 4.1, 6.5, 12.0];

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

fn deviation(values: &[f64]) -> Option<f64> {
    let mean = mean(values)?;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    Some((squares / (values.len() as f64 - 1.0)).sqrt())
}

/// 2000 resamples against 200,000: the ends agree up to the randomness of the draws, `within`.
fn check(found: Option<Interval>, low: f64, high: f64, within: f64) {
    let found = found.unwrap();
    assert!((found.low - low).abs() < within, "{found:?} is not {low} to {high}");
    assert!((found.high - high).abs() < within, "{found:?} is not {low} to {high}");
}

/// `scipy.stats.bootstrap((x,), f, method="BCa", n_resamples=200000)`, scipy 1.17.1.
#[test]
fn agrees_with_scipy() {
    let of = |values: &[f64], statistic: fn(&[f64]) -> Option<f64>| {
        bca_interval(values, statistic, &mut generator(1, "bca"))
    };
    check(of(&SAMPLE, mean), 100.72, 105.895, 0.3);
    check(of(&SAMPLE, deviation), 3.688, 9.433, 0.35);
    check(of(&SAMPLE, median), 99.5, 104.05, 0.5);
    check(of(&SKEWED, mean), 2.03, 6.65, 0.3);
}

/// scipy's percentile interval of the skewed sample's mean is 1.77 to 5.73: the correction is what moves it.
#[test]
fn moves_the_percentiles_of_a_skewed_sample() {
    let found = bca_interval(&SKEWED, mean, &mut generator(2, "bca")).unwrap();
    assert!(found.low > 1.9 && found.high > 6.2, "{found:?}");
}

/// `scipy.stats.bootstrap((a, b), ratio_of_medians, method="BCa", n_resamples=200000)`, scipy 1.17.1.
#[test]
fn the_ratio_of_two_samples_agrees_with_scipy() {
    let sort = |values: &[f64]| {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        sorted
    };
    let (a, b) = (sort(&SAMPLE), sort(&VERSUS));
    let found = bca_ratio_interval(Arm(&a), Arm(&b), &mut generator(3, "bca"));
    check(found, 1.828, 1.9645, 0.012);
}

#[test]
fn the_undefined_has_no_interval() {
    let generator = &mut generator(1, "bca");
    assert_eq!(bca_interval(&[1.0], mean, generator), None);
    assert_eq!(bca_interval(&[1.0, 2.0], |_| None, generator), None);
    let zeros = [0.0, 0.0, 0.0];
    let ones = [1.0, 2.0, 3.0];
    assert_eq!(bca_ratio_interval(Arm(&ones), Arm(&zeros), generator), None);
    assert_eq!(bca_ratio_interval(Arm(&ones[..1]), Arm(&ones), generator), None);
    // Nothing varies: the interval has no width, and is not undefined.
    let same = [4.0; 8];
    assert_eq!(bca_interval(&same, mean, generator), Some(Interval::exact(4.0)));
}

//! Tests of the rank statistics: golden values from scipy, ties, and symmetry.

use super::*;
use proptest::prelude::*;

const A: [f64; 20] = [
    102.5, 99.1, 110.7, 95.3, 101.2, 104.8, 98.6, 120.4, 100.9, 97.7, 103.3, 105.6, 99.9, 101.8,
    96.4, 108.2, 100.1, 102.0, 98.0, 107.1,
];
const B: [f64; 20] = [
    53.55, 49.3, 51.6, 50.95, 55.3, 49.7, 52.7, 52.05, 55.2, 54.35, 51.85, 53.75, 63.8, 53.2, 56.6,
    55.1, 52.45, 60.45, 54.95, 56.95,
];

fn times(values: &[f64], factor: f64) -> Vec<f64> {
    values.iter().map(|value| value * factor).collect()
}

fn check(a: &[f64], b: &[f64], expected: f64) {
    let found = mann_whitney(a, b).unwrap();
    assert!((found - expected).abs() < 1e-9, "{found} is not {expected}");
}

/// `scipy.stats.mannwhitneyu(a, b, method="exact").pvalue`, scipy 1.17.1.
#[test]
fn small_samples_agree_with_scipys_exact_test() {
    check(&A[..6], &B[..6], 0.0021645021645021645);
    check(&A[..5], &times(&B[..7], 2.0), 0.5303030303030304);
    check(&A, &times(&B, 1.9), 0.9042080378734633);
    let shifted: Vec<f64> = A[8..16].iter().map(|value| value - 2.05).collect();
    check(&A[..8], &shifted, 0.32820512820512815);
}

/// `scipy.stats.permutation_test` of the sum of the middle ranks, over all arrangements.
#[test]
fn small_samples_with_ties_agree_with_all_their_arrangements() {
    let a = [1.0, 2.0, 2.0, 3.0, 5.0, 5.0, 5.0, 8.0];
    let b = [2.0, 3.0, 3.0, 5.0, 6.0, 7.0, 9.0, 9.0, 12.0];
    check(&a, &b, 0.1164952694364459);
    check(&[1.0, 1.0, 1.0, 2.0], &[1.0, 2.0, 2.0, 2.0, 3.0, 3.0], 0.1619047619047619);
    let a = [1.0, 2.0, 2.0, 3.0, 5.0, 5.0, 5.0, 8.0, 9.0, 9.0, 10.0];
    let b = [2.0, 3.0, 3.0, 5.0, 6.0, 7.0, 9.0, 11.0, 12.0, 12.0, 13.0, 14.0];
    check(&a, &b, 0.1050013386801649);
    assert!((a12(&a, &b).unwrap() - 0.29924242424242425).abs() < 1e-12);
}

/// With ties and samples of different sizes the distribution is not symmetric: twice the smaller tail
/// (first golden value, and `scipy.stats.permutation_test` over all 3003 and 6435 arrangements) is not
/// the share of the arrangements that are as far from the mean on either side (second). Requests per
/// second of a published run; METHODOLOGY.md says which it is.
#[test]
fn the_smaller_tail_is_doubled_where_the_tails_differ() {
    let check_other = |a: &[f64], b: &[f64], doubled: f64, both_sides: f64| {
        check(a, b, doubled);
        check(b, a, doubled);
        assert!((mann_whitney(a, b).unwrap() - both_sides).abs() > 1e-4);
    };
    check_other(
        &[87.5, 87.5, 80.0, 87.5, 90.0, 85.0],
        &[75.0, 87.5, 85.0, 85.0, 85.0, 82.5, 87.5, 85.0],
        0.19913419913419914,
        0.1988011988011988,
    );
    check_other(
        &[70.0, 87.5, 87.5, 87.5, 87.5, 85.0],
        &[87.5, 85.0, 85.0, 87.5, 77.5, 80.0, 82.5, 90.0],
        0.642024642024642,
        0.6267066267066267,
    );
    check_other(
        &[125.0, 117.5, 122.5, 120.0, 132.5, 115.0, 122.5],
        &[130.0, 107.5, 115.0, 105.0, 112.5, 132.5, 130.0, 130.0],
        0.7508935508935509,
        0.7533799533799533,
    );
}

/// Memory comes in pages: two samples of 8, equal values within each and one wholly above the other, are as unlikely as
/// without ties. The approximation says 0.00066, and a correction for a hundred comparisons makes that undecided.
#[test]
fn ties_within_the_samples_cost_nothing() {
    let native =
        [2093056.0, 2097152.0, 2093056.0, 2097152.0, 2093056.0, 2097152.0, 2097152.0, 2097152.0];
    let host =
        [5836800.0, 5836800.0, 5840896.0, 5820416.0, 5840896.0, 5840896.0, 5836800.0, 5836800.0];
    check(&native, &host, 2.0 / 12_870.0);
}

/// `scipy.stats.mannwhitneyu(a, b, method="asymptotic").pvalue`: more than 20 values, without and with ties.
#[test]
fn large_samples_agree_with_scipys_approximation() {
    let a: Vec<f64> = (0..25).map(f64::from).collect();
    let b: Vec<f64> = (0..30).map(|i| f64::from(i) + 5.5).collect();
    check(&a, &b, 0.001817006281075084);
    let tied: Vec<f64> = (0..30).map(|i| f64::from(i / 2 * 2) + 5.0).collect();
    check(&a, &tied, 0.005388915988096582);
}

#[test]
fn nothing_to_tell_apart() {
    assert_eq!(mann_whitney(&[3.0; 8], &[3.0; 9]), Some(1.0));
    assert_eq!(a12(&[3.0; 8], &[3.0; 9]), Some(0.5));
    assert_eq!(mann_whitney(&[], &[1.0]), None);
    assert_eq!(mann_whitney(&[f64::NAN], &[1.0]), None);
    assert_eq!(a12(&[1.0], &[]), None);
    assert_eq!(mann_whitney(&[1.0], &[2.0]), Some(1.0));
}

/// 2 / C(12, 6) = 2 / 924, 2 / C(16, 8) = 2 / 12870.
#[test]
fn small_samples_bound_the_p_value() {
    for (a, b, ways) in [(6, 6, 924.0), (8, 8, 12_870.0), (3, 5, 56.0)] {
        assert!((least_p(a, b) - 2.0 / ways).abs() < 1e-15, "{a} {b}");
    }
    assert!((mann_whitney(&A[..6], &B[..6]).unwrap() - least_p(6, 6)).abs() < 1e-15);
    assert_eq!(least_p(1, 1), 1.0);
    assert_eq!(least_p(0, 5), 1.0);
}

/// Vargha & Delaney's bounds: all above, all below.
#[test]
fn one_always_beats_the_other() {
    assert_eq!(a12(&A, &B), Some(1.0));
    assert_eq!(a12(&B, &A), Some(0.0));
}

proptest! {
    #[test]
    fn swapping_the_samples_mirrors(
        a in prop::collection::vec(0u8..20, 1..30), b in prop::collection::vec(0u8..20, 1..30)
    ) {
        let [a, b] = [a, b].map(|values| values.into_iter().map(f64::from).collect::<Vec<_>>());
        prop_assert!((a12(&a, &b).unwrap() + a12(&b, &a).unwrap() - 1.0).abs() < 1e-12);
        let (forth, back) = (mann_whitney(&a, &b).unwrap(), mann_whitney(&b, &a).unwrap());
        prop_assert!((forth - back).abs() < 1e-12 && (0.0..=1.0).contains(&forth));
    }

    /// Ranks know no unit.
    #[test]
    fn the_unit_changes_nothing(
        a in prop::collection::vec(1.0..1e6f64, 1..25), b in prop::collection::vec(1.0..1e6f64, 1..25)
    ) {
        let scale = |values: &[f64]| values.iter().map(|value| value * 2.0).collect::<Vec<_>>();
        prop_assert_eq!(mann_whitney(&a, &b), mann_whitney(&scale(&a), &scale(&b)));
        prop_assert_eq!(a12(&a, &b), a12(&scale(&a), &scale(&b)));
    }
}

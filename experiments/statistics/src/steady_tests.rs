//! Tests of the classification, on series whose changes are known.

use super::*;
use crate::bootstrap::generator;
use proptest::prelude::*;
use rand::RngExt;
use statrs::distribution::{ContinuousCDF, Normal};

/// Noise round `level(i)`, with a deviation of `spread`, and every 37th iteration disturbed if asked for.
fn series(
    n: usize,
    spread: f64,
    seed: u64,
    disturbed: bool,
    level: impl Fn(usize) -> f64,
) -> Vec<f64> {
    let mut generator = generator(seed, "steady");
    let normal = Normal::standard();
    let value = |i: usize| {
        let noise = normal.inverse_cdf(generator.random_range(1e-6..1.0 - 1e-6));
        let spike = if disturbed && i % 37 == 36 { 8.0 } else { 1.0 };
        level(i) * (1.0 + spread * noise) * spike
    };
    (0..n).map(value).collect()
}

/// The start of the steady state may be off by a few iterations of noise.
fn check(n: usize, level: impl Fn(usize) -> f64 + Copy, expected: Steady) {
    for seed in 0..20 {
        for disturbed in [false, true] {
            let found = steady_state(&series(n, 0.03, seed, disturbed, level));
            let alike = std::mem::discriminant(&found) == std::mem::discriminant(&expected);
            let off = found.steady_from().zip(expected.steady_from());
            let near = off.is_none_or(|(found, expected)| found.abs_diff(expected) <= 3);
            assert!(alike && near, "seed {seed}, {disturbed}: {found:?} is not {expected:?}");
        }
    }
}

#[test]
fn noise_alone_is_flat() {
    for n in [50, 200, 1000] {
        check(n, |_| 100.0, Steady::Flat);
    }
}

#[test]
fn a_step_down_is_a_warm_up() {
    check(500, |i| if i < 120 { 150.0 } else { 100.0 }, Steady::WarmUp { steady_from: 120 });
    let stairs = |i: usize| [300.0, 180.0, 120.0, 100.0][(i / 40).min(3)];
    check(600, stairs, Steady::WarmUp { steady_from: 120 });
}

#[test]
fn one_slow_first_request_is_a_warm_up_too() {
    check(300, |i| if i == 0 { 900.0 } else { 100.0 }, Steady::WarmUp { steady_from: 1 });
}

#[test]
fn a_step_up_is_a_slow_down() {
    check(500, |i| if i < 200 { 100.0 } else { 130.0 }, Steady::SlowDown { steady_from: 200 });
    // Fast, slow, and in between: it ends slower than it has been.
    let hump = |i| {
        if i < 100 {
            100.0
        } else if i < 250 {
            160.0
        } else {
            130.0
        }
    };
    check(500, hump, Steady::SlowDown { steady_from: 250 });
}

#[test]
fn a_drift_without_end_has_no_steady_state() {
    check(500, |i| 100.0 + i as f64 * 0.5, Steady::NoSteadyState);
    check(500, |i| 400.0 - i as f64 * 0.5, Steady::NoSteadyState);
}

#[test]
fn a_change_right_at_the_end_has_no_steady_state() {
    check(500, |i| if i < 440 { 100.0 } else { 150.0 }, Steady::NoSteadyState);
    check(500, |i| if i < 485 { 150.0 } else { 100.0 }, Steady::NoSteadyState);
    // The boundary itself: the last fifth begins at 400.
    check(500, |i| if i < 390 { 150.0 } else { 100.0 }, Steady::WarmUp { steady_from: 390 });
}

#[test]
fn an_excursion_that_ends_where_it_began_leaves_its_mark() {
    let there_and_back = |i| if (100..200).contains(&i) { 200.0 } else { 100.0 };
    check(600, there_and_back, Steady::WarmUp { steady_from: 200 });
}

#[test]
fn too_little_cannot_be_classified() {
    assert_eq!(steady_state(&[]), Steady::NoSteadyState);
    assert_eq!(steady_state(&[1.0; 49]), Steady::NoSteadyState);
    assert_eq!(steady_state(&[1.0; 50]), Steady::Flat);
    let mut broken = [1.0; 60];
    broken[30] = f64::NAN;
    assert_eq!(steady_state(&broken), Steady::NoSteadyState);
}

/// Every way of cutting a short series, by brute force.
fn least_cost(series: &[f64], penalty: f64) -> f64 {
    let n = series.len();
    let cost = |from: usize, to: usize| {
        let mean = series[from..to].iter().sum::<f64>() / (to - from) as f64;
        series[from..to].iter().map(|value| (value - mean).powi(2)).sum::<f64>()
    };
    let mut best = vec![0.0; n + 1];
    for end in 1..=n {
        best[end] = (0..end)
            .map(|start| best[start] + cost(start, end) + penalty)
            .fold(f64::INFINITY, f64::min);
    }
    best[n]
}

proptest! {
    /// The trick with the doubled values finds what a search of all places finds.
    #[test]
    fn the_changepoints_are_the_best_ones(
        series in prop::collection::vec(0.0..100.0f64, 2..40), penalty in 1.0..5000.0f64
    ) {
        let ends = changepoints(&series, penalty).unwrap();
        prop_assert_eq!(ends.last(), Some(&series.len()));
        let mut start = 0;
        let mut total = 0.0;
        for end in ends {
            let mean = series[start..end].iter().sum::<f64>() / (end - start) as f64;
            total += series[start..end].iter().map(|v| (v - mean).powi(2)).sum::<f64>() + penalty;
            start = end;
        }
        let least = least_cost(&series, penalty);
        prop_assert!((total - least).abs() <= 1e-6 * least.max(1.0), "{total} is not {least}");
    }

    #[test]
    fn the_unit_does_not_matter(level in 1u32..4, seed in 0u64..50) {
        let step = |i: usize| if i < 100 { 100.0 * f64::from(level) } else { 100.0 };
        let plain = series(400, 0.03, seed, true, step);
        let scaled: Vec<f64> = plain.iter().map(|value| value * 1024.0).collect();
        prop_assert_eq!(steady_state(&plain), steady_state(&scaled));
    }
}

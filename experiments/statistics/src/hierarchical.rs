//! The bootstrap over two levels, invocations and the iterations within them.

use crate::bootstrap::{Interval, RESAMPLES_COUNT, middle};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// The 95 % percentile interval of a statistic over invocations of a statistic over iterations, resampled top down:
/// first the invocations with replacement, then, within each that was drawn, its iterations with replacement
/// (Kalibera & Jones 2013, "Rigorous benchmarking in reasonable time", ISMM, section 9; Davison & Hinkley 1997, section
/// 3.8). What varies from one invocation to the next is so never mistaken for what varies from one iteration to the
/// next, of which there are many more.
///
/// `within` reduces one invocation's iterations, `across` the results of all invocations. `None` with fewer than two
/// invocations, or where a statistic is undefined (an invocation without iterations).
#[must_use]
pub fn hierarchical_interval(
    invocations: &[&[f64]],
    within: impl Fn(&[f64]) -> Option<f64>,
    across: impl Fn(&[f64]) -> Option<f64>,
    generator: &mut ChaCha8Rng,
) -> Option<Interval> {
    if invocations.len() < 2 || invocations.iter().any(|iterations| iterations.is_empty()) {
        return None;
    }
    let one = |generator: &mut ChaCha8Rng| {
        let iterations = invocations[generator.random_range(0..invocations.len())];
        let count = iterations.len();
        let drawn: Vec<f64> =
            (0..count).map(|_| iterations[generator.random_range(0..count)]).collect();
        within(&drawn)
    };
    let all = |generator: &mut ChaCha8Rng| {
        let drawn: Option<Vec<f64>> = invocations.iter().map(|_| one(generator)).collect();
        across(&drawn?)
    };
    middle((0..RESAMPLES_COUNT).map(|_| all(generator)).collect::<Option<Vec<_>>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bootstrap::generator;
    use crate::quantile::median;

    fn mean(values: &[f64]) -> Option<f64> {
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    }

    const RUNS: [[f64; 5]; 6] = [
        [10.1, 10.4, 9.8, 10.0, 10.9],
        [11.2, 11.0, 11.5, 11.1, 12.3],
        [9.4, 9.6, 9.1, 9.9, 9.5],
        [10.6, 10.2, 10.8, 10.7, 10.3],
        [12.1, 12.4, 11.8, 12.0, 12.2],
        [9.9, 10.3, 9.7, 10.1, 10.0],
    ];

    fn check(
        within: fn(&[f64]) -> Option<f64>,
        across: fn(&[f64]) -> Option<f64>,
        golden: (f64, f64),
    ) {
        let runs: Vec<&[f64]> = RUNS.iter().map(<[f64; 5]>::as_slice).collect();
        let found = hierarchical_interval(&runs, within, across, &mut generator(3, "h")).unwrap();
        assert!((found.low - golden.0).abs() < 0.06, "{found:?} is not {golden:?}");
        assert!((found.high - golden.1).abs() < 0.06, "{found:?} is not {golden:?}");
    }

    /// numpy 2.4.6, the same scheme with 400,000 resamples.
    #[test]
    fn agrees_with_numpy() {
        check(mean, mean, (9.96, 11.3667));
        check(median, median, (9.8, 11.6));
    }

    /// The other level alone would say far less: 30 iterations are not 30 invocations.
    #[test]
    fn invocations_set_the_width() {
        let runs: Vec<&[f64]> = RUNS.iter().map(<[f64; 5]>::as_slice).collect();
        let found = hierarchical_interval(&runs, mean, mean, &mut generator(3, "h")).unwrap();
        let flat: Vec<f64> = RUNS.iter().flatten().copied().collect();
        let pooled = crate::bca::bca_interval(&flat, mean, &mut generator(3, "f")).unwrap();
        assert!(found.high - found.low > 1.5 * (pooled.high - pooled.low), "{found:?} {pooled:?}");
    }

    #[test]
    fn too_little_has_no_interval() {
        let generator = &mut generator(1, "h");
        assert_eq!(hierarchical_interval(&[], mean, mean, generator), None);
        assert_eq!(hierarchical_interval(&[&[1.0, 2.0]], mean, mean, generator), None);
        assert_eq!(hierarchical_interval(&[&[1.0], &[]], mean, mean, generator), None);
    }
}

//! Quantiles of a sample.

/// The quantile of `sorted` (ascending) at `q` in 0..=1, with linear interpolation between the two nearest
/// order statistics: definition 7 of Hyndman & Fan (1996), the default of R and of numpy.
/// `None` for an empty sample.
#[must_use]
pub fn quantile_sorted(sorted: &[f64], q: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let position = q.clamp(0.0, 1.0) * last as f64;
    let below = position.floor() as usize;
    let low = *sorted.get(below)?;
    let high = *sorted.get((below + 1).min(last))?;
    Some(low + (high - low) * (position - below as f64))
}

/// The median of `values`, in any order; `None` when there are none.
#[must_use]
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    quantile_sorted(&sorted, 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Computed with numpy 2.4.6: `numpy.quantile([1, 2, 4, 8, 16, 32, 65], q)`.
    #[test]
    fn agrees_with_numpy() {
        let sample = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 65.0];
        let golden = [
            (0.0, 1.0),
            (0.025, 1.15),
            (0.25, 3.0),
            (0.5, 8.0),
            (0.9, 45.2),
            (0.975, 60.05),
            (1.0, 65.0),
        ];
        for (q, expected) in golden {
            let found = quantile_sorted(&sample, q).unwrap();
            assert!((found - expected).abs() < 1e-9, "q = {q}: {found} is not {expected}");
        }
    }

    #[test]
    fn nothing_has_no_quantile() {
        assert_eq!(quantile_sorted(&[], 0.5), None);
        assert_eq!(median(&[]), None);
    }

    proptest! {
        #[test]
        fn the_order_of_the_sample_does_not_matter(
            mut values in prop::collection::vec(-1e9..1e9f64, 1..40), turn in 0usize..40
        ) {
            let before = median(&values);
            let turn = turn % values.len();
            values.rotate_left(turn);
            values.reverse();
            prop_assert_eq!(before, median(&values));
        }

        #[test]
        fn a_quantile_lies_within_the_sample(
            values in prop::collection::vec(-1e9..1e9f64, 1..40), q in 0.0..=1.0f64
        ) {
            let mut sorted = values;
            sorted.sort_by(f64::total_cmp);
            let found = quantile_sorted(&sorted, q).unwrap();
            prop_assert!(sorted[0] <= found && found <= sorted[sorted.len() - 1]);
        }
    }
}

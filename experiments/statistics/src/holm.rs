//! Several comparisons at once: the more of them, the likelier one stands out by chance alone.

/// Holm's step-down correction over one family (Holm 1979, "A simple sequentially rejective multiple test
/// procedure", Scandinavian Journal of Statistics 6, 65-70): the adjusted values, in the order of `p_values`. Where
/// one is at most 0.05 its comparison stands, with at most 5 % chance of even one false finding in the
/// family, however the comparisons depend on each other.
#[must_use]
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));
    let mut adjusted = vec![0.0; p_values.len()];
    let mut largest: f64 = 0.0;
    for (rank, &index) in order.iter().enumerate() {
        let factor = (p_values.len() - rank) as f64;
        // A later one is never adjusted to less than an earlier one.
        largest = largest.max((p_values[index] * factor).min(1.0));
        adjusted[index] = largest;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(p_values: &[f64], expected: &[f64]) {
        for (found, expected) in holm(p_values).iter().zip(expected) {
            assert!((found - expected).abs() < 1e-12, "{found} is not {expected}");
        }
    }

    /// Worked by hand from Holm's paper; R's `p.adjust(p, "holm")` gives the same.
    #[test]
    fn agrees_with_the_published_procedure() {
        check(&[0.01, 0.04, 0.03, 0.005], &[0.03, 0.06, 0.06, 0.02]);
        check(&[0.01, 0.02, 0.03, 0.04, 0.05], &[0.05, 0.08, 0.09, 0.09, 0.09]);
        check(&[0.9, 0.6], &[1.0, 1.0]);
        check(&[0.2], &[0.2]);
        assert!(holm(&[]).is_empty());
    }

    proptest! {
        #[test]
        fn lies_between_none_and_bonferroni(p in prop::collection::vec(0.0..=1.0f64, 1..20)) {
            let count = p.len() as f64;
            for (raw, adjusted) in p.iter().zip(holm(&p)) {
                prop_assert!(*raw <= adjusted && adjusted <= (raw * count).min(1.0) || adjusted <= 1.0);
                prop_assert!(*raw <= adjusted && adjusted <= 1.0);
            }
        }

        #[test]
        fn keeps_the_order(p in prop::collection::vec(0.0..=1.0f64, 2..20)) {
            let adjusted = holm(&p);
            for i in 1..p.len() {
                prop_assert!((p[0] <= p[i]) <= (adjusted[0] <= adjusted[i]));
            }
        }
    }
}

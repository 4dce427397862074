//! Tests of the generator's streams and of the middle of resampled statistics.

use super::*;
use crate::arm::{Arm, Statistic};

fn resample(seed: u64, label: &str) -> Option<f64> {
    Arm(&[1.0, 2.0, 4.0, 8.0, 16.0, 32.0]).resample(&mut generator(seed, label))
}

#[test]
fn the_label_and_the_seed_choose_the_stream() {
    let labels = ["a", "b", "c", "d", "e", "f"];
    let first = labels.map(|label| resample(1, label));
    assert_eq!(first, labels.map(|label| resample(1, label)));
    assert!(first.iter().any(|value| *value != first[0]), "{first:?}");
    assert_ne!(first, labels.map(|label| resample(2, label)));
}

/// All n^n resamples enumerated with Python's itertools.product and numpy 2.4.6; the ends are atoms of the
/// bootstrap distribution, so 2000 random resamples hit them exactly.
#[test]
fn the_middle_agrees_with_full_enumeration() {
    for seed in 0..20 {
        let generator = &mut generator(seed, "test");
        let mut middle_of = |sorted: &[f64]| {
            let medians = (0..RESAMPLES_COUNT).map(|_| Arm(sorted).resample(generator));
            middle(medians.collect::<Option<_>>().unwrap()).unwrap()
        };
        let found = middle_of(&[10.0, 11.0, 13.0, 17.0, 29.0]);
        assert_eq!(found, Interval { low: 10.0, high: 29.0 });
        let found = middle_of(&[3.0, 5.0, 8.0, 13.0, 21.0, 34.0, 55.0]);
        assert_eq!(found, Interval { low: 5.0, high: 34.0 });
    }
}

//! Is the overhead the same on both instruction sets? The ratio of a subject to its baseline on one architecture,
//! divided by the same ratio on another: 1 when there is no interaction of subject and architecture.

use crate::compare::Comparison;
use crate::load::Run;
use crate::load::question::CellKey;
use crate::summarise::samples::Samples;
use std::collections::BTreeMap;
use weighbridge_schema::name::SubjectName;
use weighbridge_schema::quantity::Quantity;
use weighbridge_statistics::arm::Arm;
use weighbridge_statistics::bootstrap::{Interval, generator};
use weighbridge_statistics::order::LEAST_VALUES_COUNT;
use weighbridge_statistics::quantile::median;
use weighbridge_statistics::ratio::{ratio, ratio_interval};

/// A ratio of ratios.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interaction {
    /// (subject / baseline) on the other architecture / (subject / baseline) on the first.
    pub ratio: f64,
    /// Its 95 % interval; without width where all four numbers are exact, `None` with fewer than 6 blocks on either
    /// architecture.
    pub interval: Option<Interval>,
}

/// The interactions of all comparisons on another architecture than the local one.
#[must_use]
pub fn interactions(
    samples: &Samples,
    comparisons: &[Comparison],
    run: &Run,
    seed: u64,
) -> BTreeMap<(CellKey, Quantity), Interaction> {
    let local = run.manifest.fingerprint.architecture.as_str();
    let foreign = comparisons.iter().filter(|c| c.key.cell.architecture != local);
    foreign
        .filter_map(|c| {
            let found = interaction(samples, &c.key, local, &c.versus, c.quantity, seed)?;
            Some(((c.key.clone(), c.quantity), found))
        })
        .collect()
}

/// The interaction of one quantity: `key` is the subject's cell on the other architecture, `first` the name of the one
/// that it is divided by. Blocks of different architectures are of different machines and are not paired: both
/// architectures' ratios are resampled independently.
///
/// `None` when one of the four cells was not measured, or a ratio is undefined.
#[must_use]
pub fn interaction(
    samples: &Samples,
    key: &CellKey,
    first: &str,
    baseline: &SubjectName,
    quantity: Quantity,
    seed: u64,
) -> Option<Interaction> {
    let beside = key.with_architecture(first);
    let of = |key: &CellKey| ratios(samples, key, baseline, quantity);
    let ((other, other_is_exact), (first, first_is_exact)) = (of(key)?, of(&beside)?);
    let found = ratio(median(&other), median(&first))?;
    let enough = other.len().min(first.len()) >= LEAST_VALUES_COUNT;
    let interval = if other_is_exact && first_is_exact {
        Some(Interval::exact(found))
    } else if enough {
        let label = format!("{key} {} by architecture", quantity.key());
        ratio_interval(Arm(&other), Arm(&first), &mut generator(seed, &label))
    } else {
        None
    };
    Some(Interaction { ratio: found, interval })
}

/// Subject / baseline within each block, ascending; of exact quantities the one ratio, and that it is exact.
fn ratios(
    samples: &Samples,
    key: &CellKey,
    baseline: &SubjectName,
    quantity: Quantity,
) -> Option<(Vec<f64>, bool)> {
    let other = key.with_subject(baseline);
    let exact = samples.exact_value(key, quantity).zip(samples.exact_value(&other, quantity));
    if let Some((a, b)) = exact {
        return Some((vec![ratio(Some(a), Some(b))?], true));
    }
    let pairs = samples.pairs(key, &other, quantity);
    let mut ratios: Vec<f64> =
        pairs.into_iter().map(|(a, b)| ratio(Some(a), Some(b))).collect::<Option<_>>()?;
    ratios.sort_by(f64::total_cmp);
    (!ratios.is_empty()).then_some((ratios, false))
}

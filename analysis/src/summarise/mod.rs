//! Second station: raw readings become samples per cell, and samples become summaries.

pub mod marginal;
pub mod missing;
pub mod samples;
pub mod steady;
pub mod validity;

use crate::load::question::CellKey;
use crate::quantity::Quantity;
use samples::Samples;
use weighbridge_statistics::arm::Arm;
use weighbridge_statistics::bootstrap::{Interval, generator, interval};
use weighbridge_statistics::order::median_interval;

/// The statistics of one quantity of one cell.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// The cell.
    pub key: CellKey,
    /// The quantity.
    pub quantity: Quantity,
    /// Invocations that showed it.
    pub n: usize,
    /// Invocations of the cell that failed.
    pub n_failed: usize,
    /// Requests, where the quantity is a quantile over requests.
    pub samples_count: Option<u64>,
    /// Median over invocations, or quantile over all requests, in the quantity's unit.
    pub point: f64,
    /// Its 95 % interval: of a median by order statistics, `None` with fewer than 6 invocations; of a quantile over
    /// requests by a bootstrap over invocations, `None` with fewer than 2. Without width where the quantity is exact.
    pub interval: Option<Interval>,
}

impl Summary {
    /// `true` when nothing was estimated: all readings of an exact quantity agree.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.quantity.is_exact() && self.interval == Some(Interval::exact(self.point))
    }
}

/// Every quantity that every cell showed.
#[must_use]
pub fn summarise(samples: &Samples, seed: u64) -> Vec<Summary> {
    samples.keys().filter_map(|(key, quantity)| one(samples, key, quantity, seed)).collect()
}

fn one(samples: &Samples, key: &CellKey, quantity: Quantity, seed: u64) -> Option<Summary> {
    let arm = samples.arm(key, quantity)?;
    let mut generator = generator(seed, &format!("{key} {}", quantity.key()));
    let interval = match samples.exact_value(key, quantity) {
        Some(value) => Some(Interval::exact(value)),
        None => match arm {
            Arm::Median(values) => median_interval(values),
            Arm::Pooled(..) => interval(arm, &mut generator),
        },
    };
    Some(Summary {
        key: key.clone(),
        quantity,
        n: arm.n(),
        n_failed: samples.failed_count(key),
        samples_count: samples.samples_count(key, quantity),
        point: arm.point()?,
        interval,
    })
}

//! Second station: raw readings become samples per cell, and samples become summaries.

pub(crate) mod density;
pub(crate) mod growth;
pub mod marginal;
pub mod missing;
pub(crate) mod neighbour;
pub mod samples;
pub mod steady;
pub mod validity;

use crate::load::question::CellKey;
use samples::Samples;
use weighbridge_schema::quantity::Quantity;
use weighbridge_statistics::bootstrap::Interval;
use weighbridge_statistics::order::median_interval;
use weighbridge_statistics::quantile::quantile_sorted;

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
    /// Median over invocations, in the quantity's unit: of a quantile over requests, the median of each invocation's
    /// quantile.
    pub point: f64,
    /// Its 95 % interval by order statistics; `None` with fewer than 6 invocations. Without width where the quantity is
    /// exact.
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
pub fn summarise(samples: &Samples) -> Vec<Summary> {
    samples.keys().filter_map(|(key, quantity)| summarise_cell(samples, key, quantity)).collect()
}

fn summarise_cell(samples: &Samples, key: &CellKey, quantity: Quantity) -> Option<Summary> {
    let values = samples.values(key, quantity)?;
    let exact = samples.exact_value(key, quantity).map(Interval::exact);
    Some(Summary {
        key: key.clone(),
        quantity,
        n: values.len(),
        n_failed: samples.failed_count(key),
        samples_count: samples.samples_count(key, quantity),
        point: quantile_sorted(values, 0.5)?,
        interval: exact.or_else(|| median_interval(values)),
    })
}

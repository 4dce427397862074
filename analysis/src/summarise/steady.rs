//! The pace of fresh instances: from which request on, if ever, it is steady, and what it then is.

use crate::load::Run;
use crate::load::frame::is_emulated;
use crate::load::question::CellKey;
use crate::summarise::samples::{Grouped, Numbers};
use std::collections::BTreeMap;
use weighbridge_schema::quantity::Quantity;
use weighbridge_statistics::quantile::median;
use weighbridge_statistics::steady::{Steady, steady_state};

/// The pace of one invocation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// Number of the invocation.
    pub invocation: u32,
    /// How it developed.
    pub steady: Steady,
    /// Median duration of the steady iterations, nanoseconds; `None` without a steady state.
    pub median_ns: Option<f64>,
}

/// Paces by cell, in the order of the invocations.
pub type Paces = BTreeMap<CellKey, Vec<Pace>>;

/// Classifies every series that counts. An emulator's never does.
#[must_use]
pub fn paces(run: &Run) -> Paces {
    let mut paces = Paces::new();
    for (index, observation) in run.counted() {
        let Some(durations) = run.series.get(&index) else { continue };
        if is_emulated(run, observation) {
            continue;
        }
        let steady = steady_state(durations);
        let median_ns = steady.steady_from().and_then(|from| median(durations.get(from..)?));
        let pace = Pace { invocation: observation.trial.invocation, steady, median_ns };
        paces.entry(CellKey::of(&observation.trial)).or_default().push(pace);
    }
    for of_cell in paces.values_mut() {
        of_cell.sort_by_key(|pace| pace.invocation);
    }
    paces
}

/// The steady medians as one number per invocation.
pub(crate) fn derive(paces: &Paces) -> Grouped {
    let medians = |paces: &[Pace]| -> BTreeMap<u32, f64> {
        paces.iter().filter_map(|pace| Some((pace.invocation, pace.median_ns?))).collect()
    };
    paces
        .iter()
        .map(|(key, paces)| (key, medians(paces)))
        .filter(|(_, medians)| !medians.is_empty())
        .map(|(key, medians)| ((key.clone(), Quantity::SteadyLatency), Numbers::new(medians)))
        .collect()
}

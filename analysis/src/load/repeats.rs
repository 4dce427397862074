//! Which visit a trial counts by. A trial that other work on the machine disturbed is visited again; every visit
//! stays in the raw log, and one of them counts.

use std::collections::BTreeMap;
use weighbridge_schema::plan::Trial;
use weighbridge_schema::record::{Observation, Outcome};

/// How many visits were disturbed, and what was done about it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Disturbances {
    /// Visits that other work on the machine disturbed.
    pub disturbed_count: usize,
    /// Visits beyond the planned one.
    pub repeated_count: usize,
    /// Trials that count although every measured visit was disturbed.
    pub unrelieved_count: usize,
}

/// For each observation, in the order of the log, whether it is the one that its trial counts by: of those that were
/// measured the last undisturbed one, or the last where all were disturbed. The rule looks at the machine and never at
/// the result. A failure is never a sample, and not passed over: `true` as well, unless its trial was measured later:
/// the runner visits what failed for the machine's sake again when a run is resumed.
#[must_use]
pub fn counted(observations: &[Observation]) -> Vec<bool> {
    let mut chosen: BTreeMap<&Trial, usize> = BTreeMap::new();
    let mut measured_last: BTreeMap<&Trial, u32> = BTreeMap::new();
    for (index, observation) in observations.iter().enumerate() {
        if observation.outcome != Outcome::Ok {
            continue;
        }
        let last = measured_last.entry(&observation.trial).or_default();
        *last = observation.repeat.max(*last);
        let best = chosen.entry(&observation.trial).or_insert(index);
        let rank = |index: usize| {
            let observation = &observations[index];
            (observation.disturbed.is_empty(), observation.repeat)
        };
        if rank(index) > rank(*best) {
            *best = index;
        }
    }
    let is_chosen = |index: usize, observation: &Observation| match &observation.outcome {
        Outcome::Ok => chosen.get(&observation.trial) == Some(&index),
        Outcome::Failed { .. } => {
            measured_last.get(&observation.trial).is_none_or(|&last| last < observation.repeat)
        }
    };
    observations.iter().enumerate().map(|(index, o)| is_chosen(index, o)).collect()
}

/// Counts what happened; `counted` is what [`counted`] gave.
#[must_use]
pub fn disturbances(observations: &[Observation], counted: &[bool]) -> Disturbances {
    let count = |wanted: &dyn Fn(&Observation, bool) -> bool| {
        observations.iter().zip(counted).filter(|(o, counts)| wanted(o, **counts)).count()
    };
    Disturbances {
        disturbed_count: count(&|o, _| !o.disturbed.is_empty()),
        repeated_count: count(&|o, _| o.repeat > 0),
        unrelieved_count: count(&|o, counts| {
            counts && o.outcome == Outcome::Ok && !o.disturbed.is_empty()
        }),
    }
}

/// What the reader should know of it; nothing where nothing was disturbed.
#[must_use]
pub fn note(found: Disturbances) -> Option<String> {
    let Disturbances { disturbed_count, repeated_count, unrelieved_count } = found;
    if disturbed_count == 0 && repeated_count == 0 {
        return None;
    }
    Some(format!(
        "other work on the machine disturbed {disturbed_count} visits, and {repeated_count} were made again; of \
         each trial the last undisturbed visit counts; {unrelieved_count} trials count although all of their \
         visits were disturbed"
    ))
}

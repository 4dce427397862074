//! Equal things compared: a subject beside its twin, within the run itself. What seems to differ between them is noise,
//! and a difference between other subjects that is no larger decides nothing.

use crate::compare::{self, Comparison};
use crate::load::question::{CellKey, Question};
use crate::summarise::Summary;
use crate::summarise::samples::Samples;
use std::collections::BTreeMap;
use weighbridge_schema::calibration::Calibration;
use weighbridge_schema::metric::Direction;
use weighbridge_schema::name::{ExperimentName, WorkloadName};
use weighbridge_schema::quantity::Quantity;

/// Fewest comparisons of equal things that a floor is taken from. With fewer under a workload those of all workloads
/// of the experiment are taken together.
const LEAST_COMPARISONS_COUNT: usize = 5;

/// The smallest effect that counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Floor {
    /// Percent of 1.
    pub percent: f64,
    /// Where it comes from.
    pub source: Source,
}

/// Where a floor comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// It is the largest effect that equal subjects seemed to have within the run.
    Twins {
        /// Comparisons of equal subjects that it is the largest of.
        comparisons_count: usize,
        /// Whether those of all workloads are among them, because there are too few under this one.
        is_pooled: bool,
    },
    /// The run has no twins; it is that of A/A runs of the machine, of the whole experiment.
    Calibration,
}

/// The comparisons of every twin with its original, under every setting and of every sampled quantity that other
/// comparisons are decided by.
#[must_use]
pub fn compare_twins(
    questions: &[Question],
    samples: &Samples,
    summaries: &[Summary],
    seed: u64,
) -> Vec<Comparison> {
    let original = |summary: &Summary| {
        let question = questions.iter().find(|q| q.experiment == summary.key.experiment)?;
        let is_compared = compare::is_compared(question.kind, summary.quantity)
            && summary.quantity.direction() != Direction::Neutral
            && !summary.key.is_level()
            && !summary.quantity.is_exact();
        let twins = question.twins.iter().filter(|_| is_compared);
        twins.clone().find(|(twin, _)| *twin == summary.key.cell.subject).map(|(_, name)| name)
    };
    let compared = summaries.iter().filter_map(|summary| {
        compare::compare_cell(samples, &summary.key, summary.quantity, original(summary)?, seed)
    });
    compared.collect()
}

/// The smallest effects that count, by experiment and quantity.
#[derive(Debug, Clone, Default)]
pub struct Floors {
    /// For a run without twins, such as one of few subjects.
    calibration: Option<Calibration>,
    /// How far each comparison's ratio is from 1, percent.
    effects: BTreeMap<(ExperimentName, Quantity), Vec<Effect>>,
}

/// One comparison of equal subjects.
#[derive(Debug, Clone)]
struct Effect {
    workload: Option<WorkloadName>,
    percent: f64,
}

impl Floors {
    /// From the comparisons of equal subjects; where an experiment has none, from the machine's calibration.
    #[must_use]
    pub fn new(of_twins: &[Comparison], calibration: Option<Calibration>) -> Self {
        let mut floors = Self { calibration, effects: BTreeMap::new() };
        for comparison in of_twins {
            let Some(ratio) = comparison.ratio else { continue };
            let key = (comparison.key.experiment.clone(), comparison.quantity);
            let workload = comparison.key.cell.workload.clone();
            let effect = Effect { workload, percent: (ratio - 1.0).abs() * 100.0 };
            floors.effects.entry(key).or_default().push(effect);
        }
        floors
    }

    /// The floor for a cell's quantity; `None` where nobody knows how far equal subjects seem to differ, and for what
    /// is read and not sampled.
    #[must_use]
    pub fn of(&self, key: &CellKey, quantity: Quantity) -> Option<Floor> {
        if quantity.is_exact() {
            return None;
        }
        self.of_twins(key, quantity).or_else(|| {
            let calibration = self.calibration.as_ref()?;
            let percent = calibration.smallest_effect_percent(&key.experiment, &quantity.key())?;
            Some(Floor { percent, source: Source::Calibration })
        })
    }

    fn of_twins(&self, key: &CellKey, quantity: Quantity) -> Option<Floor> {
        let all = self.effects.get(&(key.experiment.clone(), quantity))?;
        let under: Vec<f64> = all
            .iter()
            .filter(|effect| effect.workload == key.cell.workload)
            .map(|effect| effect.percent)
            .collect();
        let is_pooled = under.len() < LEAST_COMPARISONS_COUNT && under.len() < all.len();
        let taken =
            if is_pooled { all.iter().map(|effect| effect.percent).collect() } else { under };
        let percent = taken.iter().copied().reduce(f64::max)?;
        let source = Source::Twins { comparisons_count: taken.len(), is_pooled };
        Some(Floor { percent, source })
    }
}

#[cfg(test)]
#[path = "equal_tests.rs"]
mod tests;

//! When a claim is decided, in a run that was asked for verdicts: one that names claims and has a budget.

use std::collections::{BTreeMap, BTreeSet};
use weighbridge_schema::claim::Claim;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::name::SubjectName;
use weighbridge_schema::plan::{Cell, Trial};
use weighbridge_schema::quantity::Quantity;
use weighbridge_schema::record::Observation;
use weighbridge_schema::subject::Subjects;
use weighbridge_statistics::order::median_interval;
use weighbridge_statistics::quantile::median;

/// A claim is decided when the median of its log ratio is this many half-widths of its 95 % interval away from the
/// claim's factor. At one, the interval just leaves the factor out; but a run that looks after each block and ends at
/// the first look that decides errs more often than once in twenty. At two it does not (`tests` simulate both).
const DISTANCE_HALF_WIDTHS: f64 = 2.0;

/// One claim whose verdict is sought.
#[derive(Debug)]
struct Sought<'a> {
    claim: &'a Claim,
    /// What the log keeps of the claim's quantity; `None` for a percentile: such a claim goes on to the budget's end.
    metric: Option<Metric>,
    /// What the verdict rests on: both sides, and their twins.
    cells: BTreeSet<Cell>,
    subject: BTreeMap<u32, f64>,
    versus: BTreeMap<u32, f64>,
    /// Whether more blocks change nothing: it is decided, or a side of it cannot be measured here.
    is_closed: bool,
}

impl<'a> Sought<'a> {
    fn new(claim: &'a Claim, plan: &[Trial], subjects: &Subjects) -> Self {
        let twin_of = |name: &SubjectName| subjects.get(name)?.twin_of.as_ref();
        let cells: BTreeSet<Cell> = plan
            .iter()
            .filter(|trial| claim.rests_on(trial, twin_of(&trial.cell.subject)))
            .map(|trial| trial.cell.clone())
            .collect();
        let is_measured = |name: &SubjectName| cells.iter().any(|cell| cell.subject == *name);
        let is_closed = !(is_measured(&claim.subject) && is_measured(&claim.versus));
        let metric = match Quantity::from_key(&claim.metric) {
            Some(Quantity::Metric(metric)) => Some(metric),
            _ => None,
        };
        Self { claim, metric, cells, subject: BTreeMap::new(), versus: BTreeMap::new(), is_closed }
    }

    fn rests_on(&self, trial: &Trial) -> bool {
        self.claim.experiment == trial.experiment && self.cells.contains(&trial.cell)
    }

    fn note(&mut self, observation: &Observation) {
        let Trial { experiment, cell, invocation } = &observation.trial;
        let Some(value) = self.metric.and_then(|metric| observation.value(metric)) else { return };
        let top = self.claim.cell(&cell.architecture);
        let bottom = Cell { subject: self.claim.versus.clone(), ..top.clone() };
        let side = match experiment == &self.claim.experiment {
            true if *cell == top => &mut self.subject,
            true if *cell == bottom => &mut self.versus,
            _ => return,
        };
        // A ratio needs both sides above zero.
        if value > 0.0 {
            side.insert(*invocation, value);
        }
    }

    /// Whether the pairs of the blocks before `end` decide it.
    fn decides(&self, end: u32) -> bool {
        let pairs = self.subject.range(..end);
        let logs: Vec<f64> = pairs
            .filter_map(|(block, value)| Some((value / self.versus.get(block)?).ln()))
            .collect();
        let Some((interval, median)) = median_interval(&logs).zip(median(&logs)) else {
            return false;
        };
        let distance = (median - self.claim.factor.ln()).abs();
        distance >= DISTANCE_HALF_WIDTHS * (interval.high - interval.low) / 2.0
    }
}

/// How far the claims are whose verdicts a run was asked for.
#[derive(Debug)]
pub struct Verdicts<'a>(Vec<Sought<'a>>);

impl<'a> Verdicts<'a> {
    /// Of these claims, nothing measured yet.
    pub fn new(claims: &[&'a Claim], plan: &[Trial], subjects: &Subjects) -> Self {
        Self(claims.iter().map(|claim| Sought::new(claim, plan, subjects)).collect())
    }

    /// Takes in the first visit of a trial that succeeded.
    pub fn note(&mut self, observation: &Observation) {
        self.0.iter_mut().for_each(|sought| sought.note(observation));
    }

    /// Decides by the blocks before `end` which claims need no more. What is decided stays so: no more is measured that
    /// could change it.
    pub fn look(&mut self, end: u32) {
        for sought in self.0.iter_mut().filter(|sought| !sought.is_closed) {
            sought.is_closed = sought.decides(end);
        }
    }

    /// Whether a claim that is still open rests on the trial.
    pub fn wants(&self, trial: &Trial) -> bool {
        self.0.iter().any(|sought| !sought.is_closed && sought.rests_on(trial))
    }
}

#[cfg(test)]
#[path = "verdicts_tests.rs"]
mod tests;

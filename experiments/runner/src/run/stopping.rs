//! When a cell has enough invocations: as soon as its interval is narrow enough, or when there are no more
//! planned; with `--budget`, where the time is best spent; and where verdicts are sought, as soon as they are found.

use crate::failure::causes;
use crate::run::verdicts::Verdicts;
use std::collections::{BTreeMap, BTreeSet};
use weighbridge_schema::claim::Claim;
use weighbridge_schema::definition::{Definition, Profile};
use weighbridge_schema::metric::Metric;
use weighbridge_schema::name::{ExperimentName, SubjectName, WorkloadName};
use weighbridge_schema::parameter::Parameter;
use weighbridge_schema::plan::{Cell, Trial};
use weighbridge_schema::record::{Observation, Outcome};
use weighbridge_schema::stop::{Stop, StopReason};
use weighbridge_statistics::order::median_interval;
use weighbridge_statistics::precision::relative_half_width;
use weighbridge_statistics::quantile::median;

/// Groups whose need is at least this share of the greatest one are visited in the next block of a run with
/// a budget.
const FOCUS_SHARE: f64 = 0.5;
/// A cell that is found precise goes on for a quarter as many invocations. A narrow interval is narrow in part by
/// chance, and narrow intervals miss more often: ended at the first look they covered 92 %
/// (`statistics/tests/coverage.rs`), and 94 % so.
const BEYOND_PRECISE: f64 = 1.25;
/// A cell that has ended is visited in every so many-th block all the same, as long as the cells beside it go on: their
/// medians stand in one table, and the machine of the later blocks is another one.
const VISITED_EVERY: u32 = 4;
/// An interval that reaches the claim's factor, or beyond, needs no more than this to come first.
const NEED_MAX: f64 = 10.0;

type Key = (ExperimentName, Cell);
/// The cells that are compared with each other.
type Group = (ExperimentName, Option<WorkloadName>, Parameter);

#[derive(Debug)]
struct State {
    least: u32,
    planned: u32,
    target_percent: Option<f64>,
    headline: Option<Metric>,
    is_baseline: bool,
    values: BTreeMap<u32, f64>,
    visited: BTreeSet<u32>,
    /// Values at the first look that found the cell precise.
    precise_with_count: Option<usize>,
    has_ended: bool,
}

impl State {
    /// Half-width of the median's 95 % interval over the invocations below `end`, percent of the median.
    fn half_width_percent(&self, end: u32) -> Option<f64> {
        let values: Vec<f64> = self.values.range(..end).map(|(_, &value)| value).collect();
        let interval = median_interval(&values)?;
        relative_half_width(interval, median(&values)?)
    }

    fn is_within_target(&self, end: u32) -> bool {
        let half_width = self.half_width_percent(end);
        half_width.zip(self.target_percent).is_some_and(|(half, target)| half <= target)
    }

    fn is_open(&self) -> bool {
        self.target_percent.is_some() && !self.has_ended
    }
}

/// How far every cell of a run has come.
#[derive(Debug)]
pub struct Stopping<'a> {
    cells: BTreeMap<Key, State>,
    claims: &'a [Claim],
    focus: Option<BTreeSet<Group>>,
    /// Of a run that was asked for verdicts: they decide who goes on, and widths do not.
    verdicts: Option<Verdicts<'a>>,
}

fn key(trial: &Trial) -> Key {
    (trial.experiment.clone(), trial.cell.clone())
}

fn group((experiment, cell): &Key) -> Group {
    (experiment.clone(), cell.workload.clone(), cell.parameter)
}

impl<'a> Stopping<'a> {
    /// The cells of `plan`, none of them visited yet; `fixed` when none may end earlier or later than planned.
    pub fn new(
        plan: &[Trial],
        definitions: &BTreeMap<ExperimentName, Definition>,
        profile: Profile,
        claims: &'a [Claim],
        fixed: bool,
    ) -> Self {
        let mut cells: BTreeMap<Key, State> = BTreeMap::new();
        for trial in plan {
            let Some(definition) = definitions.get(&trial.experiment) else { continue };
            let settings = definition.settings(profile);
            let state = cells.entry(key(trial)).or_insert_with(|| State {
                least: settings.invocations,
                planned: 0,
                // Without room above the least number there is nothing to stop early.
                target_percent: settings
                    .invocations_max
                    .filter(|_| !fixed)
                    .and(definition.precision_percent),
                headline: definition.method.facts().stops_by,
                is_baseline: trial.cell.subject == definition.baseline,
                values: BTreeMap::new(),
                visited: BTreeSet::new(),
                precise_with_count: None,
                has_ended: false,
            });
            state.planned = state.planned.max(trial.invocation + 1);
        }
        Self { cells, claims, focus: None, verdicts: None }
    }

    /// The same where verdicts are sought: what they rest on goes on until they are found.
    pub fn seeking(self, verdicts: Option<Verdicts<'a>>) -> Self {
        Self { verdicts, ..self }
    }

    /// Takes in what a planned visit showed. Repetitions do not count here: a resumed run must come to the
    /// same decisions, whatever had been repeated.
    pub fn note(&mut self, observation: &Observation) {
        if causes::leaves_open(observation) {
            return;
        }
        let Some(state) = self.cells.get_mut(&key(&observation.trial)) else { return };
        let invocation = observation.trial.invocation;
        // Later visits are made because the first was disturbed: they would come after the decisions.
        if !state.visited.insert(invocation) {
            return;
        }
        if observation.outcome != Outcome::Ok {
            return;
        }
        if let Some(verdicts) = &mut self.verdicts {
            verdicts.note(observation);
        }
        if let Some(value) = state.headline.and_then(|metric| observation.value(metric)) {
            state.values.insert(invocation, value);
        }
    }

    /// Decides, before block `invocation`, which cells are precise by now; `in_order` looks at earlier blocks
    /// only, which makes the decision the same in a resumed run.
    pub fn begin_block(&mut self, invocation: u32, in_order: bool) {
        let end = if in_order { invocation } else { u32::MAX };
        if let Some(verdicts) = &mut self.verdicts {
            verdicts.look(end);
        }
        for state in self.cells.values_mut().filter(|state| state.is_open()) {
            let count = state.values.range(..end).count();
            if count < state.least as usize {
                continue;
            }
            if state.precise_with_count.is_none() && state.is_within_target(end) {
                state.precise_with_count = Some(count);
            }
            let wanted = state.precise_with_count.map(|count| count as f64 * BEYOND_PRECISE);
            state.has_ended = wanted.is_some_and(|wanted| count as f64 >= wanted);
        }
    }

    /// Whether the trial is still of use. A baseline goes on as long as one of its partners does: a ratio is
    /// taken within blocks.
    pub fn wants(&self, trial: &Trial) -> bool {
        let key = key(trial);
        let Some(state) = self.cells.get(&key) else { return true };
        if trial.invocation < state.least {
            return true;
        }
        if let Some(verdicts) = &self.verdicts {
            return verdicts.wants(trial);
        }
        if state.target_percent.is_none() {
            return true;
        }
        let group = group(&key);
        let in_focus = self.focus.as_ref().is_none_or(|focus| focus.contains(&group));
        let goes_along = state.is_baseline || trial.invocation.is_multiple_of(VISITED_EVERY);
        in_focus && (state.is_open() || (goes_along && self.is_group_open(&group)))
    }

    /// Whether the trial may be left out when the budget is spent.
    pub fn is_optional(&self, trial: &Trial) -> bool {
        self.cells.get(&key(trial)).is_some_and(|state| trial.invocation >= state.least)
    }

    fn is_group_open(&self, wanted: &Group) -> bool {
        self.cells.iter().any(|(key, state)| group(key) == *wanted && state.is_open())
    }

    /// With a budget: only the groups with the greatest need are visited until the next call.
    pub fn focus(&mut self) {
        let mut needs: BTreeMap<Group, f64> = BTreeMap::new();
        for (key, state) in self.cells.iter().filter(|(_, state)| state.is_open()) {
            let need = self.need(key, state);
            let entry = needs.entry(group(key)).or_insert(need);
            *entry = entry.max(need);
        }
        let greatest = needs.values().copied().fold(0.0, f64::max);
        let chosen = needs.into_iter().filter(|(_, need)| *need >= greatest * FOCUS_SHARE);
        self.focus = Some(chosen.map(|(group, _)| group).collect());
    }

    /// How badly a cell needs invocations: for the subject of a claim, the half-width of its log ratio by
    /// the distance from the claim's factor (1: just decided); else the half-width by its target.
    fn need(&self, key: &Key, state: &State) -> f64 {
        let claims = self
            .claims
            .iter()
            .filter(|claim| claim.experiment == key.0 && claim.cell(&key.1.architecture) == key.1);
        let open =
            claims.filter_map(|claim| self.claim_need(key, state, &claim.versus, claim.factor));
        if let Some(need) = open.reduce(f64::max) {
            return need;
        }
        let half_width = state.half_width_percent(u32::MAX);
        half_width.zip(state.target_percent).map_or(NEED_MAX, |(half, target)| half / target)
    }

    fn claim_need(
        &self,
        key: &Key,
        state: &State,
        versus: &SubjectName,
        factor: f64,
    ) -> Option<f64> {
        let mut other = key.clone();
        other.1.subject = versus.clone();
        let other = self.cells.get(&other)?;
        let logs: Vec<f64> = state
            .values
            .iter()
            .filter_map(|(invocation, value)| Some((value / other.values.get(invocation)?).ln()))
            .collect();
        let interval = median_interval(&logs)?;
        let distance = (median(&logs)? - factor.ln()).abs();
        Some(((interval.high - interval.low) / 2.0 / distance).min(NEED_MAX))
    }

    fn reason(
        &self,
        experiment: &ExperimentName,
        cell: &Cell,
        state: &State,
        budget_spent: bool,
    ) -> StopReason {
        let is_cut_off = budget_spent && state.visited.len() < state.planned as usize;
        if let Some(verdicts) = &self.verdicts {
            let trial = Trial { experiment: experiment.clone(), cell: cell.clone(), invocation: 0 };
            return match verdicts.wants(&trial) {
                false => StopReason::Decided,
                true if is_cut_off => StopReason::Budget,
                true => StopReason::Most,
            };
        }
        // What is printed decides, not the look that ended the cell.
        match (state.target_percent, state.is_within_target(u32::MAX)) {
            (None, _) => StopReason::Fixed,
            (Some(_), true) => StopReason::Precise,
            (Some(_), false) if is_cut_off => StopReason::Budget,
            (Some(_), false) => StopReason::Most,
        }
    }

    /// How every cell ended; `budget_spent` when time was the reason.
    pub fn stops(&self, budget_spent: bool) -> Vec<Stop> {
        self.cells
            .iter()
            .map(|((experiment, cell), state)| {
                let visited = u32::try_from(state.visited.len()).unwrap_or(u32::MAX);
                let reason = self.reason(experiment, cell, state, budget_spent);
                Stop {
                    experiment: experiment.clone(),
                    cell: cell.clone(),
                    reason,
                    invocations_count: visited,
                    half_width_percent: state.half_width_percent(u32::MAX),
                    target_percent: state.target_percent,
                }
            })
            .collect()
    }
}

#[cfg(test)]
#[path = "stopping_tests.rs"]
mod tests;

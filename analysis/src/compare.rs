//! Third station: each cell beside the baseline's cell under the same setting, block by block.

use crate::equal::Floors;
use crate::load::question::{CellKey, Question};
use crate::summarise::Summary;
use crate::summarise::samples::Samples;
use serde::Serialize;
use std::collections::BTreeMap;
use weighbridge_schema::method::{QuestionKind, Window};
use weighbridge_schema::metric::{Direction, Metric, Unit};
use weighbridge_schema::name::{ExperimentName, SubjectName};
use weighbridge_schema::quantity::Quantity;
use weighbridge_statistics::bootstrap::{Interval, generator};
use weighbridge_statistics::holm::holm;
use weighbridge_statistics::paired::{machines_ratio, paired_ratio};
use weighbridge_statistics::rank::{a12, least_p, mann_whitney};
use weighbridge_statistics::ratio::ratio;

/// A comparison with a larger adjusted p-value than this is undecided.
pub const SIGNIFICANCE: f64 = 0.05;

/// What the ratio's interval says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// A time, and the whole interval is below 1.
    Faster,
    /// A time, and the whole interval is above 1.
    Slower,
    /// Not a time, and the whole interval is below 1.
    Lower,
    /// Not a time, and the whole interval is above 1.
    Higher,
    /// An exact quantity that is the same in both cells.
    Equal,
    /// There is a [`Doubt`].
    Undecided,
}

impl Effect {
    /// The word a table uses.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Effect::Faster => "faster",
            Effect::Slower => "slower",
            Effect::Lower => "lower",
            Effect::Higher => "higher",
            Effect::Equal => "equal",
            Effect::Undecided => "undecided",
        }
    }
}

/// Why a comparison is undecided.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Doubt {
    /// The ratio is undefined: a divisor is 0, or no block showed both.
    Undefined,
    /// Too few blocks for an interval.
    TooFew,
    /// The interval contains 1.
    SpansOne,
    /// Among so many comparisons one like this is found by chance: Holm's adjusted p-value.
    Chance(f64),
    /// The near end of the interval is within what equal subjects seem to differ by: the smallest effect that counts,
    /// in percent.
    BelowFloor(f64),
}

impl Doubt {
    /// The words a table uses.
    #[must_use]
    pub fn words(self) -> String {
        match self {
            Doubt::Undefined => "undefined".to_owned(),
            Doubt::TooFew => "too few invocations".to_owned(),
            Doubt::SpansOne => "the interval contains 1".to_owned(),
            Doubt::Chance(p) => format!("adjusted p = {p:.3}"),
            Doubt::BelowFloor(percent) => format!("may be below {percent:.1} %"),
        }
    }
}

/// A cell beside another one: value / value of `versus`.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// The cell.
    pub key: CellKey,
    /// The quantity.
    pub quantity: Quantity,
    /// The subject compared with, under the same setting.
    pub versus: SubjectName,
    /// The ratio: the median of the ratios within the blocks, of quantiles of latency too; of several machines the
    /// median of the machines' medians. `None` when it is undefined.
    pub ratio: Option<f64>,
    /// Its 95 % interval; `None` with fewer than 6 blocks, or when the ratio is undefined.
    pub interval: Option<Interval>,
    /// The same ratio from the planned visits alone, disturbed or not, where a visit to either cell was repeated and
    /// the two ratios differ by more than the interval's half-width: then the repetitions decide, and the reader must
    /// know.
    pub without_repeats: Option<f64>,
    /// Values of this cell and of the other one.
    pub n: (usize, usize),
    /// The chance that a value of this cell is larger than one of the other; `None` for exact quantities.
    pub a12: Option<f64>,
    /// The two-sided p-value of the Mann-Whitney test; `None` for exact quantities.
    pub p: Option<f64>,
    /// The same after Holm's correction within its family: all comparisons of this quantity in this experiment. `None`
    /// for a comparison outside of any family.
    pub p_adjusted: Option<f64>,
    /// What it says.
    pub effect: Effect,
    /// Why it says nothing; `None` when it is decided.
    pub doubt: Option<Doubt>,
}

/// Every summary beside its experiment's baseline.
#[must_use]
pub fn compare(
    questions: &[Question],
    samples: &Samples,
    summaries: &[Summary],
    floors: &Floors,
    seed: u64,
) -> Vec<Comparison> {
    let baseline = |summary: &Summary| {
        let question = questions.iter().find(|q| q.experiment == summary.key.experiment)?;
        (question.baseline != summary.key.cell.subject).then_some(&question.baseline)
    };
    let comparisons: Vec<Comparison> = summaries
        .iter()
        .filter(|summary| summary.quantity.direction() != Direction::Neutral)
        // A raise is one measurement, compared by what follows from all of its levels.
        .filter(|summary| !summary.key.is_level())
        .filter(|summary| {
            let question = questions.iter().find(|q| q.experiment == summary.key.experiment);
            question.is_some_and(|q| {
                is_compared(q.kind, summary.quantity) && !q.is_twin(&summary.key.cell.subject)
            })
        })
        .filter_map(|s| compare_cell(samples, &s.key, s.quantity, baseline(s)?, seed))
        .collect();
    decided(comparisons, floors)
}

/// The same comparisons, decided by Holm's correction within each family of them and by the
/// floors too.
pub(crate) fn decided(mut comparisons: Vec<Comparison>, floors: &Floors) -> Vec<Comparison> {
    adjust(&mut comparisons);
    for comparison in &mut comparisons {
        comparison.decide(floors);
    }
    comparisons
}

/// Whether a quantity is compared at all: the latencies of a closed loop hide every stall, and are not.
pub(crate) fn is_compared(kind: QuestionKind, quantity: Quantity) -> bool {
    is_reported(kind, quantity)
        && !(kind.facts().window == Window::Completions && matches!(quantity, Quantity::Latency(_)))
}

/// Whether a quantity says anything in a kind of experiment: a start is a by-product of most of them, under a page
/// cache that nobody warmed. It stays in the raw log.
pub(crate) fn is_reported(kind: QuestionKind, quantity: Quantity) -> bool {
    let is_of_start = matches!(
        quantity,
        Quantity::Metric(Metric::TimeToFirstResponse | Metric::HarnessShare) | Quantity::Stage(_)
    );
    !is_of_start || kind.facts().reports_start
}

/// The places of the comparisons of each quantity in each experiment that have a p-value.
fn families(comparisons: &[Comparison]) -> BTreeMap<(ExperimentName, Quantity), Vec<usize>> {
    let mut families: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    for (index, comparison) in comparisons.iter().enumerate().filter(|(_, c)| c.p.is_some()) {
        let family = (comparison.key.experiment.clone(), comparison.quantity);
        families.entry(family).or_default().push(index);
    }
    families
}

/// Says which families are so large, for so few invocations, that no difference whatever could pass the correction.
#[must_use]
pub fn notes(comparisons: &[Comparison]) -> Vec<String> {
    let mut hopeless: BTreeMap<(ExperimentName, usize), usize> = BTreeMap::new();
    for ((experiment, _), indices) in families(comparisons) {
        let of = indices.iter().map(|&index| &comparisons[index]);
        let with_interval = of.filter(|comparison| comparison.interval.is_some());
        let Some((a, b)) = with_interval.map(|c| c.n).max_by_key(|&(a, b)| a.min(b)) else {
            continue;
        };
        if least_p(a, b) * indices.len() as f64 > SIGNIFICANCE {
            let largest = hopeless.entry((experiment, a.min(b))).or_default();
            *largest = indices.len().max(*largest);
        }
    }
    hopeless
        .into_iter()
        .map(|((experiment, n), count)| {
            format!(
                "{experiment}: {n} invocations are too few to decide any of {count} comparisons after Holm's correction; \
                 8 are enough for 300"
            )
        })
        .collect()
}

/// Holm's correction within each family.
fn adjust(comparisons: &mut [Comparison]) {
    for indices in families(comparisons).into_values() {
        let p_values: Vec<f64> = indices.iter().filter_map(|&index| comparisons[index].p).collect();
        for (index, adjusted) in indices.into_iter().zip(holm(&p_values)) {
            comparisons[index].p_adjusted = Some(adjusted);
        }
    }
}

/// One cell beside the cell of `versus` under the same setting, decided by its interval alone; `None` when either was
/// not measured.
#[must_use]
pub fn compare_cell(
    samples: &Samples,
    key: &CellKey,
    quantity: Quantity,
    versus: &SubjectName,
    seed: u64,
) -> Option<Comparison> {
    let other = key.with_subject(versus);
    let values = (samples.values(key, quantity)?, samples.values(&other, quantity)?);
    let exact = samples.exact_value(key, quantity).zip(samples.exact_value(&other, quantity));
    let (ratio, interval) = match exact {
        Some((a, b)) => {
            let ratio = ratio(Some(a), Some(b));
            (ratio, ratio.map(Interval::exact))
        }
        None => {
            let machines = samples.pairs_by_machine(key, &other, quantity);
            let label = format!("{key} {} / {versus}", quantity.key());
            let paired = match machines.as_slice() {
                [one] => paired_ratio(one),
                several => machines_ratio(several, &mut generator(seed, &label)),
            };
            (paired.map(|paired| paired.ratio), paired.and_then(|paired| paired.interval))
        }
    };
    let is_sampled = exact.is_none();
    let mut comparison = Comparison {
        key: key.clone(),
        quantity,
        versus: versus.clone(),
        ratio,
        interval,
        without_repeats: without_repeats(samples, (key, &other), quantity, ratio, interval),
        n: (values.0.len(), values.1.len()),
        a12: is_sampled.then(|| a12(values.0, values.1)).flatten(),
        p: is_sampled.then(|| mann_whitney(values.0, values.1)).flatten(),
        p_adjusted: None,
        effect: Effect::Undecided,
        doubt: None,
    };
    comparison.decide(&Floors::default());
    Some(comparison)
}

/// See [`Comparison::without_repeats`].
fn without_repeats(
    samples: &Samples,
    (key, other): (&CellKey, &CellKey),
    quantity: Quantity,
    ratio: Option<f64>,
    interval: Option<Interval>,
) -> Option<f64> {
    if ![key, other].iter().any(|key| samples.has_repeats(key, quantity)) {
        return None;
    }
    let first = paired_ratio(&samples.first_pairs(key, other, quantity))?.ratio;
    let half_width = interval.map_or(0.0, |interval| (interval.high - interval.low) / 2.0);
    ((first - ratio?).abs() > half_width).then_some(first)
}

impl Comparison {
    /// Sets effect and doubt from everything else.
    fn decide(&mut self, floors: &Floors) {
        let floor = floors.of(&self.key, self.quantity).map(|floor| floor.percent);
        self.doubt = doubt(self.quantity, self.ratio, self.interval, self.p_adjusted, floor);
        self.effect = match (self.doubt, self.interval) {
            (None, Some(interval)) => effect(self.quantity, interval),
            _ => Effect::Undecided,
        };
    }
}

fn doubt(
    quantity: Quantity,
    ratio: Option<f64>,
    interval: Option<Interval>,
    p_adjusted: Option<f64>,
    floor_percent: Option<f64>,
) -> Option<Doubt> {
    if ratio.is_none() {
        return Some(Doubt::Undefined);
    }
    let Some(interval) = interval else { return Some(Doubt::TooFew) };
    let is_equal = quantity.is_exact() && interval == Interval::exact(1.0);
    if interval.low <= 1.0 && interval.high >= 1.0 && !is_equal {
        return Some(Doubt::SpansOne);
    }
    if let Some(percent) = floor_percent.filter(|&percent| reaches_below(interval, percent)) {
        return Some(Doubt::BelowFloor(percent));
    }
    p_adjusted.filter(|&p| p > SIGNIFICANCE).map(Doubt::Chance)
}

/// Whether an interval beside 1 comes as close to it as the ratios of equal subjects do: its near end counts, because a
/// true ratio there is as good an explanation as any other within.
pub(crate) fn reaches_below(Interval { low, high }: Interval, floor_percent: f64) -> bool {
    let near = (low - 1.0).max(1.0 - high);
    near * 100.0 < floor_percent
}

fn effect(quantity: Quantity, interval: Interval) -> Effect {
    let is_time = quantity.unit() == Unit::Nanoseconds;
    match (interval.high < 1.0, interval.low > 1.0) {
        (true, _) if is_time => Effect::Faster,
        (true, _) => Effect::Lower,
        (_, true) if is_time => Effect::Slower,
        (_, true) => Effect::Higher,
        _ => Effect::Equal,
    }
}

#[cfg(test)]
#[path = "compare_tests.rs"]
mod tests;

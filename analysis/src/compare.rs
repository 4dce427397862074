//! Third station: each cell beside the baseline's cell under the same setting.

use crate::load::question::{CellKey, Question};
use crate::quantity::Quantity;
use crate::summarise::Summary;
use crate::summarise::samples::Samples;
use serde::Serialize;
use weighbridge_schema::metric::{Direction, Unit};
use weighbridge_schema::name::SubjectName;
use weighbridge_statistics::bootstrap::{Interval, generator};
use weighbridge_statistics::ratio::{ratio, ratio_interval};

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
    /// The interval contains 1, or there is none.
    Undecided,
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
    /// The ratio; `None` when it is undefined (a divisor of 0).
    pub ratio: Option<f64>,
    /// Its 95 % interval; `None` when either side has one invocation, or the ratio is undefined.
    pub interval: Option<Interval>,
    /// What it says.
    pub effect: Effect,
}

/// Every summary beside its experiment's baseline.
#[must_use]
pub fn compare(
    questions: &[Question],
    samples: &Samples,
    summaries: &[Summary],
    seed: u64,
) -> Vec<Comparison> {
    let baseline = |summary: &Summary| {
        let question = questions.iter().find(|q| q.experiment == summary.key.experiment)?;
        (question.baseline != summary.key.cell.subject).then_some(&question.baseline)
    };
    summaries
        .iter()
        .filter(|summary| summary.quantity.direction() != Direction::Neutral)
        .filter_map(|s| one(samples, &s.key, s.quantity, baseline(s)?, seed))
        .collect()
}

/// One cell beside the cell of `versus` under the same setting; `None` when either was not measured.
#[must_use]
pub fn one(
    samples: &Samples,
    key: &CellKey,
    quantity: Quantity,
    versus: &SubjectName,
    seed: u64,
) -> Option<Comparison> {
    let mut other = key.clone();
    other.cell.subject = versus.clone();
    let (a, b) = (samples.arm(key, quantity)?, samples.arm(&other, quantity)?);
    let ratio = ratio(a.point(), b.point());
    let exact = samples.exact_value(key, quantity).zip(samples.exact_value(&other, quantity));
    let interval = match exact {
        Some(_) => ratio.map(Interval::exact),
        None => {
            let label = format!("{key} {} / {versus}", quantity.key());
            ratio_interval(a, b, &mut generator(seed, &label))
        }
    };
    Some(Comparison {
        key: key.clone(),
        quantity,
        versus: versus.clone(),
        ratio,
        interval,
        effect: effect(quantity, interval),
    })
}

fn effect(quantity: Quantity, interval: Option<Interval>) -> Effect {
    let is_time = quantity.unit() == Unit::Nanoseconds;
    match interval {
        Some(Interval { high, .. }) if high < 1.0 && is_time => Effect::Faster,
        Some(Interval { low, .. }) if low > 1.0 && is_time => Effect::Slower,
        Some(Interval { high, .. }) if high < 1.0 => Effect::Lower,
        Some(Interval { low, .. }) if low > 1.0 => Effect::Higher,
        Some(interval) if quantity.is_exact() && interval == Interval::exact(1.0) => Effect::Equal,
        _ => Effect::Undecided,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weighbridge_schema::metric::Metric;

    fn check(metric: Metric, low: f64, high: f64, expected: Effect) {
        assert_eq!(effect(Quantity::Metric(metric), Some(Interval { low, high })), expected);
    }

    #[test]
    fn only_an_interval_without_one_decides() {
        check(Metric::TimeToFirstResponse, 0.5, 0.9, Effect::Faster);
        check(Metric::TimeToFirstResponse, 1.1, 1.9, Effect::Slower);
        check(Metric::Pss, 0.5, 0.9, Effect::Lower);
        check(Metric::RequestsPerSecond, 1.1, 1.9, Effect::Higher);
        check(Metric::Pss, 0.9, 1.1, Effect::Undecided);
        check(Metric::Pss, 0.9, 1.0, Effect::Undecided);
        check(Metric::Pss, 1.0, 1.0, Effect::Undecided);
        check(Metric::Shipped, 1.0, 1.0, Effect::Equal);
        assert_eq!(effect(Quantity::Metric(Metric::Pss), None), Effect::Undecided);
    }
}

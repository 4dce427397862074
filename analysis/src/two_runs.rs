//! Two runs beside each other: what was different, and what came out differently.

use crate::calibrate;
use crate::compare::reaches_below;
use crate::differences::{self, Difference};
use crate::load::Run;
use crate::load::frame::ingest;
use crate::load::question::{CellKey, Question, questions};
use crate::summarise::samples::{Samples, group};
use crate::summarise::steady::paces;
use anyhow::Result;
use weighbridge_schema::calibration::Calibration;
use weighbridge_schema::metric::Unit;
use weighbridge_schema::quantity::Quantity;
use weighbridge_statistics::arm::Arm;
use weighbridge_statistics::bca::bca_ratio_interval;
use weighbridge_statistics::bootstrap::{Interval, generator};
use weighbridge_statistics::order::LEAST_VALUES_COUNT;
use weighbridge_statistics::ratio::ratio;

/// Percent within which two runs count as the same where no calibration says how much equal runs differ.
pub const SAME_PERCENT: f64 = 5.0;

/// What became of a quantity from the first run to the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The whole interval is within the tolerance.
    Same,
    /// A shorter time or a higher rate.
    Faster,
    /// A longer time or a lower rate.
    Slower,
    /// Fewer bytes or cases.
    Smaller,
    /// More bytes or cases.
    Larger,
    /// None of these can be said.
    Undecided(&'static str),
}

impl Change {
    /// The words of a table.
    #[must_use]
    pub fn words(self) -> String {
        match self {
            Change::Same => "same".to_owned(),
            Change::Faster => "faster".to_owned(),
            Change::Slower => "slower".to_owned(),
            Change::Smaller => "smaller".to_owned(),
            Change::Larger => "larger".to_owned(),
            Change::Undecided(why) => format!("undecided: {why}"),
        }
    }
}

/// One quantity of one cell in both runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// The cell.
    pub key: CellKey,
    /// The quantity.
    pub quantity: Quantity,
    /// Second run / first run; `None` when the divisor is 0.
    pub ratio: Option<f64>,
    /// Its 95 % BCa interval; `None` with fewer than 6 invocations in either run.
    pub interval: Option<Interval>,
    /// What within counts as the same, percent.
    pub tolerance_percent: f64,
    /// Whether the tolerance is the calibration's or [`SAME_PERCENT`].
    pub is_calibrated: bool,
    /// What became of it.
    pub change: Change,
}

/// Two runs beside each other.
#[derive(Debug)]
pub struct Beside {
    /// In which circumstances they differ.
    pub differences: Vec<Difference>,
    /// Every quantity that both showed.
    pub lines: Vec<Line>,
    /// What the reader should know.
    pub notes: Vec<String>,
}

pub(crate) fn samples_of(run: &Run) -> Result<Samples> {
    group(run, &ingest(run)?, &paces(run))
}

fn has(questions: &[Question], wanted: &Question) -> bool {
    questions.iter().any(|q| q.experiment == wanted.experiment && q.kind == wanted.kind)
}

/// The experiments that only the `which` run has, in one sentence.
fn of_one_run(which: &str, its: &[Question], others: &[Question]) -> Option<String> {
    let alone: Vec<&str> = (its.iter())
        .filter(|question| !has(others, question))
        .map(|question| question.experiment.as_str())
        .collect();
    (!alone.is_empty()).then(|| format!("in the {which} run only: {}", alone.join(", ")))
}

/// Puts run `b` beside run `a`. They were not measured block by block, so that nothing is paired and a drift between
/// them is part of what is found.
///
/// # Errors
/// A raw log that contradicts itself.
pub fn beside(a: &Run, b: &Run, calibration: Option<Calibration>, seed: u64) -> Result<Beside> {
    let mut calibration = calibration;
    let mut notes = Vec::new();
    // Without a calibration nothing is said here: each line says what it was decided by.
    for run in [a, b] {
        let Some(given) = calibration.take() else { break };
        let (applicable, more) = calibrate::applicable(Some(given), &run.manifest.fingerprint);
        calibration = applicable;
        notes.extend(more);
    }
    notes.dedup();
    let (of_a, of_b) = (samples_of(a)?, samples_of(b)?);
    let (in_a, in_b) = (questions(&a.manifest)?, questions(&b.manifest)?);
    notes.extend(of_one_run("first", &in_a, &in_b));
    notes.extend(of_one_run("second", &in_b, &in_a));
    let mut lines = Vec::new();
    for question in in_a {
        if !has(&in_b, &question) {
            continue;
        }
        for &quantity in question.kind.facts().told_apart {
            let keys = of_a
                .keys()
                .filter(|(key, of)| key.experiment == question.experiment && *of == quantity);
            let found = keys.filter_map(|(key, _)| {
                line(key, quantity, (&of_a, &of_b), calibration.as_ref(), seed)
            });
            lines.extend(found);
        }
    }
    Ok(Beside { differences: differences::of_runs(&a.manifest, &b.manifest), lines, notes })
}

/// `None` when a run has no such number.
fn line(
    key: &CellKey,
    quantity: Quantity,
    (of_a, of_b): (&Samples, &Samples),
    calibration: Option<&Calibration>,
    seed: u64,
) -> Option<Line> {
    let (a, b) = (Arm(of_a.values(key, quantity)?), Arm(of_b.values(key, quantity)?));
    let ratio = ratio(b.point(), a.point());
    let exact = of_a.exact_value(key, quantity).zip(of_b.exact_value(key, quantity));
    let enough = a.0.len().min(b.0.len()) >= LEAST_VALUES_COUNT;
    let interval = match exact {
        Some(_) => ratio.map(Interval::exact),
        None if enough => {
            let label = format!("{key} {} of two runs", quantity.key());
            bca_ratio_interval(b, a, &mut generator(seed, &label))
        }
        None => None,
    };
    let floor =
        calibration.and_then(|c| c.smallest_effect_percent(&key.experiment, &quantity.key()));
    // What is read and not sampled is the same only when it is equal.
    let tolerance_percent = if exact.is_some() { 0.0 } else { floor.unwrap_or(SAME_PERCENT) };
    let change = match (ratio, interval) {
        (None, _) => Change::Undecided("the ratio is undefined"),
        (Some(_), None) if !enough => Change::Undecided("too few invocations"),
        (Some(_), None) => Change::Undecided("the interval is undefined"),
        (Some(_), Some(interval)) => change(quantity, interval, tolerance_percent),
    };
    Some(Line {
        key: key.clone(),
        quantity,
        ratio,
        interval,
        tolerance_percent,
        is_calibrated: floor.is_some() && exact.is_none(),
        change,
    })
}

fn change(quantity: Quantity, interval: Interval, tolerance_percent: f64) -> Change {
    let Interval { low, high } = interval;
    let within = |end: f64| (end - 1.0).abs() * 100.0 <= tolerance_percent;
    if within(low) && within(high) {
        return Change::Same;
    }
    if low <= 1.0 && high >= 1.0 {
        return Change::Undecided("the interval contains 1");
    }
    if reaches_below(interval, tolerance_percent) {
        return Change::Undecided("the difference may be too small to matter");
    }
    match (quantity.unit(), high < 1.0) {
        (Unit::Nanoseconds, true) | (Unit::RequestsPerSecond, false) => Change::Faster,
        (Unit::Nanoseconds, false) | (Unit::RequestsPerSecond, true) => Change::Slower,
        (Unit::Bytes | Unit::Count, true) => Change::Smaller,
        (Unit::Bytes | Unit::Count, false) => Change::Larger,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weighbridge_schema::metric::Metric;

    fn check(metric: Metric, low: f64, high: f64, tolerance: f64, expected: &str) {
        let interval = Interval { low, high };
        let found = change(Quantity::Metric(metric), interval, tolerance);
        assert!(found.words().starts_with(expected), "{found:?} is not {expected}");
    }

    #[test]
    fn the_whole_interval_decides() {
        use Metric::{Pss, RequestsPerSecond, Shipped, TimeToFirstResponse};
        check(TimeToFirstResponse, 0.97, 1.04, 5.0, "same");
        check(TimeToFirstResponse, 1.01, 1.04, 5.0, "same");
        check(TimeToFirstResponse, 0.97, 1.04, 3.0, "undecided: the interval contains 1");
        check(TimeToFirstResponse, 1.01, 1.08, 5.0, "undecided: the difference may be too small");
        check(TimeToFirstResponse, 1.08, 1.20, 5.0, "slower");
        check(TimeToFirstResponse, 0.80, 0.90, 5.0, "faster");
        check(RequestsPerSecond, 0.80, 0.90, 5.0, "slower");
        check(RequestsPerSecond, 1.10, 1.20, 5.0, "faster");
        check(Pss, 0.80, 0.90, 5.0, "smaller");
        check(Shipped, 1.0, 1.0, 0.0, "same");
        check(Shipped, 1.001, 1.001, 0.0, "larger");
    }
}

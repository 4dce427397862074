//! A tenant beside another one that attacks: its 99th percentile before and during, and how many times that is.

use crate::load::question::CellKey;
use crate::render::table::{Align, Content, Table};
use crate::render::tables::{
    absent, n_cell, number_cell, ratio_cell, rows_by_setting, subject_cell, versus_title,
};
use crate::results::Results;
use weighbridge_schema::method::QuestionKind;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::parameter::Parameter;
use weighbridge_schema::quantity::{Latency, Quantity};
use weighbridge_schema::record::Observation;

/// Rows: attack x subject.
#[must_use]
pub fn table(results: &Results<'_>) -> Table {
    let versus = versus_title(results, QuestionKind::Neighbour);
    let mut table = Table::new(
        QuestionKind::Neighbour.key(),
        "Neighbour: a tenant's latency beside another one that attacks",
        &[
            ("subject", Align::Left),
            ("p99 before", Align::Right),
            ("p99 during", Align::Right),
            ("p99, times before", Align::Right),
            (&versus, Align::Right),
            ("times the control's", Align::Right),
            ("p50, times before", Align::Right),
            ("failed", Align::Right),
            ("n", Align::Right),
        ],
    );
    rows_by_setting(results, QuestionKind::Neighbour, &mut table, |question, key| {
        let number = |metric| number_cell(results, key, Quantity::Metric(metric));
        let times = Quantity::Metric(Metric::P99TimesBefore);
        let during = || p99_cell(results, key, (Metric::LatencyP50, Metric::LatencyP99));
        vec![
            subject_cell(key),
            p99_cell(results, key, (Metric::BeforeLatencyP50, Metric::BeforeLatencyP99)),
            impossible(results, key).unwrap_or_else(during),
            number(Metric::P99TimesBefore),
            ratio_cell(results, question, key, times),
            number(Metric::P99TimesControl),
            number(Metric::P50TimesBefore),
            failed_cell(results, key),
            n_cell(results, key, times),
        ]
    });
    table
}

/// Why there is no number, where the aggressor had no way to attack.
fn impossible(results: &Results<'_>, key: &CellKey) -> Option<Content> {
    let Parameter::Attack(attack) = key.cell.parameter else { return None };
    let acts = results.summary(key, Quantity::Metric(Metric::AttackActs))?;
    (acts.point < 1.0).then(|| Content::Absent(attack.impossible().to_owned()))
}

/// A 99th percentile; where there are too few requests for it, how many it would need.
fn p99_cell(results: &Results<'_>, key: &CellKey, (p50, p99): (Metric, Metric)) -> Content {
    let is_measured = results.summary(key, Quantity::Metric(p50)).is_some();
    match number_cell(results, key, Quantity::Metric(p99)) {
        Content::Nothing if is_measured => {
            Content::Absent(format!("< {} requests each", Latency::P99.least_requests_count()))
        }
        content => content,
    }
}

/// Requests of all visits to a cell that failed during the attack, of how many.
fn failed_cell(results: &Results<'_>, key: &CellKey) -> Content {
    let counts = |seen: &Observation| {
        let count = |metric| seen.metrics.get(&metric).copied();
        Some((count(Metric::RequestsFailed)?, count(Metric::RequestsCompleted)?))
    };
    let of_cell = results.run.counted().filter(|(_, seen)| CellKey::of(&seen.trial) == *key);
    let counted: Vec<(u64, u64)> = of_cell.filter_map(|(_, seen)| counts(seen)).collect();
    if counted.is_empty() {
        return absent(results, key);
    }
    let failed: u64 = counted.iter().map(|(failed, _)| failed).sum();
    let completed: u64 = counted.iter().map(|(_, completed)| completed).sum();
    Content::Text(format!("{failed} of {}", failed + completed))
}

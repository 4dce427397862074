//! Tenants started at once: when the first, half and the last of them had answered, and what a start takes.

use crate::load::question::CellKey;
use crate::render::table::{Align, Content, Table};
use crate::render::tables::{
    absent, n_cell, number_cell, ratio_cell, rows_by_setting, subject_cell, versus_title,
};
use crate::results::Results;
use weighbridge_schema::method::QuestionKind;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::quantity::Quantity;

/// Rows: setting x subject.
#[must_use]
pub fn table(results: &Results<'_>) -> Table {
    let versus = versus_title(results, QuestionKind::Storm);
    let mut table = Table::new(
        QuestionKind::Storm.key(),
        "Storm: tenants started at once, until their correct answers",
        &[
            ("subject", Align::Left),
            ("last answer [95 % interval]", Align::Right),
            (&versus, Align::Right),
            ("first", Align::Right),
            ("half", Align::Right),
            ("starts/s", Align::Right),
            ("CPU time per start", Align::Right),
            (&versus, Align::Right),
            ("failed", Align::Right),
            ("n", Align::Right),
        ],
    );
    rows_by_setting(results, QuestionKind::Storm, &mut table, |question, key| {
        let number = |metric| number_cell(results, key, Quantity::Metric(metric));
        let last = Quantity::Metric(Metric::LastAnswer);
        vec![
            subject_cell(key),
            number(Metric::LastAnswer),
            ratio_cell(results, question, key, last),
            number(Metric::FirstAnswer),
            number(Metric::MedianAnswer),
            number(Metric::StartsPerSecond),
            number(Metric::StartCpu),
            ratio_cell(results, question, key, Quantity::Metric(Metric::StartCpu)),
            failed_cell(results, key),
            n_cell(results, key, last),
        ]
    });
    table
}

/// Tenants of all visits to a cell that gave no correct answer, of how many. The raw log names each.
fn failed_cell(results: &Results<'_>, key: &CellKey) -> Content {
    let of_cell = results.run.counted().filter(|(_, seen)| CellKey::of(&seen.trial) == *key);
    let storms: Vec<_> = of_cell.filter_map(|(_, seen)| seen.storm.as_ref()).collect();
    if storms.is_empty() {
        return absent(results, key);
    }
    let failed: usize = storms.iter().map(|storm| storm.failures().count()).sum();
    let all: usize = storms.iter().map(|storm| storm.tenants.len()).sum();
    Content::Text(format!("{failed} of {all}"))
}

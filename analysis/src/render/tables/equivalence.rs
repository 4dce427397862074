//! Equivalence: does every subject answer every request of the list byte for byte alike?

use crate::load::question::CellKey;
use crate::render::table::{Align, Content, Table};
use crate::render::tables::{n_cell, number_cell, rows_by_setting, subject_cell};
use crate::results::Results;
use std::collections::BTreeSet;
use weighbridge_schema::method::QuestionKind;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::quantity::Quantity;

/// Rows: subject.
#[must_use]
pub fn table(results: &Results<'_>) -> Table {
    let mut table = Table::new(
        "equivalence",
        "Equivalence: answers that are byte for byte as expected",
        &[
            ("subject", Align::Left),
            ("cases", Align::Right),
            ("alike", Align::Right),
            ("result", Align::Wrap(0.36)),
            ("n", Align::Right),
        ],
    );
    let equal = Quantity::Metric(Metric::CasesEqual);
    rows_by_setting(results, QuestionKind::Equivalence, &mut table, |_, key| {
        vec![
            subject_cell(key),
            number_cell(results, key, Quantity::Metric(Metric::CasesSent)),
            number_cell(results, key, equal),
            result(results, key),
            n_cell(results, key, equal),
        ]
    });
    table
}

fn result(results: &Results<'_>, key: &CellKey) -> Content {
    let value = |metric| results.summary(key, Quantity::Metric(metric)).map(|s| s.point);
    let (Some(sent), Some(equal)) = (value(Metric::CasesSent), value(Metric::CasesEqual)) else {
        return Content::Nothing;
    };
    let of_cell = results
        .run
        .observations
        .iter()
        .filter(|o| o.trial.cell == key.cell && o.trial.experiment == key.experiment);
    let remarks: BTreeSet<&str> =
        of_cell.flat_map(|o| o.remarks.iter().map(String::as_str)).collect();
    if sent == equal && remarks.is_empty() {
        return Content::text("all alike");
    }
    let remarks: Vec<&str> = remarks.into_iter().collect();
    Content::Text(format!("{} differ: {}", sent - equal, remarks.join("; ")))
}

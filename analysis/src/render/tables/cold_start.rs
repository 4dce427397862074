//! Cold start: from the start call to the first correct response.

use crate::load::question::Kind;
use crate::quantity::Quantity;
use crate::render::table::{Align, Table};
use crate::render::tables::{
    n_cell, number_cell, ratio_cell, rows_by_setting, subject_cell, versus_title,
};
use crate::results::Results;
use weighbridge_schema::metric::Metric;

/// Rows: workload x subject.
#[must_use]
pub fn table(results: &Results<'_>) -> Table {
    let quantity = Quantity::Metric(Metric::TimeToFirstResponse);
    let versus = versus_title(results, Kind::ColdStart);
    let mut table = Table::new(
        "cold-start",
        "Cold start: time to the first correct response",
        &[
            ("subject", Align::Left),
            ("median [95 % interval]", Align::Right),
            (&versus, Align::Right),
            ("n", Align::Right),
        ],
    );
    table.abreast = 2;
    rows_by_setting(results, Kind::ColdStart, &mut table, |question, key| {
        vec![
            subject_cell(key),
            number_cell(results, key, quantity),
            ratio_cell(results, question, key, quantity),
            n_cell(results, key, quantity),
        ]
    });
    table
}

//! The highest offered rate that met the service level objective.

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
    let versus = versus_title(results, Kind::HighestRate);
    let mut table = Table::new(
        "highest-rate",
        "Highest rate within the objective, open loop",
        &[
            ("subject", Align::Left),
            ("requests/s [95 % interval]", Align::Right),
            (&versus, Align::Right),
            ("n", Align::Right),
        ],
    );
    let rate = Quantity::Metric(Metric::HighestRate);
    rows_by_setting(results, Kind::HighestRate, &mut table, |question, key| {
        vec![
            subject_cell(key),
            number_cell(results, key, rate),
            ratio_cell(results, question, key, rate),
            n_cell(results, key, rate),
        ]
    });
    table
}

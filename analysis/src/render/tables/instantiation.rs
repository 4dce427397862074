//! Instances made and dropped within one warm process.

use crate::load::question::Kind;
use crate::quantity::Quantity;
use crate::render::table::{Align, Table};
use crate::render::tables::{
    n_cell, number_cell, ratio_cell, rows_by_setting, subject_cell, versus_title,
};
use crate::results::Results;
use weighbridge_schema::metric::Metric;

/// Rows: subject.
#[must_use]
pub fn table(results: &Results<'_>) -> Table {
    let versus = versus_title(results, Kind::Instantiation);
    let mut table = Table::new(
        "instantiation",
        "Instantiation within a warm process",
        &[
            ("subject", Align::Left),
            ("instantiation [95 % interval]", Align::Right),
            (&versus, Align::Right),
            ("USS per held instance [95 % interval]", Align::Right),
            ("n", Align::Right),
        ],
    );
    let time = Quantity::Metric(Metric::Instantiation);
    rows_by_setting(results, Kind::Instantiation, &mut table, |question, key| {
        vec![
            subject_cell(key),
            number_cell(results, key, time),
            ratio_cell(results, question, key, time),
            number_cell(results, key, Quantity::Metric(Metric::InstanceUss)),
            n_cell(results, key, time),
        ]
    });
    table
}

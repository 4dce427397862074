//! Throughput of the closed loop: per second of the clock, and per second of the subject's CPU time.

use crate::load::question::Kind;
use crate::quantity::Quantity;
use crate::render::table::{Align, Table};
use crate::render::tables::{
    n_cell, number_cell, ratio_cell, rows_by_setting, subject_cell, versus_title,
};
use crate::results::Results;
use weighbridge_schema::metric::Metric;

/// Rows: workload x concurrency x subject.
#[must_use]
pub fn table(results: &Results<'_>) -> Table {
    let wall = Quantity::Metric(Metric::RequestsPerSecond);
    let cpu = Quantity::Metric(Metric::RequestsPerCpuSecond);
    let versus = versus_title(results, Kind::Throughput);
    let mut table = Table::new(
        "throughput",
        "Throughput, closed loop",
        &[
            ("subject", Align::Left),
            ("requests/s [95 % interval]", Align::Right),
            (&versus, Align::Right),
            ("requests/CPU-s [95 % interval]", Align::Right),
            (&versus, Align::Right),
            ("n", Align::Right),
        ],
    );
    rows_by_setting(results, Kind::Throughput, &mut table, |question, key| {
        vec![
            subject_cell(key),
            number_cell(results, key, wall),
            ratio_cell(results, question, key, wall),
            number_cell(results, key, cpu),
            ratio_cell(results, question, key, cpu),
            n_cell(results, key, wall),
        ]
    });
    table
}

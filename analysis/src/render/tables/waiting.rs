//! A service that waits for a backend: what a difference comes to as waiting takes more of a request.

use crate::render::table::{Align, Table};
use crate::render::tables::throughput::limited;
use crate::render::tables::{
    n_cell, number_cell, ratio_cell, rows_by_setting, subject_cell, versus_title,
};
use crate::results::Results;
use weighbridge_schema::method::QuestionKind;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::quantity::{Latency, Quantity};

/// Rows: delay of the backend x subject.
#[must_use]
pub fn table(results: &Results<'_>) -> Table {
    let wall = Quantity::Metric(Metric::RequestsPerSecond);
    let cpu = Quantity::Metric(Metric::RequestsPerCpuSecond);
    let memory = Quantity::Metric(Metric::WaitingPss);
    let versus = versus_title(results, QuestionKind::Waiting);
    let mut table = Table::new(
        QuestionKind::Waiting.key(),
        "Waiting: a service that asks a backend and computes nothing, closed loop",
        &[
            ("subject", Align::Left),
            ("requests/s [95 % interval]", Align::Right),
            (&versus, Align::Right),
            ("waiting, %", Align::Right),
            ("requests/CPU-s [95 % interval]", Align::Right),
            (&versus, Align::Right),
            ("latency p99", Align::Right),
            ("PSS per waiting request", Align::Right),
            ("n", Align::Right),
        ],
    );
    rows_by_setting(results, QuestionKind::Waiting, &mut table, |question, key| {
        vec![
            subject_cell(key),
            number_cell(results, key, wall),
            limited(results, question, key, ratio_cell(results, question, key, wall)),
            number_cell(results, key, Quantity::Metric(Metric::WaitingShare)),
            number_cell(results, key, cpu),
            ratio_cell(results, question, key, cpu),
            number_cell(results, key, Quantity::Latency(Latency::P99)),
            number_cell(results, key, memory),
            n_cell(results, key, wall),
        ]
    });
    table
}

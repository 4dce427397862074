//! Latency of the open loop, from the intended send; quantiles over the requests of each invocation.

use crate::load::question::CellKey;
use crate::render::table::{Align, Content, Table};
use crate::render::tables::{
    n_cell, number_cell, ratio_cell, rows_by_setting, subject_cell, versus_title,
};
use crate::results::Results;
use weighbridge_schema::method::QuestionKind;
use weighbridge_schema::quantity::{Latency, Quantity};

/// Rows: workload x offered rate x subject.
#[must_use]
pub fn table(results: &Results<'_>) -> Table {
    let versus = format!("p50 {}", versus_title(results, QuestionKind::Latency));
    let mut table = Table::new(
        "latency",
        "Latency, open loop, from the intended send",
        &[
            ("subject", Align::Left),
            ("p50 [95 % interval]", Align::Right),
            (&versus, Align::Right),
            ("p90", Align::Right),
            ("p99 [95 % interval]", Align::Right),
            ("p99.9", Align::Right),
            ("n", Align::Right),
        ],
    );
    rows_by_setting(results, QuestionKind::Latency, &mut table, |question, key| {
        let p50 = Quantity::Latency(Latency::P50);
        vec![
            subject_cell(key),
            quantile_cell(results, key, Latency::P50, true),
            ratio_cell(results, question, key, p50),
            quantile_cell(results, key, Latency::P90, false),
            quantile_cell(results, key, Latency::P99, true),
            quantile_cell(results, key, Latency::P999, false),
            n_cell(results, key, p50),
        ]
    });
    table
}

/// A quantile; where there are too few requests for it, how many it would need.
fn quantile_cell(
    results: &Results<'_>,
    key: &CellKey,
    latency: Latency,
    with_interval: bool,
) -> Content {
    let is_measured = results.summary(key, Quantity::Latency(Latency::P50)).is_some();
    match number_cell(results, key, Quantity::Latency(latency)) {
        Content::Nothing if is_measured => {
            Content::Absent(format!("< {} requests each", latency.least_requests_count()))
        }
        Content::Number(mut shown) if !with_interval => {
            shown.interval = None;
            Content::Number(shown)
        }
        content => content,
    }
}

//! Latency: a panel for each workload and offered rate, a row for each subject; p50 filled, p99 hollow.

use crate::render::chart::{Chart, Form};
use crate::render::figures::{dots, local_settings};
use crate::results::Results;
use weighbridge_schema::method::QuestionKind;
use weighbridge_schema::quantity::{Latency, Quantity};

/// One panel per experiment and setting.
#[must_use]
pub fn chart(results: &Results<'_>) -> Chart {
    let values = [
        (Some("p50"), Form::Filled, Quantity::Latency(Latency::P50)),
        (Some("p99"), Form::Hollow, Quantity::Latency(Latency::P99)),
    ];
    let panels = results
        .of_kind(QuestionKind::Latency)
        .flat_map(|question| {
            local_settings(results, question).filter_map(move |setting| {
                dots(results, question, setting, "latency (ms, log scale)", &values)
            })
        })
        .collect();
    let title = "Latency from the intended send time, open loop".to_owned();
    Chart { name: "latency", title, panels }
}

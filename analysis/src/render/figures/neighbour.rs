//! Neighbour: a panel for each attack, with the 99th percentile before it and during it.

use crate::render::chart::{Chart, Form};
use crate::render::figures::{Value, dots, local_settings};
use crate::results::Results;
use weighbridge_schema::method::QuestionKind;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::quantity::Quantity;

const VALUES: [Value; 2] = [
    (Some("before"), Form::Hollow, Quantity::Metric(Metric::BeforeLatencyP99)),
    (Some("during"), Form::Filled, Quantity::Metric(Metric::LatencyP99)),
];

/// One panel per experiment and setting.
#[must_use]
pub fn chart(results: &Results<'_>) -> Chart {
    let panels = results
        .of_kind(QuestionKind::Neighbour)
        .flat_map(|question| {
            local_settings(results, question).filter_map(move |setting| {
                dots(results, question, setting, "p99 (ms, log scale)", &VALUES)
            })
        })
        .collect();
    Chart {
        name: "neighbour",
        title: "Neighbour: p99 of a tenant before an attack and during it".to_owned(),
        panels,
    }
}

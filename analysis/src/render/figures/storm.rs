//! Storm: a panel for each number of tenants, with the first, half and the last of the answers.

use crate::render::chart::{Chart, Form};
use crate::render::figures::{Value, dots, local_settings};
use crate::results::Results;
use weighbridge_schema::method::QuestionKind;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::quantity::Quantity;

/// Of one tenant all answers are the last.
const VALUES: [Value; 2] = [
    (Some("first answer"), Form::Hollow, Quantity::Metric(Metric::FirstAnswer)),
    (Some("last answer"), Form::Filled, Quantity::Metric(Metric::LastAnswer)),
];

/// One panel per experiment and setting.
#[must_use]
pub fn chart(results: &Results<'_>) -> Chart {
    let panels = results
        .of_kind(QuestionKind::Storm)
        .flat_map(|question| {
            local_settings(results, question).filter_map(move |setting| {
                dots(
                    results,
                    question,
                    setting,
                    "time since the first start (ms, log scale)",
                    &VALUES,
                )
            })
        })
        .collect();
    Chart {
        name: "storm",
        title: "Storm: answers of tenants that were started at once".to_owned(),
        panels,
    }
}

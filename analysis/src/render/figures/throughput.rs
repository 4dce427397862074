//! Throughput: a panel for each workload and number of connections, a row for each subject.

use crate::render::chart::{Chart, Form, Panel};
use crate::render::figures::{dots, local_settings};
use crate::results::Results;
use weighbridge_schema::method::QuestionKind;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::quantity::Quantity;

const RATE: Quantity = Quantity::Metric(Metric::RequestsPerSecond);

/// One panel per experiment and setting.
#[must_use]
pub fn chart(results: &Results<'_>) -> Chart {
    let panel = |question, setting| -> Option<Panel> {
        let values = [(None, Form::Filled, RATE)];
        dots(results, question, setting, "requests per second (log scale)", &values)
    };
    let panels = results
        .of_kind(QuestionKind::Throughput)
        .flat_map(|question| {
            local_settings(results, question).filter_map(move |setting| panel(question, setting))
        })
        .collect();
    Chart { name: "throughput", title: "Throughput, closed loop".to_owned(), panels }
}

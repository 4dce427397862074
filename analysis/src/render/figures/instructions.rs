//! Instructions per call: a row per workload, a mark per subject and instruction set, hollow for the other one.

use crate::load::question::{CellKey, Question};
use crate::render::chart::{Axis, Chart, Form, Panel, Series, Style};
use crate::render::figures::{family, point};
use crate::results::Results;
use weighbridge_schema::method::QuestionKind;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::quantity::Quantity;

const PER_CALL: Quantity = Quantity::Metric(Metric::InstructionsPerCall);

/// One panel per experiment.
#[must_use]
pub fn chart(results: &Results<'_>) -> Chart {
    let panels =
        results.of_kind(QuestionKind::Instructions).filter_map(|q| panel(results, q)).collect();
    Chart {
        name: "instructions",
        title: "Instructions per call, counted under emulation".to_owned(),
        panels,
    }
}

fn panel(results: &Results<'_>, question: &Question) -> Option<Panel> {
    let local = results.run.manifest.fingerprint.architecture.as_str();
    let rows: Vec<_> = question.settings.iter().filter(|s| s.architecture == local).collect();
    let architectures = results.run.manifest.requested_architectures();
    let arms: Vec<_> = architectures
        .iter()
        .flat_map(|architecture| question.subjects.iter().map(move |s| (*architecture, s)))
        .collect();
    let series: Vec<Series> = arms
        .iter()
        .map(|(architecture, subject)| Series {
            name: Some(format!("{subject}, {architecture}")),
            style: Style::Subject(
                family(results, subject),
                if *architecture == local { Form::Filled } else { Form::Hollow },
            ),
            points: (rows.iter().enumerate())
                .filter_map(|(row, setting)| {
                    let key: CellKey = question.key(setting, subject);
                    let key = key.with_architecture(architecture);
                    point(results, &key, PER_CALL, row as f64)
                })
                .collect(),
        })
        .filter(|series| !series.points.is_empty())
        .collect();
    let values: Vec<f64> = series.iter().flat_map(Series::extremes).collect();
    let names: Vec<String> =
        rows.iter().filter_map(|s| Some(s.workload.as_ref()?.to_string())).collect();
    (!values.is_empty()).then(|| Panel {
        title: String::new(),
        x: Axis::log("instructions per call (log scale)", &values),
        y: Axis::rows(&names),
        series,
    })
}

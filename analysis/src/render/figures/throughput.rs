//! Throughput by concurrency: a panel per workload, a line per subject.

use crate::load::question::{Kind, Question, Setting};
use crate::quantity::Quantity;
use crate::render::chart::{Axis, Chart, Errors, Panel, Series, Style};
use crate::render::figures::{dodge, own_settings, point, style_of};
use crate::results::Results;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::name::WorkloadName;
use weighbridge_schema::parameter::Parameter;

/// One panel per experiment and workload.
#[must_use]
pub fn chart(results: &Results<'_>) -> Chart {
    let panels = results
        .of_kind(Kind::Throughput)
        .flat_map(|question| {
            workloads(question).into_iter().filter_map(|w| panel(results, question, w))
        })
        .collect();
    Chart { name: "throughput", title: "Throughput by concurrency, closed loop".to_owned(), panels }
}

/// The workloads of a question, in its order.
pub(crate) fn workloads(question: &Question) -> Vec<Option<&WorkloadName>> {
    let mut workloads: Vec<_> = question.settings.iter().map(|s| s.workload.as_ref()).collect();
    workloads.dedup();
    workloads
}

/// The settings of one workload with their place on the horizontal axis, ascending.
pub(crate) fn places<'a>(
    results: &Results<'_>,
    question: &'a Question,
    workload: Option<&WorkloadName>,
) -> Vec<(&'a Setting, f64)> {
    let of_workload = own_settings(results, question).filter(|s| s.workload.as_ref() == workload);
    of_workload
        .filter_map(|setting| match setting.parameter {
            Parameter::Concurrency(n) | Parameter::Rate(n) => Some((setting, f64::from(n))),
            _ => None,
        })
        .collect()
}

fn panel(
    results: &Results<'_>,
    question: &Question,
    workload: Option<&WorkloadName>,
) -> Option<Panel> {
    let quantity = Quantity::Metric(Metric::RequestsPerSecond);
    let places = places(results, question, workload);
    let count = question.subjects.len();
    let series: Vec<Series> = question
        .subjects
        .iter()
        .enumerate()
        .map(|(place, subject)| Series {
            name: Some(subject.to_string()),
            style: Style::Line(style_of(results, subject)),
            points: (places.iter())
                .filter_map(|(setting, at)| {
                    let key = question.key(setting, subject);
                    point(results, &key, quantity, Errors::Y, dodge(*at, place, count))
                })
                .collect(),
        })
        .filter(|series| !series.points.is_empty())
        .collect();
    let values: Vec<f64> = series.iter().flat_map(|s| s.extremes(Errors::Y)).collect();
    let settings: Vec<f64> = places.iter().map(|(_, at)| *at).collect();
    (!values.is_empty()).then(|| Panel {
        title: workload.map(ToString::to_string).unwrap_or_default(),
        x: Axis::settings("connections", &settings),
        y: Axis::fitting("requests per second", &values),
        errors: Errors::Y,
        series,
    })
}

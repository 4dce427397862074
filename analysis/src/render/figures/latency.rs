//! Latency by offered rate: a panel per workload; a solid line per subject for p50, a dashed one for p99.

use crate::load::question::{Kind, Question};
use crate::quantity::{Latency, Quantity};
use crate::render::chart::{Axis, Chart, Errors, Panel, Series, Style};
use crate::render::figures::throughput::{places, workloads};
use crate::render::figures::{dodge, point, style_of};
use crate::results::Results;
use weighbridge_schema::name::{SubjectName, WorkloadName};

/// One panel per experiment and workload.
#[must_use]
pub fn chart(results: &Results<'_>) -> Chart {
    let panels = results
        .of_kind(Kind::Latency)
        .flat_map(|question| {
            workloads(question).into_iter().filter_map(|w| panel(results, question, w))
        })
        .collect();
    let title = "Latency by offered rate, open loop: p50 solid, p99 dashed".to_owned();
    Chart { name: "latency", title, panels }
}

fn panel(
    results: &Results<'_>,
    question: &Question,
    workload: Option<&WorkloadName>,
) -> Option<Panel> {
    let places = places(results, question, workload);
    let count = question.subjects.len();
    let line = |place: usize, subject: &SubjectName, latency: Latency| {
        let colour = style_of(results, subject);
        Series {
            // The dashed line shares its subject's colour and mark: one legend entry for both.
            name: (latency == Latency::P50).then(|| subject.to_string()),
            style: match latency {
                Latency::P50 => Style::Line(colour),
                _ => Style::Dashed(colour),
            },
            points: (places.iter())
                .filter_map(|(setting, at)| {
                    let key = question.key(setting, subject);
                    let quantity = Quantity::Latency(latency);
                    point(results, &key, quantity, Errors::Y, dodge(*at, place, count))
                })
                .collect(),
        }
    };
    let series: Vec<Series> = (question.subjects.iter().enumerate())
        .flat_map(|(i, s)| [line(i, s, Latency::P50), line(i, s, Latency::P99)])
        .filter(|series| !series.points.is_empty())
        .collect();
    let values: Vec<f64> = series.iter().flat_map(|s| s.extremes(Errors::Y)).collect();
    let settings: Vec<f64> = places.iter().map(|(_, at)| *at).collect();
    (!values.is_empty()).then(|| Panel {
        title: workload.map(ToString::to_string).unwrap_or_default(),
        x: Axis::settings("offered requests per second", &settings),
        y: Axis::log("p50 solid, p99 dashed (ms, log scale)", &values),
        errors: Errors::Y,
        series,
    })
}

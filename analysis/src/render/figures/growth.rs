//! Growth: a panel for each experiment, a row for each size, a mark for each family of subjects.

use crate::load::question::{Question, Setting};
use crate::render::chart::{Axis, Chart, Family, Form, Panel, Point, Series, Style};
use crate::render::figures::{family, local_settings};
use crate::results::Results;
use weighbridge_schema::method::QuestionKind;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::quantity::Quantity;

const RATE: Quantity = Quantity::Metric(Metric::RequestsPerCpuSecond);

/// One panel per experiment.
#[must_use]
pub fn chart(results: &Results<'_>) -> Chart {
    let panels = results.of_kind(QuestionKind::Growth);
    Chart {
        name: "growth",
        title: "Growth: CPU time of a request over what grows".to_owned(),
        panels: panels.filter_map(|question| panel(results, question)).collect(),
    }
}

/// The settings with their sizes, the smallest first.
fn sizes<'a>(results: &Results<'_>, question: &'a Question) -> Vec<(u64, &'a Setting)> {
    let size = |setting: &'a Setting| {
        let growth = question.growth.as_ref()?;
        Some((growth.size(setting.workload.as_ref(), setting.parameter)?, setting))
    };
    let mut sizes: Vec<_> = local_settings(results, question).filter_map(size).collect();
    sizes.sort_by_key(|(size, _)| *size);
    sizes
}

/// `None` where nothing was measured.
fn panel(results: &Results<'_>, question: &Question) -> Option<Panel> {
    let sizes = sizes(results, question);
    let points = |wanted: Family| -> Vec<Point> {
        let subjects = question.subjects.iter().filter(|name| family(results, name) == wanted);
        let cells =
            subjects.flat_map(|name| sizes.iter().map(move |(_, setting)| (name, *setting)));
        let rows = cells.zip((0..sizes.len()).cycle());
        rows.filter_map(|((name, setting), row)| {
            let summary = results.summary(&question.key(setting, name), RATE)?;
            let milliseconds = |rate: f64| (rate > 0.0).then(|| 1e3 / rate);
            // The larger rate is the shorter time.
            let interval = summary
                .interval
                .and_then(|of| Some((milliseconds(of.high)?, milliseconds(of.low)?)));
            Some(Point { x: milliseconds(summary.point)?, y: row as f64, interval })
        })
        .collect()
    };
    let series = Family::ALL.iter().map(|&family| Series {
        name: Some(family.words().to_owned()),
        style: Style::Subject(family, Form::Filled),
        points: points(family),
    });
    let series: Vec<Series> = series.filter(|series| !series.points.is_empty()).collect();
    let extremes: Vec<f64> = series.iter().flat_map(Series::extremes).collect();
    let names: Vec<String> = sizes.iter().map(|(size, _)| words(*size)).collect();
    (!extremes.is_empty()).then(|| Panel {
        title: question.growth.as_ref().map_or_else(String::new, |of| of.words().to_owned()),
        x: Axis::log("CPU time of a request (ms, log scale)", &extremes),
        y: Axis::rows(&names),
        series,
    })
}

/// `100k`, `40M`: a size in three characters or so.
fn words(size: u64) -> String {
    match size {
        1_000_000.. if size.is_multiple_of(100_000) => format!("{}M", size as f64 / 1e6),
        1_000.. if size.is_multiple_of(100) => format!("{}k", size as f64 / 1e3),
        _ => size.to_string(),
    }
}

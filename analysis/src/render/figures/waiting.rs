//! Waiting: a row for each delay of the backend, with the share of waiting on the baseline; a panel for what the ratio
//! to the baseline is by the clock, by CPU time, and in memory; a mark for each other subject.

use crate::load::question::{Question, Setting};
use crate::render::chart::{Axis, Chart, Form, Panel, Point, Series, Style};
use crate::render::figures::{family, local_settings};
use crate::render::tables::setting_words;
use crate::results::Results;
use weighbridge_schema::method::QuestionKind;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::name::SubjectName;
use weighbridge_schema::quantity::Quantity;

/// What is divided, and how a panel calls it.
const PANELS: [(&str, Metric); 3] = [
    ("requests per second", Metric::RequestsPerSecond),
    ("requests per CPU second", Metric::RequestsPerCpuSecond),
    ("PSS per waiting request", Metric::WaitingPss),
];

/// The panels of each experiment.
#[must_use]
pub fn chart(results: &Results<'_>) -> Chart {
    let panels = results.of_kind(QuestionKind::Waiting).flat_map(|question| {
        PANELS.iter().filter_map(move |panel| self::panel(results, question, panel))
    });
    Chart {
        name: "waiting",
        title: "Waiting: ratios to the baseline by the share of waiting".to_owned(),
        panels: panels.collect(),
    }
}

/// `None` where nothing was measured.
fn panel(
    results: &Results<'_>,
    question: &Question,
    (title, metric): &(&str, Metric),
) -> Option<Panel> {
    let settings: Vec<&Setting> = local_settings(results, question).collect();
    let quantity = Quantity::Metric(*metric);
    let others = question.subjects.iter().filter(|subject| **subject != question.baseline);
    let series: Vec<Series> = others
        .map(|subject| Series {
            name: Some(subject.to_string()),
            style: style(results, question, subject),
            points: points(results, question, &settings, subject, quantity),
        })
        .filter(|series| !series.points.is_empty())
        .collect();
    // The baseline itself is 1: the axis shows it, so that every ratio is seen beside it.
    let mut extremes: Vec<f64> = series.iter().flat_map(Series::extremes).collect();
    if extremes.is_empty() {
        return None;
    }
    extremes.push(1.0);
    let names: Vec<String> =
        settings.iter().map(|setting| row_name(results, question, setting)).collect();
    Some(Panel {
        title: (*title).to_owned(),
        x: Axis::log(&format!("ratio to {} (log scale)", question.baseline), &extremes),
        y: Axis::rows(&names),
        series,
    })
}

/// Of several subjects of a family the first one's marks are filled, and the others' are hollow.
fn style(results: &Results<'_>, question: &Question, subject: &SubjectName) -> Style {
    let of = family(results, subject);
    let mut alike = question.subjects.iter().filter(|other| family(results, other) == of);
    let form = if alike.next() == Some(subject) { Form::Filled } else { Form::Hollow };
    Style::Subject(of, form)
}

fn points(
    results: &Results<'_>,
    question: &Question,
    settings: &[&Setting],
    subject: &SubjectName,
    quantity: Quantity,
) -> Vec<Point> {
    let is_drawable = |value: f64| value.is_finite() && value > 0.0;
    let point = |(row, setting): (usize, &&Setting)| {
        let comparison = results.comparison(&question.key(setting, subject), quantity)?;
        let ends = comparison.interval.map(|interval| (interval.low, interval.high));
        let interval = ends.filter(|&(low, high)| is_drawable(low) && is_drawable(high));
        let x = comparison.ratio.filter(|&ratio| is_drawable(ratio))?;
        Some(Point { x, y: row as f64, interval })
    };
    settings.iter().enumerate().filter_map(point).collect()
}

/// `backend answers after 10 ms: 99 %`: the share of a request's time on the baseline in which it waits.
fn row_name(results: &Results<'_>, question: &Question, setting: &Setting) -> String {
    let key = question.key(setting, &question.baseline);
    let words = setting_words(setting);
    match results.summary(&key, Quantity::Metric(Metric::WaitingShare)) {
        Some(share) => format!("{words}: {:.0} %", share.point),
        None => words,
    }
}

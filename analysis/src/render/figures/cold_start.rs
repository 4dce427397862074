//! Cold start: a row per subject with a dot per workload, and the ladder of stages on the way.

use crate::load::question::{Kind, Question, Setting};
use crate::quantity::Quantity;
use crate::render::chart::{Axis, Chart, Errors, Panel, Point, Series, Style};
use crate::render::figures::{own_settings, point};
use crate::render::tables::ladder::warm;
use crate::render::tables::setting_words;
use crate::results::Results;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::name::SubjectName;
use weighbridge_schema::record::Stage;

/// One panel per experiment: subjects by time, workloads as series.
#[must_use]
pub fn chart(results: &Results<'_>) -> Chart {
    let panels = results.of_kind(Kind::ColdStart).filter_map(|q| panel(results, q)).collect();
    Chart {
        name: "cold-start",
        title: "Cold start: time to the first correct response".to_owned(),
        panels,
    }
}

fn panel(results: &Results<'_>, question: &Question) -> Option<Panel> {
    let quantity = Quantity::Metric(Metric::TimeToFirstResponse);
    let settings: Vec<&Setting> = own_settings(results, question).collect();
    let count = settings.len();
    let series: Vec<Series> = settings
        .into_iter()
        .enumerate()
        .map(|(place, setting)| Series {
            name: Some(setting_words(setting)),
            style: Style::Marks(place),
            points: (question.subjects.iter().enumerate())
                .filter_map(|(row, subject)| {
                    let key = question.key(setting, subject);
                    let across = row as f64 + spread(place, count);
                    point(results, &key, quantity, Errors::X, across)
                })
                .collect(),
        })
        .filter(|series| !series.points.is_empty())
        .collect();
    let values: Vec<f64> = series.iter().flat_map(|s| s.extremes(Errors::X)).collect();
    (!values.is_empty()).then(|| Panel {
        title: title(results, question, ""),
        x: Axis::log("time to first response (ms, log scale)", &values),
        y: Axis::rows(&row_names(results, question, None)),
        errors: Errors::X,
        series,
    })
}

/// Vertical distance from the row's middle, so that workloads do not hide each other.
fn spread(place: usize, count: usize) -> f64 {
    let step = 0.5 / count.max(1) as f64;
    (place as f64 - count.saturating_sub(1) as f64 / 2.0) * step
}

fn title(results: &Results<'_>, question: &Question, words: &str) -> String {
    let several = results.of_kind(Kind::ColdStart).count() > 1;
    match (several, words) {
        (true, "") => question.experiment.to_string(),
        (true, words) => format!("{}, {words}", question.experiment),
        (false, words) => words.to_owned(),
    }
}

/// Every subject keeps its row; one without a number says so.
fn row_names(results: &Results<'_>, question: &Question, only: Option<&Setting>) -> Vec<String> {
    let why = |subject: &SubjectName| {
        let settings = question.settings.iter().filter(|s| only.is_none_or(|only| only == *s));
        let found: Option<Vec<_>> =
            settings.map(|s| results.missing.get(&question.key(s, subject))).collect();
        found.and_then(|all| Some(all.first()?.cause.words()))
    };
    question
        .subjects
        .iter()
        .map(|subject| match why(subject) {
            Some(words) => format!("{subject} ({words})"),
            None => subject.to_string(),
        })
        .collect()
}

/// The moments between the start call and the first response, under the first workload of each experiment and with a
/// warm page cache.
#[must_use]
pub fn stages(results: &Results<'_>) -> Chart {
    let panels = results
        .of_kind(Kind::ColdStart)
        .filter_map(|question| ladder(results, question, warm(question)?))
        .collect();
    Chart {
        name: "cold-start-stages",
        title: "Cold start: the stages on the way".to_owned(),
        panels,
    }
}

fn ladder(results: &Results<'_>, question: &Question, setting: &Setting) -> Option<Panel> {
    let stage_point = |row: usize, subject: &SubjectName, stage: Stage| {
        let key = question.key(setting, subject);
        let found = point(results, &key, Quantity::Stage(stage), Errors::X, row as f64)?;
        // A log axis has no place for a stage at the start call itself.
        (found.x > 0.0).then_some(Point { interval: None, ..found })
    };
    let rows = || question.subjects.iter().enumerate();
    let threads = rows().map(|(row, subject)| Series {
        name: None,
        style: Style::Thread,
        points: Stage::ALL.iter().filter_map(|&s| stage_point(row, subject, s)).collect(),
    });
    let stages = Stage::ALL.iter().enumerate().map(|(place, &stage)| Series {
        name: Some(stage.key().replace('_', " ")),
        style: Style::Marks(place),
        points: rows().filter_map(|(row, subject)| stage_point(row, subject, stage)).collect(),
    });
    let series: Vec<Series> = threads.chain(stages).filter(|s| !s.points.is_empty()).collect();
    let values: Vec<f64> = series.iter().flat_map(|s| s.extremes(Errors::X)).collect();
    let words = setting_words(setting);
    (!values.is_empty()).then(|| Panel {
        title: title(results, question, &words),
        x: Axis::log("time since the start call (ms, log scale; medians)", &values),
        y: Axis::rows(&row_names(results, question, Some(setting))),
        errors: Errors::X,
        series,
    })
}

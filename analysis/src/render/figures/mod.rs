//! The figures, one file each, and what they share: dot plots, a row for each subject and a panel for each setting.

pub mod break_even;
pub mod cold_start;
pub mod forest;
pub mod growth;
pub mod instructions;
pub mod latency;
pub mod neighbour;
pub mod storm;
pub mod throughput;
pub mod waiting;

use crate::load::question::{CellKey, Question, Setting};
use crate::render::chart::{Axis, Chart, Family, Form, Panel, Point, Series, Style};
use crate::render::tables::setting_words;
use crate::results::Results;
use weighbridge_schema::metric::Unit;
use weighbridge_schema::name::SubjectName;
use weighbridge_schema::quantity::Quantity;
use weighbridge_schema::subject::Technology;

/// Every figure, in the report's order.
#[must_use]
pub fn all(results: &Results<'_>) -> Vec<Chart> {
    vec![
        cold_start::chart(results),
        cold_start::stages(results),
        throughput::chart(results),
        growth::chart(results),
        latency::chart(results),
        storm::chart(results),
        neighbour::chart(results),
        waiting::chart(results),
        instructions::chart(results),
        break_even::chart(results),
    ]
}

/// The figures that the report has besides those of the paper, each with the table that it belongs to.
#[must_use]
pub fn of_report(results: &Results<'_>) -> Vec<Chart> {
    forest::charts(results)
}

/// The settings that figures of times draw: those of the local architecture. Others stand in the tables.
pub(crate) fn local_settings<'a>(
    results: &Results<'_>,
    question: &'a Question,
) -> impl Iterator<Item = &'a Setting> {
    let local = results.run.manifest.fingerprint.architecture.clone();
    question.settings.iter().filter(move |setting| setting.architecture == local)
}

/// The family of a subject, by the technology that its definition states.
pub(crate) fn family(results: &Results<'_>, subject: &SubjectName) -> Family {
    match results.run.manifest.subjects.get(subject).map(|entry| entry.definition.technology) {
        Some(Technology::Container) => Family::Container,
        Some(Technology::Wasm) => Family::Wasm,
        Some(Technology::Native) | None => Family::Process,
    }
}

/// A value of each subject: what it is called in the legend beside the family, how it is marked, and which it is.
pub(crate) type Value = (Option<&'static str>, Form, Quantity);

/// The panel of one setting: a row for each of `question`'s subjects, and a mark in it for each of `values` that was
/// measured. `None` where nothing was.
pub(crate) fn dots(
    results: &Results<'_>,
    question: &Question,
    setting: &Setting,
    label: &str,
    values: &[Value],
) -> Option<Panel> {
    let points = |family_wanted: Family, quantity: Quantity| -> Vec<Point> {
        let rows = question.subjects.iter().enumerate();
        rows.filter(|(_, subject)| family(results, subject) == family_wanted)
            .filter_map(|(row, subject)| {
                point(results, &question.key(setting, subject), quantity, row as f64)
            })
            .collect()
    };
    let series: Vec<Series> = Family::ALL
        .iter()
        .flat_map(|&family| values.iter().map(move |value| (family, value)))
        .map(|(family, &(words, form, quantity))| Series {
            name: Some(match words {
                Some(words) => format!("{}, {words}", family.words()),
                None => family.words().to_owned(),
            }),
            style: Style::Subject(family, form),
            points: points(family, quantity),
        })
        .filter(|series| !series.points.is_empty())
        .collect();
    let extremes: Vec<f64> = series.iter().flat_map(Series::extremes).collect();
    (!extremes.is_empty()).then(|| Panel {
        title: title(results, question, setting),
        x: Axis::log(label, &extremes),
        y: Axis::rows(&row_names(results, question)),
        series,
    })
}

/// The setting in words, after the experiment's name where there are several of its kind.
pub(crate) fn title(results: &Results<'_>, question: &Question, setting: &Setting) -> String {
    let words = setting_words(setting);
    let several = results.of_kind(question.kind).count() > 1;
    match (several, words.as_str()) {
        (true, "") => question.experiment.to_string(),
        (true, words) => format!("{}, {words}", question.experiment),
        (false, words) => words.to_owned(),
    }
}

/// Every subject keeps its row; one without any number says why.
pub(crate) fn row_names(results: &Results<'_>, question: &Question) -> Vec<String> {
    let why = |subject: &SubjectName| {
        let requested = question.settings.iter().map(|setting| question.key(setting, subject));
        let requested = requested.filter(|key| question.visits(&key.cell));
        let found: Option<Vec<_>> = requested.map(|key| results.missing.get(&key)).collect();
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

/// A summary as a point of row `row`. Times are drawn in milliseconds.
pub(crate) fn point(
    results: &Results<'_>,
    key: &CellKey,
    quantity: Quantity,
    row: f64,
) -> Option<Point> {
    let summary = results.summary(key, quantity)?;
    let divisor = if quantity.unit() == Unit::Nanoseconds { 1e6 } else { 1.0 };
    let interval = summary.interval.map(|i| (i.low / divisor, i.high / divisor));
    Some(Point { x: summary.point / divisor, y: row, interval })
}

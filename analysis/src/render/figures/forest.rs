//! Forest plots: the ratios to the baseline, a panel for each setting and a row for each subject.

use crate::load::question::{Question, Setting};
use crate::render::chart::{Axis, Chart, Family, Form, Panel, Point, Series, Style};
use crate::render::figures::{family, local_settings, title};
use crate::render::tables::marginal::is_copies;
use crate::results::Results;
use weighbridge_schema::method::QuestionKind;
use weighbridge_schema::name::SubjectName;

/// One figure for each kind of experiment that has ratios, named as its table.
#[must_use]
pub fn charts(results: &Results<'_>) -> Vec<Chart> {
    let with_ratio = QuestionKind::ALL.iter().filter(|kind| kind.facts().has_ratio);
    let charts = with_ratio.map(|&kind| Chart {
        name: kind.key(),
        title: format!("Ratios to the baseline: {}", kind.facts().headline.title()),
        panels: results
            .of_kind(kind)
            .flat_map(|question| {
                let shown = local_settings(results, question).filter(|s| !is_copies(s.parameter));
                shown.filter_map(move |setting| panel(results, question, setting))
            })
            .collect(),
    });
    charts.filter(|chart| !chart.panels.is_empty()).collect()
}

/// A subject with its ratio and the ends of its interval.
type Row<'a> = (&'a SubjectName, (f64, Option<(f64, f64)>));

/// The ratios of one setting, by subject; `None` where there is none.
fn panel(results: &Results<'_>, question: &Question, setting: &Setting) -> Option<Panel> {
    let quantity = question.kind.facts().headline;
    let ratio = |subject: &SubjectName| {
        let comparison = results.comparison(&question.key(setting, subject), quantity)?;
        let interval = comparison.interval.map(|interval| (interval.low, interval.high));
        let is_drawable = |value: f64| value.is_finite() && value > 0.0;
        let ends = interval.filter(|&(low, high)| is_drawable(low) && is_drawable(high));
        comparison.ratio.filter(|&ratio| is_drawable(ratio)).map(|ratio| (ratio, ends))
    };
    let rows: Vec<Row<'_>> =
        question.subjects.iter().filter_map(|s| Some((s, ratio(s)?))).collect();
    let series: Vec<Series> = Family::ALL
        .iter()
        .map(|&wanted| Series {
            name: Some(wanted.words().to_owned()),
            style: Style::Subject(wanted, Form::Filled),
            points: (rows.iter().enumerate())
                .filter(|(_, (subject, _))| family(results, subject) == wanted)
                .map(|(row, (_, (x, interval)))| Point {
                    x: *x,
                    y: row as f64,
                    interval: *interval,
                })
                .collect(),
        })
        .filter(|series| !series.points.is_empty())
        .collect();
    // The baseline itself is 1: the axis shows it, so that every ratio is seen beside it.
    let mut extremes: Vec<f64> = series.iter().flat_map(Series::extremes).collect();
    if extremes.is_empty() {
        return None;
    }
    extremes.push(1.0);
    let names: Vec<String> = rows.iter().map(|(subject, _)| subject.to_string()).collect();
    Some(Panel {
        title: title(results, question, setting),
        x: Axis::log(&format!("ratio to {} (log scale)", question.baseline), &extremes),
        y: Axis::rows(&names),
        series,
    })
}

//! Cold start: a panel for each workload and state of the page cache, and the ladder of stages on the way.

use crate::load::question::{Question, Setting};
use crate::render::chart::{Axis, Chart, Form, Panel, Point, Series, Style};
use crate::render::figures::{dots, local_settings, point, row_names, title};
use crate::render::tables::ladder::warm;
use crate::results::Results;
use weighbridge_schema::method::QuestionKind;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::name::SubjectName;
use weighbridge_schema::quantity::Quantity;
use weighbridge_schema::record::Stage;

const TIME: Quantity = Quantity::Metric(Metric::TimeToFirstResponse);

/// One panel per experiment and setting.
#[must_use]
pub fn chart(results: &Results<'_>) -> Chart {
    let panel = |question, setting| -> Option<Panel> {
        let values = [(None, Form::Filled, TIME)];
        dots(results, question, setting, "time to first response (ms, log scale)", &values)
    };
    let panels = results
        .of_kind(QuestionKind::ColdStart)
        .flat_map(|question| {
            local_settings(results, question).filter_map(move |setting| panel(question, setting))
        })
        .collect();
    Chart {
        name: "cold-start",
        title: "Cold start: time to the first correct response".to_owned(),
        panels,
    }
}

/// The moments between the start call and the first response, under the first workload of each experiment and with a
/// warm page cache.
#[must_use]
pub fn stages(results: &Results<'_>) -> Chart {
    let panels = results
        .of_kind(QuestionKind::ColdStart)
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
        let found = point(results, &key, Quantity::Stage(stage), row as f64)?;
        // A log axis has no place for a stage at the start call itself.
        (found.x > 0.0).then_some(Point { interval: None, ..found })
    };
    let rows = || question.subjects.iter().enumerate();
    let threads = rows().map(|(row, subject)| Series {
        name: None,
        style: Style::Thread,
        points: Stage::ALL.iter().filter_map(|&s| stage_point(row, subject, s)).collect(),
    });
    let stages = Stage::ALL.iter().enumerate().map(|(index, &stage)| Series {
        name: Some(stage.key().replace('_', " ")),
        style: Style::Marks(index),
        points: rows().filter_map(|(row, subject)| stage_point(row, subject, stage)).collect(),
    });
    let series: Vec<Series> = threads.chain(stages).filter(|s| !s.points.is_empty()).collect();
    let values: Vec<f64> = series.iter().flat_map(Series::extremes).collect();
    (!values.is_empty()).then(|| Panel {
        title: title(results, question, setting),
        x: Axis::log("time since the start call (ms, log scale; medians)", &values),
        y: Axis::rows(&row_names(results, question)),
        series,
    })
}

//! What each additional instance of a service adds to a machine that runs some already.

use crate::load::question::{CellKey, Question, Setting};
use crate::render::table::{Align, Content, Row, Table};
use crate::render::tables::{absent, n_cell, number_cell, ratio_cell, subject_cell, versus_title};
use crate::results::Results;
use weighbridge_schema::method::QuestionKind;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::parameter::Parameter;
use weighbridge_schema::quantity::Quantity;

/// Rows: subject. The shim stands beside and is not added: it is not the service's, and an engine may share it.
#[must_use]
pub fn table(results: &Results<'_>) -> Table {
    let versus = format!("PSS {}", versus_title(results, QuestionKind::Memory));
    let mut table = Table::new(
        "memory-marginal",
        "Memory per further instance",
        &[
            ("subject", Align::Left),
            ("PSS [95 % interval]", Align::Right),
            (&versus, Align::Right),
            ("USS [95 % interval]", Align::Right),
            ("beside: shim PSS, each", Align::Right),
            ("beside: engine PSS, once", Align::Right),
            ("n", Align::Right),
        ],
    );
    for (question, setting) in results.of_kind(QuestionKind::Memory).filter_map(with_copies) {
        table.rows.push(Row::Heading(heading(question, setting)));
        for subject in &question.subjects {
            table.push(cells(results, question, &question.key(setting, subject)));
        }
    }
    table
}

/// The first setting with several copies, which are all under one workload.
pub(crate) fn with_copies(question: &Question) -> Option<(&Question, &Setting)> {
    let mut copies = question.settings.iter().filter(|setting| is_copies(setting.parameter));
    Some((question, copies.next()?))
}

/// Cells of several instances side by side are points of a slope, and no rows of their own.
pub(crate) fn is_copies(parameter: Parameter) -> bool {
    matches!(parameter, Parameter::Copies(_))
}

fn heading(question: &Question, setting: &Setting) -> String {
    let numbers = question.settings.iter().filter_map(|setting| match setting.parameter {
        Parameter::Copies(n) => Some(n.to_string()),
        _ => None,
    });
    let workload = setting.workload.as_ref().map(ToString::to_string).unwrap_or_default();
    format!("{workload}, slope over {} instances", numbers.collect::<Vec<_>>().join(", "))
}

/// A slope over the cells like `measured`; or why there is none.
pub(crate) fn slope_cell(results: &Results<'_>, measured: &CellKey, quantity: Quantity) -> Content {
    match number_cell(results, &measured.with_parameter(Parameter::None), quantity) {
        Content::Nothing => absent(results, measured),
        content => content,
    }
}

/// Blocks that have a slope; without any, how the cells like `measured` fared.
pub(crate) fn slope_n_cell(
    results: &Results<'_>,
    measured: &CellKey,
    quantity: Quantity,
) -> Content {
    let key = measured.with_parameter(Parameter::None);
    let has_slope = results.summary(&key, quantity).is_some();
    n_cell(results, if has_slope { &key } else { measured }, quantity)
}

fn cells(results: &Results<'_>, question: &Question, measured: &CellKey) -> Vec<Content> {
    let pss = Quantity::Metric(Metric::MarginalPss);
    let key = &measured.with_parameter(Parameter::None);
    let beside = |metric| {
        let idle = key.with_parameter(Parameter::Idle);
        match number_cell(results, &idle, Quantity::Metric(metric)) {
            Content::Number(mut shown) => {
                shown.interval = None;
                Content::Number(shown)
            }
            _ => Content::Nothing,
        }
    };
    vec![
        subject_cell(key),
        slope_cell(results, measured, pss),
        ratio_cell(results, question, key, pss),
        slope_cell(results, measured, Quantity::Metric(Metric::MarginalUss)),
        beside(Metric::ShimPss),
        beside(Metric::EnginePss),
        slope_n_cell(results, measured, pss),
    ]
}

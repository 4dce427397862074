//! Operations within a process: what each takes in each subject, and which steps the factor between the first and
//! the last is the product of.

use crate::compare::{Comparison, compare_cell};
use crate::load::question::{Question, Setting};
use crate::render::number::show_ratio;
use crate::render::table::{Align, Content, Row, Table};
use crate::render::tables::{
    n_cell, number_cell, ratio_cell, rows_by_setting, setting_words, subject_cell, versus_title,
};
use crate::results::Results;
use weighbridge_schema::method::{Method, QuestionKind};
use weighbridge_schema::metric::Metric;
use weighbridge_schema::name::SubjectName;
use weighbridge_schema::operation::AttributionStep;
use weighbridge_schema::parameter::Parameter;
use weighbridge_schema::quantity::Quantity;

const CPU: Quantity = Quantity::Metric(Metric::OperationCpu);

/// Rows: operation x subject.
#[must_use]
pub fn table(results: &Results<'_>) -> Table {
    let kind = QuestionKind::Operations;
    let versus = versus_title(results, kind);
    let mut table = Table::new(
        kind.key(),
        "Operations within a process: CPU time",
        &[
            ("subject", Align::Left),
            ("median [95 % interval]", Align::Right),
            (&versus, Align::Right),
            ("n", Align::Right),
        ],
    );
    table.abreast = 2;
    rows_by_setting(results, kind, &mut table, |question, key| {
        vec![
            subject_cell(key),
            number_cell(results, key, CPU),
            ratio_cell(results, question, key, CPU),
            n_cell(results, key, CPU),
        ]
    });
    table
}

/// Rows: whole request x step, then their product, then the factor as measured.
#[must_use]
pub fn factor(results: &Results<'_>) -> Table {
    let mut table = Table::new(
        "operations-factor",
        "Where the factor comes from: steps between neighbours, and their product",
        &[
            ("subject", Align::Left),
            ("versus", Align::Left),
            ("factor [95 % interval]", Align::Right),
            ("n", Align::Right),
            ("what it differs by", Align::Wrap(0.45)),
        ],
    );
    for question in results.of_kind(QuestionKind::Operations) {
        let Method::Operations { steps, .. } = &question.method else { continue };
        for setting in question.settings.iter().filter(|setting| is_whole(setting)) {
            let found = climb(results, question, setting, steps);
            if !found.is_empty() {
                table.rows.push(Row::Heading(setting_words(setting)));
                rows(results, question, setting, &found, &mut table);
            }
        }
    }
    table
}

fn is_whole(setting: &Setting) -> bool {
    matches!(setting.parameter, Parameter::Operation(operation) if operation.is_whole())
}

/// The steps that can be taken: each from one measured subject to the next, with the words of those between that were not.
fn climb(
    results: &Results<'_>,
    question: &Question,
    setting: &Setting,
    steps: &[AttributionStep],
) -> Vec<(Comparison, String)> {
    let (mut before, mut words, mut found) = (&question.baseline, Vec::new(), Vec::new());
    for AttributionStep { to, by } in steps {
        words.push(by.as_str());
        if let Some(comparison) = beside(results, question, setting, to, before) {
            found.push((comparison, words.join("; ")));
            words.clear();
            before = to;
        }
    }
    found
}

/// One subject beside another, block by block; `None` when either was not measured.
fn beside(
    results: &Results<'_>,
    question: &Question,
    setting: &Setting,
    subject: &SubjectName,
    versus: &SubjectName,
) -> Option<Comparison> {
    compare_cell(&results.samples, &question.key(setting, subject), CPU, versus, results.seed)
}

fn rows(
    results: &Results<'_>,
    question: &Question,
    setting: &Setting,
    found: &[(Comparison, String)],
    table: &mut Table,
) {
    for (comparison, words) in found {
        table.push(cells(comparison, words.clone()));
    }
    let Some((last, _)) = found.last() else { return };
    let last = &last.key.cell.subject;
    let whole = beside(results, question, setting, last, &question.baseline);
    let ratios: Option<Vec<f64>> = found.iter().map(|(comparison, _)| comparison.ratio).collect();
    let product: Option<f64> = ratios.map(|ratios| ratios.iter().product());
    table.push(vec![
        Content::text("product of the steps"),
        Content::Nothing,
        product.map_or(Content::Nothing, |product| Content::Number(show_ratio(product, None))),
        Content::Nothing,
        verdict(product, whole.as_ref()),
    ]);
    if let Some(whole) = whole {
        table.push(cells(&whole, "the whole, measured beside each other".to_owned()));
    }
}

fn cells(comparison: &Comparison, words: String) -> Vec<Content> {
    let ratio = comparison.ratio.map(|ratio| show_ratio(ratio, comparison.interval));
    vec![
        Content::text(comparison.key.cell.subject.as_str()),
        Content::text(comparison.versus.as_str()),
        ratio.map_or_else(|| Content::Absent("undefined".to_owned()), Content::Number),
        Content::Text(comparison.n.0.min(comparison.n.1).to_string()),
        Content::Text(words),
    ]
}

/// Whether the steps multiply up to what was measured. The median of the ratios is taken step by step, and the product
/// of medians is the median of the products only nearly.
fn verdict(product: Option<f64>, whole: Option<&Comparison>) -> Content {
    let Some((product, whole)) = product.zip(whole) else { return Content::Nothing };
    let (Some(ratio), Some(interval)) = (whole.ratio, whole.interval) else {
        return Content::text("too few invocations to say whether that is the whole");
    };
    if (interval.low..=interval.high).contains(&product) {
        return Content::text("within the interval of the whole");
    }
    let percent = (product / ratio - 1.0).abs() * 100.0;
    Content::Text(format!("{percent:.1} % beside the whole, and outside of its interval"))
}

//! Growth: what a request takes at each size, and by which power of the size that grows.

use crate::load::question::{CellKey, Question};
use crate::render::table::{Align, Content, Row, Table};
use crate::render::tables::{
    absent, n_cell, number_cell, ratio_cell, rows_by_setting, subject_cell, versus_title,
};
use crate::results::Results;
use crate::summarise::growth::exponent_key;
use weighbridge_schema::growth::Growth;
use weighbridge_schema::method::QuestionKind;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::name::SubjectName;
use weighbridge_schema::quantity::{Latency, Quantity};

const RATE: Quantity = Quantity::Metric(Metric::RequestsPerCpuSecond);
const EXPONENT: Quantity = Quantity::Metric(Metric::GrowthExponent);
/// What the logarithms of equal numbers leave is not growth: over six orders of magnitude this makes a thousandth.
const NEGLIGIBLE: f64 = 1e-4;

/// Rows: setting x subject.
#[must_use]
pub fn table(results: &Results<'_>) -> Table {
    let versus = versus_title(results, QuestionKind::Growth);
    let mut table = Table::new(
        QuestionKind::Growth.key(),
        "Growth: requests of several sizes and over several connections, closed loop",
        &[
            ("subject", Align::Left),
            ("requests/CPU-s [95 % interval]", Align::Right),
            (&versus, Align::Right),
            ("latency p50", Align::Right),
            ("latency p99", Align::Right),
            ("n", Align::Right),
        ],
    );
    rows_by_setting(results, QuestionKind::Growth, &mut table, |question, key| {
        vec![
            subject_cell(key),
            number_cell(results, key, RATE),
            ratio_cell(results, question, key, RATE),
            number_cell(results, key, Quantity::Latency(Latency::P50)),
            number_cell(results, key, Quantity::Latency(Latency::P99)),
            n_cell(results, key, RATE),
        ]
    });
    table
}

/// Rows: experiment x subject.
#[must_use]
pub fn exponents(results: &Results<'_>) -> Table {
    let mut table = Table::new(
        "growth-exponents",
        "Growth: by which power the CPU time of a request grows",
        &[
            ("subject", Align::Left),
            ("exponent [95 % interval]", Align::Right),
            ("of its work", Align::Right),
            ("grows", Align::Left),
            ("n", Align::Right),
        ],
    );
    for question in results.of_kind(QuestionKind::Growth) {
        let Some(growth) = &question.growth else { continue };
        table.rows.push(Row::Heading(format!(
            "{}: {}",
            question.experiment,
            range(question, growth)
        )));
        for subject in &question.subjects {
            table.push(cells(results, question, growth, subject));
        }
    }
    table
}

/// `pixels, 100000 to 40000000`.
fn range(question: &Question, growth: &Growth) -> String {
    let sizes = question.settings.iter();
    let sizes = sizes.filter_map(|of| growth.size(of.workload.as_ref(), of.parameter));
    let (least, most) = (sizes.clone().min(), sizes.max());
    match (least, most) {
        (Some(least), Some(most)) => format!("{}, {least} to {most}", growth.words()),
        _ => growth.words().to_owned(),
    }
}

fn cells(
    results: &Results<'_>,
    question: &Question,
    growth: &Growth,
    subject: &SubjectName,
) -> Vec<Content> {
    let measured = question.settings.first().map(|setting| question.key(setting, subject));
    let Some(measured) = measured else { return vec![Content::text(subject.as_str())] };
    let key = exponent_key(&measured);
    let exponent = match number_cell(results, &key, EXPONENT) {
        Content::Nothing => absent(results, &measured),
        content => content,
    };
    vec![
        subject_cell(&measured),
        exponent,
        Content::text(growth.exponent_of_work().to_string()),
        grows(results, &key, growth),
        n_cell(
            results,
            if results.summary(&key, EXPONENT).is_some() { &key } else { &measured },
            EXPONENT,
        ),
    ]
}

/// Beside its work: by the whole interval of the exponent, or not decided.
fn grows(results: &Results<'_>, key: &CellKey, growth: &Growth) -> Content {
    let work = f64::from(growth.exponent_of_work());
    let interval = results.summary(key, EXPONENT).and_then(|summary| summary.interval);
    match interval {
        Some(interval) if interval.low > work + NEGLIGIBLE => Content::text("faster than its work"),
        Some(interval) if interval.high < work - NEGLIGIBLE => {
            Content::text("more slowly than its work")
        }
        Some(_) => Content::text("as its work"),
        None => Content::Nothing,
    }
}

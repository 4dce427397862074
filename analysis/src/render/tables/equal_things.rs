//! Equal things compared: how far apart a subject and its twin seem to be, and the smallest effect that counts by it.

use crate::compare::Comparison;
use crate::equal::Source;
use crate::load::question::Question;
use crate::render::table::{Align, Content, Row, Table};
use crate::results::Results;
use weighbridge_schema::name::WorkloadName;
use weighbridge_schema::quantity::Quantity;

/// Rows: experiment x workload, each by the quantity that answers the experiment's question.
#[must_use]
pub fn table(results: &Results<'_>) -> Table {
    let mut table = Table::new(
        "equal-things",
        "Equal things compared: subjects beside their twins",
        &[
            ("workload", Align::Left),
            ("pairs", Align::Right),
            ("interval without 1", Align::Right),
            ("largest seeming effect", Align::Right),
            ("smallest effect that counts", Align::Right),
            ("could be seen (80 % power)", Align::Right),
        ],
    );
    table.when_empty = "the run has no twins";
    for question in results.questions.iter().filter(|question| !question.twins.is_empty()) {
        let quantity = question.kind.facts().headline;
        let rows = rows(results, question, quantity);
        if rows.is_empty() {
            continue;
        }
        let heading = format!("{}: {}", question.experiment, quantity.title());
        table.rows.push(Row::Heading(heading));
        rows.into_iter().for_each(|row| table.push(row));
    }
    table
}

fn rows(results: &Results<'_>, question: &Question, quantity: Quantity) -> Vec<Vec<Content>> {
    let pairs: Vec<&Comparison> = results
        .of_twins
        .iter()
        .filter(|pair| pair.key.experiment == question.experiment && pair.quantity == quantity)
        .collect();
    let mut workloads: Vec<Option<&WorkloadName>> =
        pairs.iter().map(|pair| pair.key.cell.workload.as_ref()).collect();
    workloads.sort();
    workloads.dedup();
    let row = |workload: &Option<&WorkloadName>| {
        let under: Vec<&Comparison> = pairs
            .iter()
            .filter(|pair| pair.key.cell.workload.as_ref() == *workload)
            .copied()
            .collect();
        cells(results, question, *workload, &under)
    };
    workloads.iter().filter_map(row).collect()
}

fn cells(
    results: &Results<'_>,
    question: &Question,
    workload: Option<&WorkloadName>,
    pairs: &[&Comparison],
) -> Option<Vec<Content>> {
    let first = pairs.first()?;
    let percent = |percent: f64| Content::text(format!("{percent:.1} %"));
    let differs = |pair: &&&Comparison| pair.interval.is_some_and(|i| i.low > 1.0 || i.high < 1.0);
    let effects = pairs.iter().filter_map(|pair| Some((pair.ratio? - 1.0).abs() * 100.0));
    let floor = results.floors.of(&first.key, first.quantity);
    let power = results.power.get(&(question.experiment.clone(), first.quantity));
    Some(vec![
        Content::text(workload.map_or("-", |workload| workload.as_str())),
        Content::text(pairs.len().to_string()),
        Content::text(pairs.iter().filter(differs).count().to_string()),
        effects.reduce(f64::max).map_or(Content::Nothing, percent),
        floor.map_or(Content::Nothing, |floor| match floor.source {
            Source::Twins { is_pooled: true, .. } => {
                Content::text(format!("{:.1} % (all workloads)", floor.percent))
            }
            Source::Twins { .. } => percent(floor.percent),
            Source::Calibration => Content::text(format!("{:.1} % (calibration)", floor.percent)),
        }),
        power.map_or(Content::Nothing, |power| percent(power.difference_percent)),
    ])
}

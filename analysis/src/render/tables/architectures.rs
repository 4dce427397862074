//! The same question on several instruction sets: values, ratios to the baseline on each, and whether the overhead is
//! the same on all.

use crate::load::question::{CellKey, Kind, Question, Setting};
use crate::quantity::{Latency, Quantity};
use crate::render::number::show_ratio;
use crate::render::table::{Align, Content, Row, Table};
use crate::render::tables::{number_cell, ratio_cell, setting_words, subject_cell};
use crate::results::Results;
use weighbridge_schema::metric::Metric;

/// What is shown of each kind of experiment.
const SHOWN: [(Kind, Quantity); 7] = [
    (Kind::Equivalence, Quantity::Metric(Metric::CasesEqual)),
    (Kind::ArtifactSize, Quantity::Metric(Metric::Shipped)),
    (Kind::Instructions, Quantity::Metric(Metric::InstructionsPerCall)),
    (Kind::ColdStart, Quantity::Metric(Metric::TimeToFirstResponse)),
    (Kind::Throughput, Quantity::Metric(Metric::RequestsPerSecond)),
    (Kind::Latency, Quantity::Latency(Latency::P50)),
    (Kind::Memory, Quantity::Metric(Metric::Pss)),
];

/// Rows: quantity x setting x subject. Empty when one instruction set was asked for.
#[must_use]
pub fn table(results: &Results<'_>) -> Table {
    let asked = results.run.manifest.asked_architectures();
    let own = results.run.manifest.fingerprint.architecture.as_str();
    let others: Vec<&str> = asked.into_iter().filter(|name| *name != own).collect();
    let versus = "vs baseline";
    let titles: Vec<String> =
        others.iter().map(|name| format!("overhead, {name} / {own}")).collect();
    let mut columns = vec![("subject", Align::Left), (own, Align::Right), (versus, Align::Right)];
    for (name, title) in others.iter().zip(&titles) {
        columns.extend([(*name, Align::Right), (versus, Align::Right), (title, Align::Right)]);
    }
    let mut table = Table::new("architectures", "Instruction sets beside each other", &columns);
    if others.is_empty() {
        table.when_empty = "one instruction set was asked for; cargo xtask all --arch x86_64,aarch64 asks for both";
        return table;
    }
    for (kind, quantity) in SHOWN {
        for question in results.of_kind(kind) {
            for setting in question.settings.iter().filter(|s| s.architecture == own) {
                rows(results, question, setting, quantity, &others, &mut table);
            }
        }
    }
    table
}

fn rows(
    results: &Results<'_>,
    question: &Question,
    setting: &Setting,
    quantity: Quantity,
    others: &[&str],
    table: &mut Table,
) {
    let is_measured = |key: &CellKey| results.summary(key, quantity).is_some();
    let elsewhere =
        |key: &CellKey| others.iter().any(|name| is_measured(&key.with_architecture(name)));
    let keys: Vec<CellKey> = question.subjects.iter().map(|s| question.key(setting, s)).collect();
    let anywhere = keys.iter().any(elsewhere);
    // Times of one instruction set stand in tables of their own: here the baseline's row says what is missing.
    let is_shown = |key: &CellKey| match anywhere {
        true => is_measured(key) || elsewhere(key),
        false => key.cell.subject == question.baseline && is_measured(key),
    };
    let shown: Vec<&CellKey> = keys.iter().filter(|key| is_shown(key)).collect();
    if shown.is_empty() {
        return;
    }
    let words = setting_words(setting);
    let place = if words.is_empty() { String::new() } else { format!(", {words}") };
    table.rows.push(Row::Heading(format!("{}{place}: {}", question.experiment, quantity.title())));
    for key in shown {
        let mut cells = vec![subject_cell(key)];
        cells.extend(value_and_ratio(results, question, key, quantity));
        for name in others {
            let other = key.with_architecture(name);
            cells.extend(value_and_ratio(results, question, &other, quantity));
            cells.push(match results.interactions.get(&(other, quantity)) {
                Some(found) => Content::Number(show_ratio(found.ratio, found.interval)),
                None => Content::Nothing,
            });
        }
        table.push(cells);
    }
}

fn value_and_ratio(
    results: &Results<'_>,
    question: &Question,
    key: &CellKey,
    quantity: Quantity,
) -> [Content; 2] {
    let value = match number_cell(results, key, quantity) {
        Content::Nothing => {
            Content::Absent(format!("no {} machine; times are not emulated", key.cell.architecture))
        }
        known => known,
    };
    [value, ratio_cell(results, question, key, quantity)]
}

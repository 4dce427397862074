//! The same question on several instruction sets: values, ratios to the baseline on each, and whether the overhead is
//! the same on all.

use crate::load::question::{CellKey, Question, Setting};
use crate::render::number::show_ratio;
use crate::render::table::{Align, Content, Row, Table};
use crate::render::tables::{number_cell, ratio_cell, setting_words, subject_cell};
use crate::results::Results;
use weighbridge_schema::method::QuestionKind;
use weighbridge_schema::quantity::Quantity;

/// The kinds of experiments that are shown, each by the quantity that answers its question.
const SHOWN: [QuestionKind; 6] = [
    QuestionKind::Equivalence,
    QuestionKind::ArtifactSize,
    QuestionKind::ColdStart,
    QuestionKind::Throughput,
    QuestionKind::Latency,
    QuestionKind::Memory,
];

/// Counts of instructions have so many workloads that they fill a table of their own.
const COUNTED: [QuestionKind; 1] = [QuestionKind::Instructions];

/// Rows: quantity x setting x subject. Empty when one instruction set was requested.
#[must_use]
pub fn table(results: &Results<'_>) -> Table {
    filled(results, &SHOWN, "architectures", "Instruction sets beside each other")
}

/// The same of the instructions that each call takes.
#[must_use]
pub fn instructions(results: &Results<'_>) -> Table {
    let title = "Instructions per call, instruction sets beside each other";
    filled(results, &COUNTED, "architectures-instructions", title)
}

fn filled(
    results: &Results<'_>,
    shown: &[QuestionKind],
    name: &'static str,
    title: &'static str,
) -> Table {
    let requested = results.run.manifest.requested_architectures();
    let local = results.run.manifest.fingerprint.architecture.as_str();
    let others: Vec<&str> = requested.into_iter().filter(|name| *name != local).collect();
    let versus = "vs baseline";
    let titles: Vec<String> =
        others.iter().map(|name| format!("overhead, {name} / {local}")).collect();
    let mut columns = vec![("subject", Align::Left), (local, Align::Right), (versus, Align::Right)];
    for (name, title) in others.iter().zip(&titles) {
        columns.extend([(*name, Align::Right), (versus, Align::Right), (title, Align::Right)]);
    }
    let mut table = Table::new(name, title, &columns);
    if others.is_empty() {
        table.when_empty = "one instruction set was asked for; cargo xtask all --arch x86_64,aarch64 asks for both";
        return table;
    }
    for &kind in shown {
        for question in results.of_kind(kind) {
            rows_of(results, question, kind.facts().headline, &others, &mut table);
        }
    }
    table
}

/// Every setting that was measured on another instruction set too; when none was, the first one alone says what is
/// missing: times of one instruction set stand in tables of their own.
fn rows_of(
    results: &Results<'_>,
    question: &Question,
    quantity: Quantity,
    others: &[&str],
    table: &mut Table,
) {
    let local = &results.run.manifest.fingerprint.architecture;
    let settings: Vec<&Setting> =
        question.settings.iter().filter(|setting| setting.architecture == *local).collect();
    let is_measured = |key: &CellKey| results.summary(key, quantity).is_some();
    let elsewhere =
        |key: &CellKey| others.iter().any(|name| is_measured(&key.with_architecture(name)));
    let keys = |setting: &Setting| -> Vec<CellKey> {
        question.subjects.iter().map(|subject| question.key(setting, subject)).collect()
    };
    if settings.iter().any(|setting| keys(setting).iter().any(elsewhere)) {
        for setting in settings {
            let mut shown = keys(setting);
            shown.retain(|key| is_measured(key) || elsewhere(key));
            rows(results, question, &setting_words(setting), quantity, shown, others, table);
        }
        return;
    }
    let baseline = |setting: &Setting| question.key(setting, &question.baseline);
    let Some(first) = settings.iter().find(|setting| is_measured(&baseline(setting))) else {
        return;
    };
    let words = match settings.len() - 1 {
        0 => setting_words(first),
        more => format!("{} (and {more} more settings)", setting_words(first)),
    };
    rows(results, question, &words, quantity, vec![baseline(first)], others, table);
}

fn rows(
    results: &Results<'_>,
    question: &Question,
    words: &str,
    quantity: Quantity,
    shown: Vec<CellKey>,
    others: &[&str],
    table: &mut Table,
) {
    if shown.is_empty() {
        return;
    }
    let suffix = if words.is_empty() { String::new() } else { format!(", {words}") };
    table.rows.push(Row::Heading(format!("{}{suffix}: {}", question.experiment, quantity.title())));
    for key in shown {
        let mut cells = vec![subject_cell(&key)];
        cells.extend(value_and_ratio(results, question, &key, quantity));
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

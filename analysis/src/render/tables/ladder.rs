//! The ladder of a cold start: every stage on the way to the first response, and below them the rung that needs no
//! new process.

use crate::load::question::{CellKey, Question, Setting};
use crate::render::table::{Align, Content, Row, Table};
use crate::render::tables::{n_cell, number_cell, setting_words};
use crate::results::Results;
use weighbridge_schema::method::QuestionKind;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::name::SubjectName;
use weighbridge_schema::parameter::Parameter;
use weighbridge_schema::quantity::Quantity;
use weighbridge_schema::record::Stage;

/// Rows: subject, and below it each stage that it passes, under the first workload and with a warm page cache.
#[must_use]
pub fn table(results: &Results<'_>) -> Table {
    let settings: Vec<String> = results
        .of_kind(QuestionKind::ColdStart)
        .filter_map(|question| Some(setting_words(warm(question)?)))
        .collect();
    let title = match settings.first() {
        Some(words) => format!("Cold start, stage by stage: {words}"),
        None => "Cold start, stage by stage".to_owned(),
    };
    let mut table = Table::new(
        "ladder",
        &title,
        &[("stage", Align::Left), ("since start call [95 %]", Align::Right), ("n", Align::Right)],
    );
    table.abreast = 3;
    let several = results.of_kind(QuestionKind::ColdStart).count() > 1;
    for question in results.of_kind(QuestionKind::ColdStart) {
        let Some(setting) = warm(question) else { continue };
        for subject in &question.subjects {
            table.rows.push(Row::Heading(match several {
                true => format!("{}: {subject}", question.experiment),
                false => subject.to_string(),
            }));
            rungs(results, &question.key(setting, subject), &mut table);
            instantiation(results, subject, &mut table);
        }
    }
    table
}

/// The setting whose stages are shown: of the first workload the one with a warm page cache.
pub(crate) fn warm(question: &Question) -> Option<&Setting> {
    let first = question.settings.first()?;
    let of_first = question.settings.iter().filter(|s| s.workload == first.workload);
    let mut warm = of_first.filter(|setting| setting.parameter == Parameter::None);
    warm.next().or(Some(first))
}

fn rungs(results: &Results<'_>, key: &CellKey, table: &mut Table) {
    let passed = Stage::ALL.iter().map(|&stage| (stage, Quantity::Stage(stage)));
    let passed: Vec<_> =
        passed.filter(|(_, quantity)| results.summary(key, *quantity).is_some()).collect();
    if passed.is_empty() {
        let response = Quantity::Stage(Stage::Response);
        let why = number_cell(results, key, response);
        table.push(vec![Content::Nothing, why, n_cell(results, key, response)]);
    }
    for (stage, quantity) in passed {
        table.push(vec![
            Content::text(words(stage)),
            number_cell(results, key, quantity),
            n_cell(results, key, quantity),
        ]);
    }
}

/// Where the run has it: how long an instance takes in a process that is there already.
fn instantiation(results: &Results<'_>, subject: &SubjectName, table: &mut Table) {
    let quantity = Quantity::Metric(Metric::Instantiation);
    for question in results.of_kind(QuestionKind::Instantiation) {
        for setting in &question.settings {
            let key = question.key(setting, subject);
            if results.summary(&key, quantity).is_some() {
                table.push(vec![
                    Content::text("(instance in a warm process)"),
                    number_cell(results, &key, quantity),
                    n_cell(results, &key, quantity),
                ]);
            }
        }
    }
}

fn words(stage: Stage) -> &'static str {
    match stage {
        Stage::Bundled => "bundle on disk",
        Stage::Created => "container created",
        Stage::Started => "start call answered",
        Stage::Spawned => "process spawned",
        Stage::Main => "main entered",
        Stage::Engine => "Wasm engine configured",
        Stage::Load => "module loaded",
        Stage::PreInstantiate => "imports resolved",
        Stage::Link => "tenants' imports linked",
        Stage::Listening => "listening",
        Stage::Connected => "connected",
        Stage::FirstByte => "first byte",
        Stage::Response => "first correct response",
    }
}

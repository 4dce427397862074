//! What runtimes can do: whether each capability worked when it was tried, and what was seen.

use crate::load::question::{CellKey, Question, Setting};
use crate::render::table::{Align, Content, Row, Table};
use crate::render::tables::{absent, subject_cell};
use crate::results::Results;
use weighbridge_schema::capability::{Capability, Probe};
use weighbridge_schema::method::QuestionKind;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::name::SubjectName;
use weighbridge_schema::parameter::Parameter;
use weighbridge_schema::quantity::Quantity;

/// Rows: subject; columns: capability.
#[must_use]
pub fn table(results: &Results<'_>) -> Table {
    let mut columns = vec![("subject", Align::Left)];
    columns.extend(Capability::ALL.iter().map(|capability| (capability.title(), Align::Left)));
    let mut table = Table::new("maturity", "Maturity: what works when tried", &columns);
    for question in results.of_kind(QuestionKind::Maturity) {
        for subject in &question.subjects {
            let keys = keys(results, question, subject);
            let name = subject_cell(&keys[0]);
            let words = keys.iter().map(|key| verdict(results, question, key));
            table.push(std::iter::once(name).chain(words).collect());
        }
    }
    table
}

/// Rows: subject and capability, with what was seen, or why nothing was tried.
#[must_use]
pub fn seen(results: &Results<'_>) -> Table {
    let mut table = Table::new(
        "maturity-seen",
        "Maturity: what was seen",
        &[
            ("capability", Align::Left),
            ("works", Align::Left),
            ("what was seen, or why nothing was tried", Align::Wrap(0.7)),
        ],
    );
    for question in results.of_kind(QuestionKind::Maturity) {
        for subject in &question.subjects {
            table.rows.push(Row::Heading(subject.to_string()));
            for (key, capability) in keys(results, question, subject).iter().zip(Capability::ALL) {
                table.push(vec![
                    Content::text(capability.title()),
                    verdict(results, question, key),
                    reason(results, question, key),
                ]);
            }
        }
    }
    table
}

/// The cells of a subject, in the order of the capabilities.
fn keys(results: &Results<'_>, question: &Question, subject: &SubjectName) -> Vec<CellKey> {
    let architecture = &results.run.manifest.fingerprint.architecture;
    let key = |capability: &Capability| {
        let setting = Setting {
            workload: None,
            parameter: Parameter::Capability(*capability),
            architecture: architecture.clone(),
        };
        question.key(&setting, subject)
    };
    Capability::ALL.iter().map(key).collect()
}

/// `yes`, `no`, `varies` where the invocations did not agree, or why there is neither.
fn verdict(results: &Results<'_>, question: &Question, key: &CellKey) -> Content {
    let works = Quantity::Metric(Metric::Works);
    let values = results.run.counted().filter_map(|(_, observation)| {
        let is_of_cell = CellKey::of(&observation.trial) == *key;
        observation.metrics.get(&Metric::Works).filter(|_| is_of_cell).copied()
    });
    let values: Vec<u64> = values.collect();
    match results.summary(key, works).map(|_| values.as_slice()) {
        Some([first, rest @ ..]) if rest.iter().all(|value| value == first) => {
            Content::text(if *first == 0 { "no" } else { "yes" })
        }
        Some(_) => Content::text("varies"),
        None => match question.probe(&results.run.manifest, &key.cell) {
            Some(Probe::Absent(_)) => Content::Absent("none".to_owned()),
            Some(Probe::Untried(_)) => Content::Absent("not tried".to_owned()),
            Some(Probe::Try(_)) | None => absent(results, key),
        },
    }
}

fn reason(results: &Results<'_>, question: &Question, key: &CellKey) -> Content {
    let last = results
        .run
        .counted()
        .filter(|(_, observation)| CellKey::of(&observation.trial) == *key)
        .filter(|(_, observation)| observation.metrics.contains_key(&Metric::Works))
        .last();
    if let Some((_, observation)) = last {
        return Content::Text(observation.remarks.join("; then "));
    }
    match question.probe(&results.run.manifest, &key.cell) {
        Some(Probe::Absent(why) | Probe::Untried(why)) => Content::text(why),
        Some(Probe::Try(_)) | None => match results.missing.get(key) {
            Some(missing) => Content::text(&missing.reason),
            None => Content::Nothing,
        },
    }
}

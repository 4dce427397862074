//! What a service can do that it has no need of: for every attempt and subject what denied it, and what was seen.

use crate::load::question::{CellKey, Question, Setting};
use crate::render::table::{Align, Content, Row, Table, Tone};
use crate::render::tables::absent;
use crate::results::Results;
use weighbridge_schema::isolation::{Attempt, Confinement, Denial, Isolation, Verdict};
use weighbridge_schema::method::QuestionKind;
use weighbridge_schema::name::SubjectName;
use weighbridge_schema::parameter::Parameter;

/// Rows: attempt, and below them how the process says that it is confined; columns: subject.
#[must_use]
pub fn table(results: &Results<'_>) -> Table {
    let asked = asked(results);
    let mut columns = vec![("attempt", Align::Left)];
    columns.extend(asked.iter().map(|(subject, _)| (subject.as_str(), Align::Left)));
    let mut table = Table::new("isolation", "Isolation: what denies an attempt", &columns);
    if asked.is_empty() {
        return table;
    }
    for &attempt in Attempt::ALL {
        let cells = asked.iter().map(|(_, key)| verdict(results, key, attempt));
        table.push(std::iter::once(Content::text(attempt.title())).chain(cells).collect());
    }
    for (title, of) in &SUMMARY {
        let cells = asked.iter().map(|(_, key)| match visits(results, key).last() {
            Some(&isolation) => of(isolation).map_or(Content::Nothing, Content::Text),
            None => absent(results, key),
        });
        table.push(std::iter::once(Content::text(*title)).chain(cells).collect());
    }
    table
}

/// A row below the attempts: its title, and what stands in it.
type SummaryRow = (&'static str, fn(&Isolation) -> Option<String>);

const SUMMARY: [SummaryRow; 7] = [
    ("possible, of those that were answered", |isolation| {
        Some(format!("{} of {}", isolation.possible_count(), isolation.answered_count()))
    }),
    ("user", |isolation| Some(isolation.confinement.as_ref()?.user?.to_string())),
    ("capabilities of Linux", |isolation| capabilities_count(isolation.confinement.as_ref()?)),
    ("filters of system calls", |isolation| {
        let confinement = isolation.confinement.as_ref()?;
        match (confinement.seccomp_mode?, confinement.seccomp_filters_count) {
            (0, _) => Some("0".to_owned()),
            (_, count) => Some(count?.to_string()),
        }
    }),
    ("system calls that its bundle's list refuses", |isolation| {
        Some(isolation.calls_refused_count?.to_string())
    }),
    ("functions that the service imports", |isolation| {
        Some(isolation.functions_imported_count?.to_string())
    }),
    ("release of the kernel", |isolation| isolation.confinement.as_ref()?.kernel.clone()),
];

fn capabilities_count(confinement: &Confinement) -> Option<String> {
    let held = u64::from_str_radix(confinement.capabilities.as_deref()?, 16).ok()?;
    Some(held.count_ones().to_string())
}

/// Rows: subject and attempt, with the answer.
#[must_use]
pub fn seen(results: &Results<'_>) -> Table {
    let mut table = Table::new(
        "isolation-seen",
        "Isolation: what was seen",
        &[
            ("attempt", Align::Left),
            ("denied by", Align::Left),
            ("error", Align::Left),
            ("elsewhere", Align::Left),
            ("answers after", Align::Left),
            ("what was seen", Align::Wrap(0.4)),
        ],
    );
    for (subject, key) in asked(results) {
        let Some(isolation) = visits(results, &key).last().copied() else { continue };
        table.rows.push(Row::Heading(subject.to_string()));
        for tried in &isolation.tried {
            let code = |name: &Option<String>| Content::code(name.as_deref());
            table.push(vec![
                Content::text(tried.attempt.title()),
                verdict(results, &key, tried.attempt),
                code(&tried.error),
                code(&tried.error_elsewhere),
                Content::text(if tried.answers_after { "yes" } else { "no" }),
                Content::text(&tried.seen),
            ]);
        }
    }
    table
}

/// Every subject that a definition of this kind asks, with its cell.
fn asked<'a>(results: &'a Results<'_>) -> Vec<(&'a SubjectName, CellKey)> {
    let architecture = &results.run.manifest.fingerprint.architecture;
    let of = |question: &'a Question| {
        let setting = Setting {
            workload: None,
            parameter: Parameter::None,
            architecture: architecture.clone(),
        };
        let key = move |subject| (subject, question.key(&setting, subject));
        question.subjects.iter().map(key)
    };
    results.of_kind(QuestionKind::Isolation).flat_map(of).collect()
}

/// What each counted visit of a cell showed.
fn visits<'a>(results: &'a Results<'_>, key: &CellKey) -> Vec<&'a Isolation> {
    let counted = results.run.counted();
    let of_cell = counted.filter(|(_, observation)| CellKey::of(&observation.trial) == *key);
    of_cell.filter_map(|(_, observation)| observation.isolation.as_ref()).collect()
}

/// What denied the attempt; `varies` where the visits did not agree, or why nothing is known.
fn verdict(results: &Results<'_>, key: &CellKey, attempt: Attempt) -> Content {
    let visits = visits(results, key);
    let mut verdicts = visits.iter().map(|isolation| isolation.verdict(attempt));
    let Some(first) = verdicts.next() else { return absent(results, key) };
    if verdicts.any(|other| other != first) {
        return Content::text("varies");
    }
    match first {
        None => Content::Absent("unknown".to_owned()),
        Some(Verdict::Possible) => Content::Toned(Tone::Possible, "possible".to_owned()),
        Some(Verdict::Denied(denial)) => Content::Toned(tone(denial), denial.words().to_owned()),
        Some(Verdict::Unexplained(error)) => Content::Code(error),
    }
}

fn tone(denial: Denial) -> Tone {
    match denial {
        Denial::Interface | Denial::Instance => Tone::Interface,
        Denial::Capability => Tone::Capability,
        Denial::Filter | Denial::CapabilityOrFilter => Tone::Filter,
        Denial::Namespace | Denial::ReadOnly | Denial::AccessRules => Tone::View,
        Denial::Limit => Tone::Limit,
    }
}

//! What it takes to make a service and to change it: the tools of each form, and what a panic and a debugger show. What
//! is counted and timed stands in plain tables.

use crate::load::question::CellKey;
use crate::render::number::show;
use crate::render::table::{Align, Content, Table};
use crate::render::tables::{absent, rows_by_setting, subject_cell};
use crate::results::Results;
use weighbridge_schema::method::QuestionKind;
use weighbridge_schema::metric::Unit;
use weighbridge_schema::name::SubjectName;
use weighbridge_schema::overhead::{Attached, Overhead, Tool};

/// Rows: tool, with the subjects whose form needs it.
#[must_use]
pub fn tools(results: &Results<'_>) -> Table {
    let mut table = Table::new(
        "overhead-tools",
        "Overhead: what must be on the machine before, the Rust compiler aside",
        &[
            ("tool", Align::Left),
            ("how it comes", Align::Left),
            ("files", Align::Right),
            ("fetched", Align::Right),
            ("for", Align::Wrap(0.35)),
        ],
    );
    let mut rows: Vec<(&Tool, Vec<&SubjectName>)> = Vec::new();
    for (subject, overhead) in counted(results) {
        for tool in &overhead.tools {
            match rows.iter_mut().find(|(known, _)| known.name == tool.name) {
                Some((_, subjects)) if !subjects.contains(&subject) => subjects.push(subject),
                Some(_) => {}
                None => rows.push((tool, vec![subject])),
            }
        }
    }
    let number = |value: Option<u64>, unit: Unit| match value {
        Some(value) => Content::Number(show(value as f64, None, unit, true)),
        None => Content::Absent("not known".to_owned()),
    };
    for (tool, subjects) in rows {
        let subjects: Vec<&str> = subjects.iter().map(|name| name.as_str()).collect();
        table.push(vec![
            Content::text(&tool.name),
            Content::text(&tool.provider),
            number(tool.files_count, Unit::Count),
            number(tool.fetched_bytes, Unit::Bytes),
            Content::Text(subjects.join(", ")),
        ]);
    }
    table
}

/// Rows: service x subject.
#[must_use]
pub fn seen(results: &Results<'_>) -> Table {
    let mut table = Table::new(
        "overhead-seen",
        "Overhead: what a panic of the handler shows, and what a debugger",
        &[
            ("subject", Align::Left),
            ("the client of a panic gets", Align::Wrap(0.26)),
            ("the service writes", Align::Wrap(0.36)),
            ("answers after", Align::Left),
            ("frames that a debugger names", Align::Left),
        ],
    );
    rows_by_setting(results, QuestionKind::Overhead, &mut table, |_, key| {
        // The last visit that has built it.
        let overhead = visits(results, key).filter(|overhead| overhead.panic.is_some()).last();
        let unseen = || match visits(results, key).next() {
            Some(_) => Content::Absent("not built".to_owned()),
            None => absent(results, key),
        };
        let Some((overhead, panic)) = overhead.and_then(|of| Some((of, of.panic.as_ref()?))) else {
            return vec![subject_cell(key), unseen(), unseen(), unseen(), unseen()];
        };
        let log = match panic.log.as_str() {
            "" => "nothing",
            log => log,
        };
        vec![
            subject_cell(key),
            Content::text(&panic.client),
            Content::text(log),
            Content::text(if panic.answers_after { "yes" } else { "no" }),
            match &overhead.debugger {
                Some(attached) => Content::Text(frames(attached)),
                None => Content::Absent("no debugger".to_owned()),
            },
        ]
    });
    table
}

fn frames(attached: &Attached) -> String {
    let Attached { program, frames_count, named_frames_count } = attached;
    format!("{named_frames_count} of {frames_count} ({program})")
}

/// What every counted visit showed, with its subject.
fn counted<'a>(results: &'a Results<'_>) -> impl Iterator<Item = (&'a SubjectName, &'a Overhead)> {
    results.run.counted().filter_map(|(_, observation)| {
        Some((&observation.trial.cell.subject, observation.overhead.as_ref()?))
    })
}

/// What the counted visits of a cell showed.
fn visits<'a>(results: &'a Results<'_>, key: &'a CellKey) -> impl Iterator<Item = &'a Overhead> {
    let counted = results.run.counted();
    let of_cell = counted.filter(move |(_, observation)| CellKey::of(&observation.trial) == *key);
    of_cell.filter_map(|(_, observation)| observation.overhead.as_ref())
}

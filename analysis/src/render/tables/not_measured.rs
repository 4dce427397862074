//! What was requested and not measured, why, and the line that would make it so. Nothing vanishes silently.

use crate::load::question::CellKey;
use crate::render::table::{Align, Content, Table};
use crate::results::Results;
use crate::summarise::missing::{Cause, Missing};
use std::collections::{BTreeMap, BTreeSet};
use weighbridge_schema::artifact::Provision;

/// Rows: subject (or cell), and the needs of build and run that nothing met.
#[must_use]
pub fn table(results: &Results<'_>) -> Table {
    let mut table = Table::new(
        "not-measured",
        "Not measured",
        &[
            ("what", Align::Wrap(0.2)),
            ("why", Align::Wrap(0.38)),
            ("the line that would make it so", Align::Wrap(0.34)),
        ],
    );
    table.when_empty = "nothing: everything that was asked for was measured";
    for (missing, what) in grouped(results) {
        table.push(vec![
            Content::Text(what),
            Content::Text(format!("{}: {}", missing.cause.words(), missing.reason)),
            Content::code(missing.remedy.as_deref()),
        ]);
    }
    if let Some(count) = not_asked(results) {
        table.push(vec![Content::Text(count), Content::text(NOT_ASKED), Content::Nothing]);
    }
    for provision in unmet(results) {
        table.push(vec![
            Content::text(&provision.need),
            Content::text(&provision.detail),
            Content::code(provision.remedy.as_deref()),
        ]);
    }
    table
}

/// Why a cell that nobody requested has no number.
pub const NOT_ASKED: &str = "not asked for: the run was of some subjects only";

/// `40 cells of 17 subjects`, of which the definitions tell and the run was not asked for; `None` where there are none.
#[must_use]
pub fn not_asked(results: &Results<'_>) -> Option<String> {
    let cells = results.missing.keys().filter(|key| !results.is_asked(key));
    let subjects: Vec<_> = cells.map(|key| &key.cell.subject).collect();
    let different: BTreeSet<_> = subjects.iter().collect();
    (!subjects.is_empty())
        .then(|| format!("{} cells of {} subjects", subjects.len(), different.len()))
}

/// Absent cells with the same cause in one entry: a subject that is not installed is named once. What nobody requested
/// is not among them.
#[must_use]
pub fn grouped(results: &Results<'_>) -> Vec<(Missing, String)> {
    let mut groups: BTreeMap<(String, Missing), Vec<&CellKey>> = BTreeMap::new();
    for (key, missing) in results.missing.iter().filter(|(key, _)| results.is_asked(key)) {
        let name = key.cell.subject.to_string();
        groups.entry((name, missing.clone())).or_default().push(key);
    }
    groups
        .into_iter()
        .map(|((subject, missing), keys)| {
            let what = match (missing.cause == Cause::NotInstalled, keys.as_slice()) {
                (false, [one]) => one.to_string(),
                (false, several) => {
                    format!("{} (and {} more cells)", several[0], several.len() - 1)
                }
                (true, _) => subject,
            };
            (missing, what)
        })
        .collect()
}

fn unmet<'a>(results: &'a Results<'_>) -> impl Iterator<Item = &'a Provision> {
    let manifest = &results.run.manifest;
    let all = manifest.artifacts.provisions.iter().chain(&manifest.provisions);
    all.filter(|provision| provision.provider.is_none())
}

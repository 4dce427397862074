//! The subjects: what they are, in which version, and what a start and a wall mean for them.

use crate::render::table::{Align, Content, Table};
use crate::results::Results;
use weighbridge_schema::manifest::Availability;

/// Rows: subject, in the definitions' order.
#[must_use]
pub fn table(results: &Results<'_>) -> Table {
    let mut table = Table::new(
        "subjects",
        "Subjects",
        &[
            ("subject", Align::Left),
            ("what it is", Align::Wrap(0.26)),
            ("version", Align::Wrap(0.26)),
            ("cold-start boundary", Align::Wrap(0.28)),
            ("isolation", Align::Wrap(0.26)),
            ("WASI", Align::Left),
        ],
    );
    let entries = &results.run.manifest.subjects;
    let requested = results.requested_subjects().into_iter();
    for (name, entry) in requested.filter_map(|name| entries.get_key_value(name)) {
        let definition = &entry.definition;
        table.push(vec![
            Content::text(name.as_str()),
            Content::text(&definition.title),
            match &entry.availability {
                Availability::Installed { version } => Content::code(Some(version)),
                Availability::NotInstalled { reason, .. } if !definition.programs().is_empty() => {
                    Content::Absent(reason.clone())
                }
                Availability::NotInstalled { .. } => Content::Absent("not installed".to_owned()),
            },
            Content::text(definition.boundary()),
            Content::text(&definition.isolation),
            definition.wasi.as_ref().map_or(Content::Nothing, Content::text),
        ]);
    }
    table
}

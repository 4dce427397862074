//! What was built for which instruction set, and which files are the same for all.

use crate::render::number::show;
use crate::render::table::{Align, Content, Table};
use crate::results::Results;
use std::collections::BTreeSet;
use weighbridge_schema::artifact::{Artifact, Artifacts};
use weighbridge_schema::metric::Unit;

/// Digits of a digest that a table shows.
const DIGITS: usize = 12;

/// Rows: artifact.
#[must_use]
pub fn table(results: &Results<'_>) -> Table {
    let manifest = &results.run.manifest;
    let built: Vec<&Artifacts> =
        std::iter::once(&manifest.artifacts).chain(manifest.foreign_artifacts.values()).collect();
    let titles: Vec<(String, String)> = built
        .iter()
        .map(|of| (of.architecture.clone(), format!("SHA-256, {}", of.architecture)))
        .collect();
    let mut columns = vec![("artifact", Align::Left)];
    for (architecture, digest) in &titles {
        columns.extend([(architecture.as_str(), Align::Right), (digest.as_str(), Align::Left)]);
    }
    columns.push(("same file", Align::Left));
    let mut table =
        Table::new("portability", "Portability: what is built per instruction set", &columns);
    let names: BTreeSet<&String> = built.iter().flat_map(|of| of.artifacts.keys()).collect();
    for name in names {
        let files: Vec<Option<&Artifact>> = built.iter().map(|of| of.artifacts.get(name)).collect();
        let mut cells = vec![Content::text(name)];
        cells.extend(files.iter().flat_map(|file| size_and_digest(*file)));
        cells.push(same(&files));
        table.push(cells);
    }
    table
}

fn size_and_digest(file: Option<&Artifact>) -> [Content; 2] {
    match file {
        Some(artifact) => [
            Content::Number(show(artifact.size_bytes as f64, None, Unit::Bytes, true)),
            Content::code(artifact.sha256.get(..DIGITS)),
        ],
        None => [Content::Absent("not built".to_owned()), Content::Nothing],
    }
}

fn same(files: &[Option<&Artifact>]) -> Content {
    let known: Option<Vec<&Artifact>> = files.iter().copied().collect();
    match known.as_deref() {
        Some([first, rest @ ..]) if !rest.is_empty() => {
            let equal = rest.iter().all(|other| other.sha256 == first.sha256);
            Content::text(if equal { "yes" } else { "no" })
        }
        _ => Content::Nothing,
    }
}

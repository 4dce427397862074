//! The parts of a fleet become one run.

use super::{Fleet, Progress};
use crate::merge::{Merged, Part, merge};
use anyhow::{Result, bail};
use std::path::Path;
use weighbridge_project::files::read_json;
use weighbridge_schema::manifest::Manifest;

/// Merges the parts that count into `results`. `found` is the fleet's progress.
///
/// # Errors
/// An element is not complete, or the parts are not the whole plan; the message names what is missing.
pub fn collect(folder: &Path, fleet: &Fleet, found: &[Progress], results: &Path) -> Result<Merged> {
    let open: Vec<String> = found
        .iter()
        .filter(|one| one.done.is_none())
        .map(|one| {
            let state = one.state.as_deref().unwrap_or("not in the queue");
            format!("{} ({state})", one.element.name())
        })
        .collect();
    if let Some(first) = found.iter().find(|one| one.done.is_none()) {
        bail!(
            "{} of {} elements are not complete: {}; see {}",
            open.len(),
            found.len(),
            open.join(", "),
            super::script::log_of(folder, &first.element).display()
        );
    }
    let mut parts = Vec::new();
    for name in found.iter().filter_map(|one| one.done.as_ref()) {
        let mut part = Part::read(&folder.join("parts").join(name))?;
        part.manifest.add_revision(fleet.revision.as_ref());
        parts.push(part);
    }
    let whole: Manifest = read_json(&folder.join("plan.json"))?;
    merge(parts, &fleet.run, results, Some(&whole))
}

//! Several part runs become one run: each part measured some blocks, or one instruction set, of the same plan.
//!
//! Nothing is dropped and nothing is guessed: every planned trial is there exactly once, or the merge says which is
//! not. What was visited again because the machine was disturbed (`repeat` above 0) comes along.

mod check;
mod files;
mod manifest;
pub mod part;
#[cfg(test)]
mod tests;

pub use part::Part;

use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use weighbridge_schema::manifest::Manifest;
use weighbridge_schema::plan::Trial;

/// What came of a merge.
#[derive(Debug)]
pub struct Merged {
    /// The run's folder.
    pub folder: PathBuf,
    /// Observations in it.
    pub observations_count: usize,
    /// What a reader should know: a machine that changed its kernel, a subject that no machine had.
    pub notes: Vec<String>,
}

/// Merges `parts` into the run `name` in `results`. `whole` is the plan that they were made from, where it was written
/// beforehand: what it holds and no part does is missing, unless no machine had the subject.
///
/// # Errors
/// The parts do not belong together; a planned trial is missing or there twice; the run exists already.
pub fn merge(
    mut parts: Vec<Part>,
    name: &str,
    results: &Path,
    whole: Option<&Manifest>,
) -> Result<Merged> {
    let finished = results.join(name);
    if finished.exists() {
        bail!("{} exists already: a run is never overwritten", finished.display());
    }
    parts.sort_by_key(Part::order);
    check::belong_together(&parts)?;
    let plan = plan(&parts)?;
    check::complete(&parts, &plan)?;
    let mut notes = match whole {
        Some(whole) => check::against(whole, &plan, &parts)?,
        None => Vec::new(),
    };
    let (machines, names, renamed) = manifest::machines(&parts);
    notes.extend(renamed);
    let manifest = manifest::merged(&parts, name, plan, machines)?;
    let (folder, observations_count) = files::write(&parts, &manifest, &names, results)
        .with_context(|| format!("write {}", finished.display()))?;
    Ok(Merged { folder, observations_count, notes })
}

/// All trials in the order of the blocks; within a block in the order in which each part visited them.
fn plan(parts: &[Part]) -> Result<Vec<Trial>> {
    let mut planned: BTreeMap<&Trial, &Part> = BTreeMap::new();
    let mut plan = Vec::new();
    for part in parts {
        for trial in &part.manifest.plan {
            if let Some(other) = planned.insert(trial, part) {
                bail!(
                    "{} was planned twice, in {} and in {}",
                    check::shown(trial),
                    other.name(),
                    part.name()
                );
            }
            plan.push(trial.clone());
        }
    }
    plan.sort_by_key(|trial| trial.invocation);
    Ok(plan)
}

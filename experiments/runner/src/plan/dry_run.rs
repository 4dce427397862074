//! `--dry-run`: what would be measured and what it would cost, a row for each experiment.

use crate::plan::estimate::estimate;
use crate::question::catalog::Catalog;
use crate::run::announce::human_duration;
use anyhow::Result;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use weighbridge_schema::definition::Profile;
use weighbridge_schema::manifest::{Availability, Manifest};
use weighbridge_schema::name::ExperimentName;
use weighbridge_schema::plan::Trial;

/// The table, with every trial in its order before it where `is_verbose`.
///
/// # Errors
/// The manifest names no profile of ours.
pub fn text(manifest: &Manifest, catalog: &Catalog, is_verbose: bool) -> Result<String> {
    let profile: Profile = manifest.profile.parse().map_err(anyhow::Error::msg)?;
    let mut out = String::new();
    if is_verbose {
        for (position, trial) in manifest.plan.iter().enumerate() {
            let (experiment, cell) = (&trial.experiment, &trial.cell);
            writeln!(out, "{position:>5}  {experiment:<15} {cell}  #{}", trial.invocation)?;
        }
        out.push('\n');
    }
    let mut by_experiment: BTreeMap<&ExperimentName, Vec<Trial>> = BTreeMap::new();
    for trial in &manifest.plan {
        by_experiment.entry(&trial.experiment).or_default().push(trial.clone());
    }
    writeln!(
        out,
        "{:<16} {:>6} {:>12} {:>8}  about",
        "experiment", "cells", "invocations", "trials"
    )?;
    for (name, trials) in &by_experiment {
        let (ms, _) = estimate(trials, &catalog.definitions, &catalog.subjects, profile)?;
        row(&mut out, name.as_str(), trials, &human_duration(ms))?;
    }
    let (ms, bytes) = estimate(&manifest.plan, &catalog.definitions, &catalog.subjects, profile)?;
    row(&mut out, "all", &manifest.plan, &human_duration(ms))?;
    absent(&mut out, manifest)?;
    writeln!(
        out,
        "{} trials, seed {}: about {} and {} MB of raw logs; nothing was measured (--dry-run)",
        manifest.plan.len(),
        manifest.seed,
        human_duration(ms),
        bytes.div_ceil(1_000_000)
    )?;
    Ok(out)
}

/// Cells, the most invocations of one of them, and trials at most: a cell ends earlier when its interval is narrow.
fn row(out: &mut String, name: &str, trials: &[Trial], about: &str) -> std::fmt::Result {
    let cells: BTreeSet<_> = trials.iter().map(|trial| (&trial.experiment, &trial.cell)).collect();
    let invocations: BTreeSet<u32> = trials.iter().map(|trial| trial.invocation).collect();
    let (cells, invocations, trials) = (cells.len(), invocations.len(), trials.len());
    writeln!(out, "{name:<16} {cells:>6} {invocations:>12} {trials:>8}  {about}")
}

/// The subjects that would be left out, one line for all that have the same reason.
fn absent(out: &mut String, manifest: &Manifest) -> std::fmt::Result {
    let mut by_reason: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, entry) in &manifest.subjects {
        if let Availability::NotInstalled { reason, .. } = &entry.availability {
            by_reason.entry(reason).or_default().push(name.as_str());
        }
    }
    for (reason, names) in by_reason {
        writeln!(out, "left out: {}: {reason}", names.join(", "))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use weighbridge_schema::parameter::Parameter;
    use weighbridge_schema::plan::Cell;

    #[test]
    fn a_row_counts_cells_and_the_invocations_of_the_longest() {
        let trial = |subject: &str, invocation| Trial {
            experiment: "memory".parse().unwrap(),
            cell: Cell {
                subject: subject.parse().unwrap(),
                workload: None,
                architecture: "x86_64".to_owned(),
                parameter: Parameter::Idle,
            },
            invocation,
        };
        let trials = [trial("native", 0), trial("native", 1), trial("native", 2), trial("runc", 0)];
        let mut out = String::new();
        row(&mut out, "memory", &trials, "7 min").unwrap();
        let words: Vec<&str> = out.split_whitespace().collect();
        assert_eq!(words, ["memory", "2", "3", "4", "7", "min"]);
    }
}

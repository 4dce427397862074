//! A run of everything, once: is every trial there, and did each succeed that can succeed on this machine?

use anyhow::{Context, Result};
use std::fs::File;
use std::path::Path;
use weighbridge_schema::line;
use weighbridge_schema::manifest::{Availability, Manifest};
use weighbridge_schema::metric::Metric;
use weighbridge_schema::parameter::Parameter;
use weighbridge_schema::plan::Trial;
use weighbridge_schema::record::{Observation, Outcome};

/// Whether this user may have the page cache dropped: root of the initial namespace alone. Opening the
/// file for writing is the kernel's own check of it, and drops nothing.
fn can_drop_page_cache() -> bool {
    File::options().write(true).open("/proc/sys/vm/drop_caches").is_ok()
}

/// Whether a failure says something about the machine and nothing about the code: where the page cache
/// cannot be dropped no such cell starts, beside other work no rate may meet its bound, and without an
/// emulator nothing is counted.
fn is_the_machines(trial: &Trial, stage: &str, can_drop_page_cache: bool) -> bool {
    let is_dropped = trial.cell.parameter == Parameter::PageCacheDropped;
    (is_dropped && !can_drop_page_cache) || ["search", "emulator"].contains(&stage)
}

fn read(run: &Path, name: &str) -> Result<String> {
    let path = run.join(name);
    std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))
}

fn observations(run: &Path) -> Result<Vec<Observation>> {
    let text = read(run, "observations.jsonl")?;
    let lines = text.lines().map(|text| line::read(text.as_bytes()));
    lines
        .map(|read| read.map(|read| read.observation))
        .collect::<Result<_, _>>()
        .context("read observations.jsonl")
}

/// Each subject answered the whole list of requests as expected; prints a line for each.
///
/// # Errors
/// One did not; the message names its cells. The raw log cannot be read.
pub fn check_answers(run: &Path) -> Result<()> {
    let mut differ = Vec::new();
    for seen in observations(run)? {
        let of = |metric| seen.metrics.get(&metric).copied();
        let (Some(sent), Some(equal)) = (of(Metric::CasesSent), of(Metric::CasesEqual)) else {
            continue;
        };
        println!("{}: {equal} of {sent} answers as expected", seen.trial.cell.subject);
        if sent != equal {
            differ.push(format!("{}: {}", seen.trial.cell.subject, seen.remarks.join("; ")));
        }
    }
    anyhow::ensure!(differ.is_empty(), "answers differ: {}", differ.join("\n"));
    Ok(())
}

/// Every planned trial is there and none failed but for the machine's sake.
///
/// # Errors
/// One failed or is missing, or the raw log cannot be read; the message names it.
pub fn check(run: &Path) -> Result<()> {
    let manifest: Manifest = serde_json::from_str(&read(run, "manifest.json")?)?;
    let observations = observations(run)?;
    let can_drop_page_cache = can_drop_page_cache();
    for observation in &observations {
        if let Outcome::Failed { stage, reason } = &observation.outcome {
            if is_the_machines(&observation.trial, stage, can_drop_page_cache) {
                eprintln!("note: {} was not measured: {stage}: {reason}", observation.trial.cell);
                continue;
            }
            anyhow::bail!(
                "{} {}: {stage}: {reason}",
                observation.trial.experiment,
                observation.trial.cell
            );
        }
    }
    let visited = observations.iter().filter(|observation| observation.repeat == 0).count();
    anyhow::ensure!(
        visited == manifest.plan.len(),
        "{} trials were planned, {visited} are there",
        manifest.plan.len()
    );
    for (name, entry) in &manifest.subjects {
        if let Availability::NotInstalled { reason, .. } = &entry.availability {
            eprintln!("note: {name} was not exercised: {reason}");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use weighbridge_schema::plan::Cell;

    #[test]
    fn a_failure_is_excused_by_what_was_tried_and_by_what_the_machine_permits() {
        let trial = |parameter| Trial {
            experiment: "cold-start".parse().unwrap(),
            cell: Cell {
                subject: "native".parse().unwrap(),
                workload: None,
                architecture: "x86_64".to_owned(),
                parameter,
            },
            invocation: 0,
        };
        let (warm, dropped) = (trial(Parameter::None), trial(Parameter::PageCacheDropped));
        for (trial, stage, can_drop, expected) in [
            (&dropped, "start", false, true),
            (&dropped, "start", true, false),
            (&warm, "start", false, false),
            (&warm, "search", true, true),
            (&warm, "emulator", true, true),
        ] {
            let excused = is_the_machines(trial, stage, can_drop);
            assert_eq!(excused, expected, "{} {stage} {can_drop}", trial.cell);
        }
    }
}

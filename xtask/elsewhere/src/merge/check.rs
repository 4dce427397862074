//! What must hold of parts before they become one run.

use super::Part;
use anyhow::{Result, bail, ensure};
use std::collections::{BTreeMap, BTreeSet};
use weighbridge_schema::manifest::{Availability, Manifest};
use weighbridge_schema::name::ExperimentName;
use weighbridge_schema::plan::{Cell, Trial};
use weighbridge_schema::request::RunRequest;

/// So many trials are named in a message; the rest is counted.
const NAMED_MAX: usize = 5;

/// A trial in words.
pub(super) fn shown(trial: &Trial) -> String {
    let Trial { experiment, cell, invocation } = trial;
    format!("{experiment}: {cell} on {}, invocation {invocation}", cell.architecture)
}

/// Fails with the first of `found`, if there are any.
fn none_of(what: &str, found: &[String]) -> Result<()> {
    let Some(_) = found.first() else { return Ok(()) };
    let named = found[..found.len().min(NAMED_MAX)].join("; ");
    let more = found.len().saturating_sub(NAMED_MAX);
    let rest = if more > 0 { format!("; and {more} more") } else { String::new() };
    bail!("{what}: {named}{rest}")
}

/// Whether two parts were asked for the same, but for the instruction sets, of which each machine has its own; unknown
/// in runs of before it was kept.
fn ask_alike(a: &Manifest, b: &Manifest) -> bool {
    let besides_arch = |request: &RunRequest| RunRequest { arch: Vec::new(), ..request.clone() };
    match (&a.request, &b.request) {
        (Some(a), Some(b)) => besides_arch(a) == besides_arch(b),
        _ => true,
    }
}

/// The parts were made from the same questions, the same build and the same choice.
pub(super) fn belong_together(parts: &[Part]) -> Result<()> {
    let Some((first, rest)) = parts.split_first() else { bail!("there are no parts to merge") };
    for part in rest {
        let (a, b) = (&first.manifest, &part.manifest);
        let differs = [
            ("the profile", a.profile != b.profile),
            ("the seed", a.seed != b.seed),
            ("--fixed", a.fixed != b.fixed),
            ("the budget", a.budget_ms != b.budget_ms),
            ("what was asked for", !ask_alike(a, b)),
        ];
        if let Some((what, _)) = differs.iter().find(|(_, differs)| *differs) {
            bail!("{} and {} are not parts of one run: {what} differs", first.name(), part.name());
        }
    }
    let texts = parts.iter().flat_map(|part| {
        let experiments = part.manifest.experiments.iter();
        experiments.map(move |(name, entry)| {
            (part, format!("the definition of {name}"), &entry.definition_toml)
        })
    });
    all_equal(texts)?;
    let corpus = parts.iter().flat_map(|part| {
        let files = part.manifest.corpus_sha256.iter();
        let own = part.manifest.files_sha256.iter().chain(&part.manifest.image_ids);
        let files =
            files.map(move |(file, digest)| (part, format!("the corpus file {file}"), digest));
        files.chain(
            own.map(move |(name, digest)| (part, format!("the file or image {name}"), digest)),
        )
    });
    all_equal(corpus)?;
    let mixes = parts.iter().flat_map(|part| {
        let mixes = part.manifest.mixes.iter();
        mixes.map(move |(name, mix)| (part, format!("the mix {name}"), mix))
    });
    all_equal(mixes)?;
    let limits = parts.iter().flat_map(|part| {
        let limits = part.manifest.limits.iter();
        limits.map(move |limits| {
            (part, "the limits of subjects".to_owned(), &limits.of_every_subject)
        })
    });
    all_equal(limits)?;
    let subjects = parts.iter().flat_map(|part| {
        let entries = part.manifest.subjects.iter();
        entries.map(move |(name, entry)| {
            (part, format!("the definition of subject {name}"), &entry.definition)
        })
    });
    all_equal(subjects)?;
    let artifacts = parts.iter().flat_map(|part| {
        let manifest = &part.manifest;
        let own = std::iter::once(&manifest.artifacts);
        own.chain(manifest.foreign_artifacts.values()).flat_map(move |record| {
            let architecture = &record.architecture;
            let each = record.artifacts.iter();
            each.map(move |(name, artifact)| {
                (part, format!("artifact {name} of {architecture}"), artifact)
            })
        })
    });
    all_equal(artifacts)
}

/// What has the same name in several parts is the same.
fn all_equal<'a, T: PartialEq + 'a>(
    named: impl Iterator<Item = (&'a Part, String, &'a T)>,
) -> Result<()> {
    let mut seen: BTreeMap<String, (&Part, &T)> = BTreeMap::new();
    for (part, name, value) in named {
        let (first, known) = *seen.entry(name.clone()).or_insert((part, value));
        ensure!(
            known == value,
            "{} and {} are not parts of one run: {name} differs",
            first.name(),
            part.name()
        );
    }
    Ok(())
}

/// Every trial of `plan` is there exactly once, and the plan itself has no gap.
pub(super) fn complete(parts: &[Part], plan: &[Trial]) -> Result<()> {
    none_of("planned for other blocks, and missing in these", &gaps(parts, plan))?;
    for part in parts {
        let planned: BTreeSet<&Trial> = part.manifest.plan.iter().collect();
        let mut visits: BTreeMap<&Trial, BTreeMap<u32, u32>> = BTreeMap::new();
        for observation in &part.observations {
            let trial = &observation.trial;
            let is_planned = planned.contains(trial);
            ensure!(is_planned, "{} holds what it did not plan: {}", part.name(), shown(trial));
            *visits.entry(trial).or_default().entry(observation.repeat).or_default() += 1;
        }
        let doubles = visits.iter().filter(|(_, repeats)| repeats.values().any(|n| *n > 1));
        let doubles: Vec<String> = doubles.map(|(trial, _)| shown(trial)).collect();
        none_of(&format!("measured twice in {}", part.name()), &doubles)?;
        let is_there = |trial: &Trial| visits.get(trial).is_some_and(|r| r.contains_key(&0));
        let ended = ended_early(part);
        let missing = part.manifest.plan.iter().filter(|trial| !is_there(trial));
        let missing: Vec<String> =
            missing.filter(|trial| !ended.contains(&key(trial))).map(shown).collect();
        none_of(&format!("missing in {}", part.name()), &missing)?;
    }
    Ok(())
}

type Key<'a> = (&'a ExperimentName, &'a Cell);

fn key(trial: &Trial) -> Key<'_> {
    (&trial.experiment, &trial.cell)
}

/// Cells that needed fewer invocations than were planned at most, and have all that their stop says.
fn ended_early(part: &Part) -> BTreeSet<Key<'_>> {
    if part.manifest.fixed {
        return BTreeSet::new();
    }
    let mut counts: BTreeMap<Key<'_>, u32> = BTreeMap::new();
    for observation in part.observations.iter().filter(|o| o.repeat == 0) {
        *counts.entry(key(&observation.trial)).or_default() += 1;
    }
    let stops = part.stops.iter().map(|stop| ((&stop.experiment, &stop.cell), stop));
    let whole = stops.filter(|(key, stop)| counts.get(key) == Some(&stop.invocations_count));
    whole.map(|(key, _)| key).collect()
}

/// An experiment on one architecture.
#[derive(Default)]
struct Group<'a> {
    cells: BTreeSet<&'a Cell>,
    invocations: BTreeSet<u32>,
}

/// All cells of an experiment on one architecture have the same blocks; what one lacks, and why.
fn gaps(parts: &[Part], plan: &[Trial]) -> Vec<String> {
    let planned: BTreeSet<&Trial> = plan.iter().collect();
    let mut groups: BTreeMap<(&ExperimentName, &str), Group<'_>> = BTreeMap::new();
    for trial in plan {
        let group = (&trial.experiment, trial.cell.architecture.as_str());
        let group = groups.entry(group).or_default();
        group.cells.insert(&trial.cell);
        group.invocations.insert(trial.invocation);
    }
    let mut found = Vec::new();
    for ((experiment, _), Group { cells, invocations }) in groups {
        let requested = cells.iter().flat_map(|cell| invocations.iter().map(move |i| (*cell, *i)));
        for (cell, invocation) in requested {
            let trial = Trial { experiment: experiment.clone(), cell: cell.clone(), invocation };
            if !planned.contains(&trial) {
                let why = lacking(parts, &trial, invocation).unwrap_or_default();
                found.push(format!("{}{why}", shown(&trial)));
            }
        }
        // The blocks themselves: those between the first and the last that any part has.
        let end = invocations.last().map_or(0, |last| last + 1);
        for invocation in (0..end).filter(|i| !invocations.contains(i)) {
            found.push(format!("{experiment}: block {invocation}"));
        }
    }
    found
}

/// The machine that measured this block and did not have the subject.
fn lacking(parts: &[Part], trial: &Trial, invocation: u32) -> Option<String> {
    let part = parts.iter().find(|part| {
        let same_block = |t: &Trial| {
            t.invocation == invocation && t.cell.architecture == trial.cell.architecture
        };
        part.manifest.plan.iter().any(same_block)
    })?;
    let reason = missing_reason(part, trial)?;
    Some(format!(" (machine {}: {reason})", part.machine()))
}

fn missing_reason<'a>(part: &'a Part, trial: &Trial) -> Option<&'a str> {
    let entry = part.manifest.subjects.get(&trial.cell.subject)?;
    match entry.availability_on(&trial.cell.architecture, part.local())? {
        Availability::NotInstalled { reason, .. } => Some(reason),
        Availability::Installed { .. } => None,
    }
}

/// What `whole` planned and no part did: an error, unless no machine of that architecture had the subject, which gives
/// a note.
pub(super) fn against(whole: &Manifest, plan: &[Trial], parts: &[Part]) -> Result<Vec<String>> {
    let planned: BTreeSet<&Trial> = plan.iter().collect();
    let (mut missing, mut notes) = (Vec::new(), BTreeSet::new());
    for trial in whole.plan.iter().filter(|trial| !planned.contains(trial)) {
        let of_it = parts.iter().filter(|part| {
            part.manifest.requested_architectures().contains(&trial.cell.architecture.as_str())
        });
        let reasons: Option<Vec<&str>> = of_it.map(|part| missing_reason(part, trial)).collect();
        match reasons.as_deref() {
            Some([reason, ..]) => {
                let Cell { subject, architecture, .. } = &trial.cell;
                notes.insert(format!("{subject} was on no machine of {architecture}: {reason}"));
            }
            _ => missing.push(shown(trial)),
        }
    }
    none_of("planned, and in no part", &missing)?;
    Ok(notes.into_iter().collect())
}

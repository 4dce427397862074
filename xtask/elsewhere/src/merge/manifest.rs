//! The manifest and the stops of a merged run.

use super::Part;
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use weighbridge_schema::architecture::Architecture;
use weighbridge_schema::artifact::Artifacts;
use weighbridge_schema::manifest::{Availability, Fingerprint, Manifest, SubjectEntry};
use weighbridge_schema::name::{ExperimentName, SubjectName};
use weighbridge_schema::plan::{Cell, Trial};
use weighbridge_schema::stop::{Stop, StopReason};

/// All machines by name; the name of each part's machine, in the parts' order; and what was renamed.
///
/// A name whose fingerprint changed between two parts (another kernel, say) stands for two machines: the model must not
/// take them for one.
pub(super) fn machines(
    parts: &[Part],
) -> (BTreeMap<String, Fingerprint>, Vec<String>, Vec<String>) {
    let mut machines: BTreeMap<String, Fingerprint> = BTreeMap::new();
    let (mut names, mut notes) = (Vec::new(), Vec::new());
    for part in parts {
        let fingerprint = &part.manifest.fingerprint;
        let name = (1..)
            .map(|number| match number {
                1 => part.machine().to_owned(),
                _ => format!("{}-{number}", part.machine()),
            })
            .find(|name| machines.get(name).is_none_or(|known| known == fingerprint))
            .unwrap_or_default();
        if name != part.machine() && !machines.contains_key(&name) {
            notes.push(format!(
                "{} had changed when {} was measured: it counts as another machine, {name}",
                part.machine(),
                part.name()
            ));
        }
        machines.insert(name.clone(), fingerprint.clone());
        names.push(name);
    }
    (machines, names, notes)
}

/// The manifest of the whole, on the base of the first part.
pub(super) fn merged(
    parts: &[Part],
    name: &str,
    plan: Vec<Trial>,
    machines: BTreeMap<String, Fingerprint>,
) -> Result<Manifest> {
    let mut merged = parts.first().context("there are no parts to merge")?.manifest.clone();
    merged.run = name.to_owned();
    merged.machines = machines;
    merged.plan = plan;
    for part in parts {
        let manifest = &part.manifest;
        merged.started_at_unix_ns = merged.started_at_unix_ns.min(manifest.started_at_unix_ns);
        merged.add_revision(manifest.revision.as_ref());
        fill(&mut merged.emulators, &manifest.emulators);
        fill(&mut merged.corpus_sha256, &manifest.corpus_sha256);
        fill(&mut merged.files_sha256, &manifest.files_sha256);
        fill(&mut merged.mixes, &manifest.mixes);
        // What one machine could not limit was not limited in the whole.
        if let (Some(all), Some(local)) = (&mut merged.limits, &manifest.limits) {
            let new = local.not_applied.iter().filter(|what| !all.not_applied.contains(what));
            let new: Vec<String> = new.cloned().collect();
            all.not_applied.extend(new);
        }
        fill(&mut merged.image_ids, &manifest.image_ids);
        fill(&mut merged.experiments, &manifest.experiments);
        for provision in &manifest.provisions {
            if merged.provisions.iter().all(|known| known.need != provision.need) {
                merged.provisions.push(provision.clone());
            }
        }
    }
    merged.architectures = architectures(parts);
    if let Some(request) = &mut merged.request {
        let requested =
            |one: &Architecture| merged.architectures.iter().any(|name| name == one.name());
        request.arch = Architecture::ALL.into_iter().filter(requested).collect();
    }
    merged.foreign_artifacts = foreign_artifacts(parts, &merged.artifacts);
    merged.subjects = subjects(parts, &merged.fingerprint.architecture, &merged.architectures);
    Ok(merged)
}

fn fill<K: Ord + Clone, V: Clone>(into: &mut BTreeMap<K, V>, from: &BTreeMap<K, V>) {
    for (key, value) in from {
        into.entry(key.clone()).or_insert_with(|| value.clone());
    }
}

/// Those that any part was asked for, in the parts' order.
fn architectures(parts: &[Part]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for name in parts.iter().flat_map(|part| part.manifest.requested_architectures()) {
        if !found.iter().any(|known| known == name) {
            found.push(name.to_owned());
        }
    }
    found
}

fn foreign_artifacts(parts: &[Part], local: &Artifacts) -> BTreeMap<String, Artifacts> {
    let mut found = BTreeMap::new();
    for part in parts {
        let manifest = &part.manifest;
        let records = std::iter::once(&manifest.artifacts);
        for record in records.chain(manifest.foreign_artifacts.values()) {
            if record.architecture != local.architecture {
                found.entry(record.architecture.clone()).or_insert_with(|| record.clone());
            }
        }
    }
    found
}

/// Whether each subject could be measured, as `local` sees it: a subject that some machine had is there.
fn subjects(
    parts: &[Part],
    local: &str,
    architectures: &[String],
) -> BTreeMap<SubjectName, SubjectEntry> {
    let mut merged: BTreeMap<SubjectName, SubjectEntry> = BTreeMap::new();
    for part in parts {
        for (name, entry) in &part.manifest.subjects {
            merged
                .entry(name.clone())
                .or_insert_with(|| SubjectEntry { foreign: BTreeMap::new(), ..entry.clone() });
        }
    }
    for (name, entry) in &mut merged {
        for architecture in architectures {
            let Some(best) = best(parts, name, architecture) else { continue };
            if architecture == local {
                entry.availability = best;
            } else {
                entry.foreign.insert(architecture.clone(), best);
            }
        }
    }
    merged
}

fn best(parts: &[Part], name: &SubjectName, architecture: &str) -> Option<Availability> {
    let requested = parts
        .iter()
        .filter(|part| part.manifest.requested_architectures().contains(&architecture))
        .filter_map(|part| {
            part.manifest.subjects.get(name)?.availability_on(architecture, part.local())
        });
    let installed = requested.clone().find(|a| matches!(a, Availability::Installed { .. }));
    installed.or_else(|| requested.clone().next()).cloned()
}

/// How each cell ended, over all parts. The half-width of a cell that several parts share is that of no part: the
/// analysis computes it anew.
pub(super) fn stops(parts: &[Part]) -> Vec<Stop> {
    let mut merged: BTreeMap<(ExperimentName, Cell), Stop> = BTreeMap::new();
    for stop in parts.iter().flat_map(|part| &part.stops) {
        let key = (stop.experiment.clone(), stop.cell.clone());
        match merged.get_mut(&key) {
            None => {
                merged.insert(key, stop.clone());
            }
            Some(known) => {
                known.invocations_count += stop.invocations_count;
                known.half_width_percent = None;
                known.reason = weightier(known.reason, stop.reason);
            }
        }
    }
    merged.into_values().collect()
}

/// The reason that says more about what is lacking.
fn weightier(a: StopReason, b: StopReason) -> StopReason {
    let rank = |reason| match reason {
        StopReason::Fixed => 0,
        StopReason::Precise | StopReason::Decided => 1,
        StopReason::Most => 2,
        StopReason::Budget => 3,
    };
    if rank(b) > rank(a) { b } else { a }
}

//! Which subjects can be measured here, and the manifest that says so.

use crate::engine::engines::Engines;
use crate::engine::planned_images;
use crate::inventory::artifacts::{Artifacts, key};
use crate::inventory::built::Built;
use crate::inventory::emulator;
use crate::kernel::affinity::divide;
use crate::kernel::clock::{stamp, unix_ns};
use crate::plan::availability::{Machine, availability, foreign_availability};
use crate::plan::lacking;
use crate::plan::order;
use crate::question::catalog::Catalog;
use crate::question::custom_files;
use crate::subject::limits;
use anyhow::Result;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};
use weighbridge_machine::checkout;
use weighbridge_schema::SCHEMA_VERSION;
use weighbridge_schema::artifact::Provision;
use weighbridge_schema::claim::Claim;
use weighbridge_schema::definition::{Definition, Profile};
use weighbridge_schema::manifest::{
    Availability, Emulator, ExperimentEntry, Manifest, ProgramEntry, SubjectEntry,
};
use weighbridge_schema::name::{ProgramName, SubjectName, WorkloadName};
use weighbridge_schema::parse::nearest;
use weighbridge_schema::plan::Trial;
use weighbridge_schema::request::RunRequest;
use weighbridge_schema::subject::{Part, Subject};

/// What the user asked for, and which part of it is measured here.
#[derive(Debug, Clone)]
pub struct Request {
    /// The choices that are the user's.
    pub run: RunRequest,
    /// Only what these claims compare; everything when empty.
    pub claims: Vec<Claim>,
    /// The subjects that those claims compare, and their twins; `None` when no claim is named.
    pub compared: Option<Vec<String>>,
    /// Only the invocations with these numbers.
    pub blocks: Option<Range<u32>>,
    /// The least number of invocations of every cell, whatever they show.
    pub fixed: bool,
    /// Name of this machine among those of a larger run.
    pub machine: Option<String>,
    /// Name of the run; from the time when absent.
    pub name: Option<String>,
    /// The folder of the programs that set-up has installed.
    pub programs: Option<PathBuf>,
    /// Only the plan is wanted: nothing is prepared, since another run may be measuring.
    pub is_dry: bool,
}

impl Request {
    /// The experiments by name: those of the claims, where claims are named and no experiment is; all when there are
    /// none.
    fn experiments(&self) -> Vec<String> {
        if !self.run.experiments.is_empty() {
            return self.run.experiments.clone();
        }
        let named: BTreeSet<String> =
            self.claims.iter().map(|claim| claim.experiment.to_string()).collect();
        named.into_iter().collect()
    }

    fn asks_for(&self, subject: &SubjectName) -> bool {
        let among = |names: &[String]| names.iter().any(|name| name == subject.as_str());
        self.compared.as_deref().is_none_or(among) && self.run.asks_for(subject)
    }
}

/// Looks at every subject and writes down what will be done.
///
/// # Errors
/// A name does not exist, or nothing is left to measure.
pub fn survey(
    request: &Request,
    catalog: &Catalog,
    built: &mut Built,
    engines: &Engines,
    provisions: Vec<Provision>,
    root: &Path,
) -> Result<Manifest> {
    check_requested_names(&request.run, catalog)?;
    let definitions = catalog.select(&request.experiments())?;
    let fingerprint = weighbridge_machine::fingerprint();
    let architectures = request.run.architectures();
    let emulators = emulators(&architectures);
    let files = catalog.custom_files(&definitions, |name| request.asks_for(name))?;
    let files_sha256 = custom_files::digests(&files);
    built.add_custom_files(files);
    let requested = requested_subjects(request, &definitions);
    if !request.is_dry {
        let subjects = requested.iter().filter_map(|name| catalog.subjects.get(*name));
        planned_images::pull(subjects, engines)?;
    }
    let requested =
        requested.into_iter().filter_map(|name| Some((name, catalog.subjects.get(name)?)));
    built.local.locate_and_prepare(
        requested,
        &catalog.programs,
        request.programs.as_deref(),
        request.is_dry,
    );
    let built = &*built;
    let machine = Machine { built, engines, emulators: &emulators, programs: &catalog.programs };
    let subjects = survey_subjects(request, &definitions, catalog, &machine);
    // A plan alone may be made where not everything is: it says what is missing.
    if !request.is_dry
        && (architectures.is_empty() || architectures.iter().any(|name| name == machine.local()))
    {
        lacking::check(&request.run.subject, &subjects)?;
    }
    let plan = plan(request, &definitions, &subjects, &machine)?;
    let used: BTreeSet<&WorkloadName> = definitions.iter().flat_map(|d| &d.workloads).collect();
    let started_at_unix_ns = unix_ns();
    // Questions that a verb writes lie elsewhere, and the checkout is named.
    let revision = checkout::revision(root);
    Ok(Manifest {
        schema_version: SCHEMA_VERSION,
        run: request
            .name
            .clone()
            .unwrap_or_else(|| format!("{}-{}", stamp(started_at_unix_ns), request.run.profile)),
        profile: request.run.profile.to_string(),
        seed: request.run.seed,
        started_at_unix_ns,
        revision_unknown: revision.as_ref().err().cloned(),
        revision: revision.ok(),
        machines: request.machine.iter().map(|name| (name.clone(), fingerprint.clone())).collect(),
        fingerprint,
        architectures,
        emulators,
        fixed: request.fixed,
        budget_ms: request.run.budget_ms,
        request: Some(request.run.clone()),
        pinning: divide(&weighbridge_machine::local_cores()),
        artifacts: built.local.record.clone(),
        foreign_artifacts: built.foreign_records(),
        provisions,
        limits: Some(limits::entry()),
        mixes: used
            .iter()
            .filter_map(|name| Some(((*name).clone(), catalog.mix(name)?.clone())))
            .collect(),
        corpus_sha256: catalog.corpus_sha256(used)?,
        files_sha256,
        image_ids: planned_images::ids(&subjects, engines)?,
        experiments: definitions.iter().map(|d| (d.experiment.clone(), entry(d))).collect(),
        subjects,
        plan,
    })
}

fn check_requested_names(request: &RunRequest, catalog: &Catalog) -> Result<()> {
    check_names("subject", &request.subject, catalog.subjects.keys().map(SubjectName::as_str))?;
    let workloads = catalog.workloads.keys().map(WorkloadName::as_str);
    check_names("workload", &request.workload, workloads)
}

fn check_names<'a>(
    what: &str,
    requested: &[String],
    known: impl Iterator<Item = &'a str> + Clone,
) -> Result<()> {
    for name in requested {
        if !known.clone().any(|k| k == name) {
            match nearest(name, known.clone()) {
                Some(near) => anyhow::bail!("no {what} `{name}`; did you mean `{near}`?"),
                None => anyhow::bail!(
                    "no {what} `{name}`; there are: {}",
                    known.collect::<Vec<_>>().join(", ")
                ),
            }
        }
    }
    Ok(())
}

fn entry(definition: &Definition) -> ExperimentEntry {
    ExperimentEntry {
        question: definition.question.clone(),
        baseline: definition.baseline.clone(),
        subjects: definition.subjects.clone(),
        workloads: definition.workloads.clone(),
        definition_toml: definition.text.clone(),
    }
}

/// An emulator that is missing shows where a subject needs it.
fn emulators(architectures: &[String]) -> BTreeMap<String, Emulator> {
    let found = architectures.iter().map(|name| (name.clone(), emulator::find(name)));
    found.filter_map(|(name, found)| Some((name, found.ok()?))).collect()
}

/// The subjects that the definitions name, as far as they were requested.
pub fn requested_subjects<'a>(
    request: &Request,
    definitions: &[&'a Definition],
) -> BTreeSet<&'a SubjectName> {
    let named = definitions.iter().flat_map(|definition| &definition.subjects);
    named.filter(|name| request.asks_for(name)).collect()
}

/// The subjects that the claims compare, and their twins; every subject when no claim is named.
pub fn compared(
    claims: &[Claim],
    subjects: &BTreeMap<SubjectName, Subject>,
) -> Option<Vec<String>> {
    let is_compared = |name: &SubjectName, subject: &Subject| {
        let name = subject.twin_of.as_ref().unwrap_or(name);
        claims.iter().any(|claim| claim.subject == *name || claim.versus == *name)
    };
    let found = subjects.iter().filter(|(name, subject)| is_compared(name, subject));
    (!claims.is_empty()).then(|| found.map(|(name, _)| name.to_string()).collect())
}

/// What is known of the programs that a subject is run by; of one that is missing, its availability tells.
pub fn program_entries(
    subject: &Subject,
    artifacts: &Artifacts,
) -> BTreeMap<ProgramName, ProgramEntry> {
    let programs = subject.programs().into_iter().filter_map(|(name, version)| {
        let found = artifacts.program(&key(&name, version.as_deref())).ok()?;
        Some((name, found.entry.clone()))
    });
    programs.collect()
}

fn survey_subjects(
    request: &Request,
    definitions: &[&Definition],
    catalog: &Catalog,
    machine: &Machine<'_>,
) -> BTreeMap<SubjectName, SubjectEntry> {
    let requested = requested_subjects(request, definitions);
    let architectures = request.run.architectures();
    let foreign = || architectures.iter().filter(|name| *name != machine.local());
    requested
        .into_iter()
        .filter_map(|name| {
            let subject = catalog.subjects.get(name)?;
            let entry = SubjectEntry {
                definition: subject.clone(),
                availability: availability(name, subject, machine),
                foreign: foreign()
                    .map(|name| (name.clone(), foreign_availability(subject, name, machine)))
                    .collect(),
                programs: program_entries(subject, machine.local_artifacts()),
                prepared: machine
                    .local_artifacts()
                    .prepared(name)
                    .ok()
                    .flatten()
                    .map(|p| p.entry.clone()),
            };
            Some((name.clone(), entry))
        })
        .collect()
}

/// Whether everything that a subject ships and that we build was built for another architecture than this machine's:
/// what `prepare` makes is made by programs of this machine, for it alone.
fn ships_elsewhere(subject: &Subject, artifacts: &Artifacts) -> bool {
    subject.size.shipped.iter().all(|part| match part {
        Part::Artifact(name) => artifacts.path(name).is_ok(),
        Part::Prepared => false,
        Part::Program(_) | Part::File(_) | Part::OciRuntime => true,
    })
}

/// Every trial that a definition asks for.
fn trials<'a>(
    request: &'a Request,
    definition: &'a Definition,
    local: &str,
) -> impl Iterator<Item = Trial> + 'a {
    let planned = match request.fixed {
        true => definition.settings(request.run.profile).invocations,
        false => request.run.planned_invocations(definition),
    };
    let architectures = definition.architectures.visited(local, &request.run.architectures());
    let leaves_out = |name: &SubjectName| {
        request.run.profile == Profile::Smoke && definition.added_twins.contains(name)
    };
    architectures
        .into_iter()
        .flat_map(move |name| definition.trials(request.run.profile, &name, 0..planned))
        .filter(move |trial| !leaves_out(&trial.cell.subject))
}

/// So many reasons are told where nothing is left to measure; the others are counted.
const REASONS_MAX: usize = 3;

/// Why no trial is left of what was asked.
fn nothing_left(subjects: &BTreeMap<SubjectName, SubjectEntry>) -> String {
    let mut by_reason: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, entry) in subjects {
        if let Availability::NotInstalled { reason, .. } = &entry.availability {
            by_reason.entry(reason).or_default().push(name.as_str());
        }
    }
    let is_any_there = subjects.values().any(|entry| {
        let each = entry.foreign.values().chain([&entry.availability]);
        each.into_iter().any(|one| matches!(one, Availability::Installed { .. }))
    });
    if is_any_there || by_reason.is_empty() {
        return "no requested experiment has that subject with that workload; `cargo xtask list` shows what each \
                has"
            .to_owned();
    }
    let reported = by_reason.iter().take(REASONS_MAX);
    let reported: Vec<String> =
        reported.map(|(reason, names)| format!("{}: {reason}", names.join(", "))).collect();
    let rest = match by_reason.len().saturating_sub(REASONS_MAX) {
        0 => String::new(),
        more => format!("; and {more} more reasons, of other subjects"),
    };
    format!("of the requested subjects none is installed: {}{rest}", reported.join("; "))
}

fn plan(
    request: &Request,
    definitions: &[&Definition],
    subjects: &BTreeMap<SubjectName, SubjectEntry>,
    machine: &Machine<'_>,
) -> Result<Vec<Trial>> {
    let installed = |definition: &Definition, trial: &Trial| {
        let architecture = &trial.cell.architecture;
        let is_foreign = architecture != machine.local();
        // What is only weighed need not run; it must have been requested all the same.
        if is_foreign && !definition.method.facts().executes {
            let is_built = |entry: &SubjectEntry| {
                let artifacts = machine.built.of(architecture);
                artifacts.is_ok_and(|artifacts| ships_elsewhere(&entry.definition, artifacts))
            };
            return subjects.get(&trial.cell.subject).is_some_and(is_built);
        }
        subjects.get(&trial.cell.subject).is_some_and(|entry| {
            let availability = entry.availability_on(architecture, machine.local());
            matches!(availability, Some(Availability::Installed { .. }))
        })
    };
    let workload_asked = |trial: &Trial| match &trial.cell.workload {
        Some(name) => {
            let requested = &request.run.workload;
            requested.is_empty() || requested.iter().any(|one| one == name.as_str())
        }
        None => true,
    };
    let claim_asked = |trial: &Trial| {
        let twin_of = subjects.get(&trial.cell.subject).and_then(|e| e.definition.twin_of.as_ref());
        request.claims.is_empty()
            || request.claims.iter().any(|claim| claim.rests_on(trial, twin_of))
    };
    let mut trials: Vec<Trial> = definitions
        .iter()
        .flat_map(|definition| {
            let requested = trials(request, definition, machine.local());
            requested.filter(|trial| installed(definition, trial))
        })
        .filter(workload_asked)
        .filter(claim_asked)
        .collect();
    if trials.is_empty() {
        anyhow::bail!("nothing to measure: {}", nothing_left(subjects));
    }
    // A part whose blocks hold none of them is an empty part: definitions differ in how many invocations they ask for.
    if let Some(blocks) = &request.blocks {
        trials.retain(|trial| blocks.contains(&trial.invocation));
    }
    Ok(order::shuffle(trials, request.run.seed))
}

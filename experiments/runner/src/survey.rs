//! Which subjects can be measured here, and the manifest that says so.

use crate::affinity::divide;
use crate::built::Built;
use crate::catalog::{Artifacts, Catalog};
use crate::clock::{stamp, unix_ns};
use crate::engines::Engines;
use crate::subject::bundle::Runtime;
use crate::{emulator, fingerprint, plan};
use anyhow::{Context, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use weighbridge_schema::SCHEMA_VERSION;
use weighbridge_schema::artifact::Provision;
use weighbridge_schema::definition::{ARCHITECTURES, Definition, Profile};
use weighbridge_schema::manifest::{
    Availability, Emulator, ExperimentEntry, Manifest, SubjectEntry,
};
use weighbridge_schema::name::{SubjectName, WorkloadName};
use weighbridge_schema::parse::nearest;
use weighbridge_schema::plan::Trial;
use weighbridge_schema::subject::{Start, Subject};

/// What the user asked for.
#[derive(Debug, Clone)]
pub struct Request {
    /// How much is measured.
    pub profile: Profile,
    /// Seed of the plan.
    pub seed: u64,
    /// Only these subjects; all when empty.
    pub subjects: Vec<String>,
    /// Only these workloads; all when empty.
    pub workloads: Vec<String>,
    /// Only these experiments; all when empty.
    pub experiments: Vec<String>,
    /// Instruction sets; the machine's own when empty.
    pub architectures: Vec<String>,
    /// Only the invocations with these numbers.
    pub blocks: Option<Range<u32>>,
    /// The least number of invocations of every cell, whatever they show.
    pub fixed: bool,
    /// Time to measure for.
    pub budget: Option<Duration>,
    /// Name of this machine among those of a larger run.
    pub machine: Option<String>,
    /// Name of the run; from the time when absent.
    pub name: Option<String>,
}

/// Looks at every subject and writes down what will be done.
///
/// # Errors
/// A name does not exist, or nothing is left to measure.
pub fn survey(
    request: &Request,
    catalog: &Catalog,
    built: &Built,
    engines: &Engines,
    provisions: Vec<Provision>,
    folder: &Path,
) -> Result<Manifest> {
    check_names("architecture", &request.architectures, ARCHITECTURES.into_iter())?;
    check_names("subject", &request.subjects, catalog.subjects.keys().map(SubjectName::as_str))?;
    check_names(
        "workload",
        &request.workloads,
        catalog.workloads.keys().map(WorkloadName::as_str),
    )?;
    let definitions = catalog.select(&request.experiments)?;
    let fingerprint = weighbridge_machine::fingerprint();
    let emulators = emulators(&request.architectures);
    let machine = Machine { built, engines, emulators: &emulators };
    let subjects = survey_subjects(request, &definitions, catalog, &machine);
    let plan = plan(request, &definitions, &subjects, &machine)?;
    let used: BTreeSet<&WorkloadName> = definitions.iter().flat_map(|d| &d.workloads).collect();
    let started_at_unix_ns = unix_ns();
    Ok(Manifest {
        schema_version: SCHEMA_VERSION,
        run: request
            .name
            .clone()
            .unwrap_or_else(|| format!("{}-{}", stamp(started_at_unix_ns), request.profile)),
        profile: request.profile.to_string(),
        seed: request.seed,
        started_at_unix_ns,
        revision: fingerprint::revision(folder),
        machines: request.machine.iter().map(|name| (name.clone(), fingerprint.clone())).collect(),
        fingerprint,
        architectures: request.architectures.clone(),
        emulators,
        fixed: request.fixed,
        budget_ms: request.budget.map(|budget| budget.as_millis() as u64),
        pinning: divide(&weighbridge_machine::own_cores()),
        artifacts: built.own.record.clone(),
        foreign_artifacts: built.foreign_records(),
        provisions,
        corpus_sha256: catalog.corpus_sha256(used)?,
        experiments: definitions.iter().map(|d| (d.experiment.clone(), entry(d))).collect(),
        subjects,
        plan,
    })
}

fn check_names<'a>(
    what: &str,
    asked: &[String],
    known: impl Iterator<Item = &'a str> + Clone,
) -> Result<()> {
    for name in asked {
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

/// What this machine has to measure with.
struct Machine<'a> {
    built: &'a Built,
    engines: &'a Engines,
    emulators: &'a BTreeMap<String, Emulator>,
}

impl Machine<'_> {
    fn own(&self) -> &str {
        &self.built.own.record.architecture
    }
}

/// An emulator that is missing shows where a subject needs it.
fn emulators(architectures: &[String]) -> BTreeMap<String, Emulator> {
    let found = architectures.iter().map(|name| (name.clone(), emulator::find(name)));
    found.filter_map(|(name, found)| Some((name, found.ok()?))).collect()
}

fn survey_subjects(
    request: &Request,
    definitions: &[&Definition],
    catalog: &Catalog,
    machine: &Machine<'_>,
) -> BTreeMap<SubjectName, SubjectEntry> {
    let asked: BTreeSet<&SubjectName> = definitions
        .iter()
        .flat_map(|definition| &definition.subjects)
        .filter(|name| {
            request.subjects.is_empty() || request.subjects.iter().any(|s| s == name.as_str())
        })
        .collect();
    let foreign = || request.architectures.iter().filter(|name| *name != machine.own());
    asked
        .into_iter()
        .filter_map(|name| {
            let subject = catalog.subjects.get(name)?;
            let entry = SubjectEntry {
                definition: subject.clone(),
                availability: availability(subject, machine),
                foreign: foreign()
                    .map(|name| (name.clone(), foreign_availability(subject, name, machine)))
                    .collect(),
            };
            Some((name.clone(), entry))
        })
        .collect()
}

/// Whether a subject of another architecture can be run under emulation.
fn foreign_availability(
    subject: &Subject,
    architecture: &str,
    machine: &Machine<'_>,
) -> Availability {
    let missing =
        |reason, remedy: String| Availability::NotInstalled { reason, remedy: Some(remedy) };
    if !matches!(subject.start, Start::Process { .. }) {
        return missing(
            format!("only programs are emulated, not containers of {architecture}"),
            "cargo xtask run --on ssh://a-machine-of-that-architecture".to_owned(),
        );
    }
    let artifacts = match machine.built.of(architecture) {
        Ok(artifacts) => artifacts,
        Err(reason) => {
            return missing(reason, format!("cargo xtask build --arch {architecture}"));
        }
    };
    let Some(emulator) = machine.emulators.get(architecture) else {
        return missing(
            format!(
                "there is no emulator for {architecture}: qemu-{architecture} is not installed"
            ),
            "cargo xtask setup".to_owned(),
        );
    };
    let command = subject.version.as_deref().unwrap_or_default();
    match ask_version(command, artifacts, Some(emulator)) {
        Ok(version) => Availability::Installed { version },
        Err(error) => missing(
            format!("{error:#}"),
            format!("cargo xtask build --arch {architecture} --force"),
        ),
    }
}

/// Asks the program or the engine for its version: what does not say its version is not measured.
fn availability(subject: &Subject, machine: &Machine<'_>) -> Availability {
    let artifacts = &machine.built.own;
    if let Start::Bundle { runtime, .. } = &subject.start
        && let Err(missing) = Runtime::find(runtime)
    {
        return Availability::NotInstalled {
            reason: missing.to_string(),
            remedy: Some(missing.remedy()),
        };
    }
    let asked = match &subject.start {
        Start::Process { .. } | Start::Bundle { .. } => subject
            .version
            .as_deref()
            .context("no version command")
            .and_then(|command| ask_version(command, artifacts, None)),
        Start::Container { engine, image, .. } => match machine.engines.availability(*engine) {
            Availability::Installed { version } => {
                artifacts.path(image).map(|_| version).map_err(anyhow::Error::msg)
            }
            missing @ Availability::NotInstalled { .. } => return missing,
        },
    };
    match asked {
        Ok(version) => Availability::Installed { version },
        Err(error) => Availability::NotInstalled {
            reason: format!("{error:#}"),
            remedy: Some("cargo xtask build --force".to_owned()),
        },
    }
}

fn ask_version(
    command: &[String],
    artifacts: &Artifacts,
    emulator: Option<&Emulator>,
) -> Result<String> {
    let mut filled = command
        .iter()
        .map(|word| artifacts.fill_in(word))
        .collect::<Result<Vec<_>, _>>()
        .map_err(anyhow::Error::msg)?;
    if let Some(emulator) = emulator {
        let prefix = std::iter::once(emulator.program.as_str()).chain(emulator::PROCESSOR);
        filled.splice(0..0, prefix.map(str::to_owned));
    }
    let (program, arguments) = filled.split_first().context("an empty version command")?;
    let output = Command::new(program)
        .args(arguments)
        .output()
        .with_context(|| format!("run `{}`", filled.join(" ")))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let first = text.lines().next().unwrap_or_default().trim();
    anyhow::ensure!(
        output.status.success() && !first.is_empty(),
        "`{}` said no version ({})",
        filled.join(" "),
        output.status
    );
    Ok(first.to_owned())
}

/// Every trial that a definition asks for.
fn trials<'a>(
    request: &'a Request,
    definition: &'a Definition,
    own: &str,
) -> impl Iterator<Item = Trial> + 'a {
    let settings = definition.settings(request.profile);
    let planned = if request.fixed { settings.invocations } else { settings.planned_invocations() };
    let architectures = definition.architectures.visited(own, &request.architectures);
    architectures.into_iter().flat_map(move |name| definition.trials(&name, 0..planned))
}

fn plan(
    request: &Request,
    definitions: &[&Definition],
    subjects: &BTreeMap<SubjectName, SubjectEntry>,
    machine: &Machine<'_>,
) -> Result<Vec<Trial>> {
    let installed = |definition: &Definition, trial: &Trial| {
        let architecture = &trial.cell.architecture;
        let is_foreign = architecture != machine.own();
        // What is only weighed need not run; it must have been asked for all the same.
        if is_foreign && !definition.method.executes() {
            return subjects.contains_key(&trial.cell.subject)
                && machine.built.of(architecture).is_ok();
        }
        subjects.get(&trial.cell.subject).is_some_and(|entry| {
            let availability = entry.availability_on(architecture, machine.own());
            matches!(availability, Some(Availability::Installed { .. }))
        })
    };
    let workload_asked = |trial: &Trial| match &trial.cell.workload {
        Some(name) => {
            request.workloads.is_empty() || request.workloads.iter().any(|w| w == name.as_str())
        }
        None => true,
    };
    let mut trials: Vec<Trial> = definitions
        .iter()
        .flat_map(|definition| {
            let asked = trials(request, definition, machine.own());
            asked.filter(|trial| installed(definition, trial))
        })
        .filter(workload_asked)
        .collect();
    if trials.is_empty() {
        let reasons: Vec<String> = subjects
            .iter()
            .filter_map(|(name, entry)| match &entry.availability {
                Availability::NotInstalled { reason, .. } => Some(format!("{name}: {reason}")),
                Availability::Installed { .. } => None,
            })
            .collect();
        anyhow::bail!(
            "nothing to measure: no trial is left of what was asked. {}",
            if reasons.is_empty() {
                "The experiments named do not hold that subject and workload together.".to_owned()
            } else {
                format!("Not installed: {}", reasons.join("; "))
            }
        );
    }
    // A part whose blocks hold none of them is an empty part: definitions differ in how many invocations they ask for.
    if let Some(blocks) = &request.blocks {
        trials.retain(|trial| blocks.contains(&trial.invocation));
    }
    Ok(plan::shuffle(trials, request.seed))
}

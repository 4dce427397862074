//! Which subjects can be measured here, and the manifest that says so.

use crate::affinity::divide;
use crate::catalog::{Artifacts, Catalog};
use crate::clock::{stamp, unix_ns};
use crate::engine::Engine;
use crate::subject::bundle::Runtime;
use crate::{fingerprint, plan};
use anyhow::{Context, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use weighbridge_schema::SCHEMA_VERSION;
use weighbridge_schema::artifact::Provision;
use weighbridge_schema::definition::{Definition, Profile};
use weighbridge_schema::manifest::{Availability, ExperimentEntry, Manifest, SubjectEntry};
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
}

/// Looks at every subject and writes down what will be done.
///
/// # Errors
/// A name does not exist, or nothing is left to measure.
pub fn survey(
    request: &Request,
    catalog: &Catalog,
    artifacts: &Artifacts,
    engine: Option<&Engine>,
    provisions: Vec<Provision>,
    folder: &Path,
) -> Result<Manifest> {
    check_names("subject", &request.subjects, catalog.subjects.keys().map(SubjectName::as_str))?;
    check_names(
        "workload",
        &request.workloads,
        catalog.workloads.keys().map(WorkloadName::as_str),
    )?;
    let definitions = catalog.select(&request.experiments)?;
    let subjects = survey_subjects(request, &definitions, catalog, artifacts, engine, &provisions);
    let fingerprint = weighbridge_machine::fingerprint();
    let plan = plan(request, &definitions, &subjects, &fingerprint.architecture)?;
    let used: BTreeSet<&WorkloadName> = definitions.iter().flat_map(|d| &d.workloads).collect();
    let started_at_unix_ns = unix_ns();
    Ok(Manifest {
        schema_version: SCHEMA_VERSION,
        run: format!("{}-{}", stamp(started_at_unix_ns), request.profile),
        profile: request.profile.to_string(),
        seed: request.seed,
        started_at_unix_ns,
        revision: fingerprint::revision(folder),
        fingerprint,
        pinning: divide(&weighbridge_machine::own_cores()),
        artifacts: artifacts.record.clone(),
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

fn survey_subjects(
    request: &Request,
    definitions: &[&Definition],
    catalog: &Catalog,
    artifacts: &Artifacts,
    engine: Option<&Engine>,
    provisions: &[Provision],
) -> BTreeMap<SubjectName, SubjectEntry> {
    let asked: BTreeSet<&SubjectName> = definitions
        .iter()
        .flat_map(|definition| &definition.subjects)
        .filter(|name| {
            request.subjects.is_empty() || request.subjects.iter().any(|s| s == name.as_str())
        })
        .collect();
    asked
        .into_iter()
        .filter_map(|name| {
            let subject = catalog.subjects.get(name)?;
            let availability = availability(subject, artifacts, engine, provisions);
            Some((name.clone(), SubjectEntry { definition: subject.clone(), availability }))
        })
        .collect()
}

/// Asks the program or the engine for its version: what does not say its version is not measured.
fn availability(
    subject: &Subject,
    artifacts: &Artifacts,
    engine: Option<&Engine>,
    provisions: &[Provision],
) -> Availability {
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
            .and_then(|command| ask_version(command, artifacts)),
        Start::Container { image, .. } => match engine {
            Some(engine) => {
                artifacts.path(image).map(|_| engine.version.clone()).map_err(anyhow::Error::msg)
            }
            None => return no_engine(provisions),
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

fn no_engine(provisions: &[Provision]) -> Availability {
    let known = provisions.iter().find(|provision| provision.need == "container-engine");
    Availability::NotInstalled {
        reason: known.map_or_else(
            || "no container engine answers".to_owned(),
            |provision| provision.detail.clone(),
        ),
        remedy: known
            .and_then(|provision| provision.remedy.clone())
            .or_else(|| Some("cargo xtask setup".to_owned())),
    }
}

fn ask_version(command: &[String], artifacts: &Artifacts) -> Result<String> {
    let filled = command
        .iter()
        .map(|word| artifacts.fill_in(word))
        .collect::<Result<Vec<_>, _>>()
        .map_err(anyhow::Error::msg)?;
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

fn plan(
    request: &Request,
    definitions: &[&Definition],
    subjects: &BTreeMap<SubjectName, SubjectEntry>,
    architecture: &str,
) -> Result<Vec<Trial>> {
    let installed = |trial: &Trial| {
        subjects
            .get(&trial.cell.subject)
            .is_some_and(|entry| matches!(entry.availability, Availability::Installed { .. }))
    };
    let workload_asked = |trial: &Trial| match &trial.cell.workload {
        Some(name) => {
            request.workloads.is_empty() || request.workloads.iter().any(|w| w == name.as_str())
        }
        None => true,
    };
    let trials: Vec<Trial> = definitions
        .iter()
        .flat_map(|definition| definition.trials(request.profile, architecture))
        .filter(|trial| installed(trial) && workload_asked(trial))
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
    Ok(plan::shuffle(trials, request.seed))
}

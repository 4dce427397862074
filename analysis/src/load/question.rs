//! What each experiment asked, in the order of its definition: the frame in which results are laid out, so
//! that a subject that could not be measured keeps its row.

use anyhow::{Context, Result};
use serde::Deserialize;
use std::fmt;
use weighbridge_schema::asked_of::AskedOf;
use weighbridge_schema::capability::{self, Probe, Probes};
use weighbridge_schema::definition::Profile;
use weighbridge_schema::growth::Growth;
use weighbridge_schema::manifest::{Availability, ExperimentEntry, Manifest};
use weighbridge_schema::method::{Method, QuestionKind, SeparateTable};
use weighbridge_schema::name::{ExperimentName, SubjectName, WorkloadName};
use weighbridge_schema::parameter::Parameter;
use weighbridge_schema::parse::parse;
use weighbridge_schema::plan::{Cell, Trial};

/// A cell without its subject: what the subjects of one comparison share.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Setting {
    /// The request shape, where there is one.
    pub workload: Option<WorkloadName>,
    /// The varied setting.
    pub parameter: Parameter,
    /// Instruction set.
    pub architecture: String,
}

impl Setting {
    /// The cell of `subject` under this setting.
    #[must_use]
    pub fn cell(&self, subject: &SubjectName) -> Cell {
        Cell {
            subject: subject.clone(),
            workload: self.workload.clone(),
            architecture: self.architecture.clone(),
            parameter: self.parameter,
        }
    }
}

/// A cell of an experiment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CellKey {
    /// The experiment.
    pub experiment: ExperimentName,
    /// The cell.
    pub cell: Cell,
}

impl CellKey {
    /// The cell that a trial visits.
    #[must_use]
    pub fn of(trial: &Trial) -> Self {
        Self { experiment: trial.experiment.clone(), cell: trial.cell.clone() }
    }

    /// Whether it is a level of a raise of tenants, which no trial has by itself.
    #[must_use]
    pub fn is_level(&self) -> bool {
        matches!(self.cell.parameter, Parameter::Tenants(_))
    }

    /// The same cell of another subject.
    #[must_use]
    pub fn with_subject(&self, subject: &SubjectName) -> Self {
        let mut other = self.clone();
        other.cell.subject = subject.clone();
        other
    }

    /// The same cell on another instruction set.
    #[must_use]
    pub fn with_architecture(&self, architecture: &str) -> Self {
        let mut other = self.clone();
        architecture.clone_into(&mut other.cell.architecture);
        other
    }

    /// The same cell under another parameter.
    #[must_use]
    pub fn with_parameter(&self, parameter: Parameter) -> Self {
        let mut other = self.clone();
        other.cell.parameter = parameter;
        other
    }
}

impl fmt::Display for CellKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.experiment, self.cell)
    }
}

/// One experiment's question.
#[derive(Debug, Clone)]
pub struct Question {
    /// The experiment.
    pub experiment: ExperimentName,
    /// Its kind.
    pub kind: QuestionKind,
    /// The question in words.
    pub text: String,
    /// The subject every other one is compared with.
    pub baseline: SubjectName,
    /// Subjects in the definition's order, whether installed or not.
    pub subjects: Vec<SubjectName>,
    /// Twins, each with the subject that it is under another name: measured as any other, and compared with that
    /// subject alone. They are not among `subjects`.
    pub twins: Vec<(SubjectName, SubjectName)>,
    /// Workloads and parameters in the definition's order.
    pub settings: Vec<Setting>,
    /// How it is answered.
    pub method: Method,
    /// What grows from cell to cell; `None` in other kinds of questions.
    pub growth: Option<Growth>,
    /// The profile of the run.
    pub profile: Profile,
    /// What only few of the subjects are asked.
    pub asked_of: AskedOf,
    /// How the capabilities are tried, or why not; nothing in other kinds of questions.
    pub probes: Probes,
}

impl Question {
    /// The key of one of its cells.
    #[must_use]
    pub fn key(&self, setting: &Setting, subject: &SubjectName) -> CellKey {
        CellKey { experiment: self.experiment.clone(), cell: setting.cell(subject) }
    }

    /// How the capability of a cell is found out; `None` in other kinds of questions.
    #[must_use]
    pub fn probe(&self, manifest: &Manifest, cell: &Cell) -> Option<&Probe> {
        let Parameter::Capability(capability) = cell.parameter else { return None };
        let entry = manifest.subjects.get(&cell.subject);
        let variant_of = entry.and_then(|entry| entry.definition.variant_of.as_ref());
        capability::probe(&self.probes, &cell.subject, variant_of, capability)
    }

    /// Whether a subject is another one under a second name.
    #[must_use]
    pub fn is_twin(&self, subject: &SubjectName) -> bool {
        self.twins.iter().any(|(twin, _)| twin == subject)
    }

    /// Whether the run was to find out about a cell: what a definition says of a program by itself is not measured,
    /// and not missing either.
    #[must_use]
    pub fn asks(&self, manifest: &Manifest, cell: &Cell) -> bool {
        !matches!(self.probe(manifest, cell), Some(Probe::Absent(_) | Probe::Untried(_)))
            && self.visits(cell)
    }

    /// Whether the definition puts a subject through a cell: what costs much is asked of few.
    #[must_use]
    pub fn visits(&self, cell: &Cell) -> bool {
        self.kind == QuestionKind::Maturity
            || (self.method.visits(self.profile, &cell.subject, cell.parameter)
                && self.asked_of.includes(&cell.subject, cell.workload.as_ref(), cell.parameter))
    }

    /// Every cell, setting by setting.
    pub fn keys(&self) -> impl Iterator<Item = CellKey> + '_ {
        self.settings.iter().flat_map(|s| self.subjects.iter().map(|subject| self.key(s, subject)))
    }
}

/// The part of a definition that says of which kind it is.
#[derive(Deserialize)]
struct Definition {
    method: Method,
    table: Option<SeparateTable>,
    growth: Option<Growth>,
    #[serde(default)]
    asked_of: AskedOf,
    /// `host`, or names: then the question is asked on each that the run asked for.
    #[serde(default)]
    architectures: Vec<String>,
}

/// The questions of a run, in the order of the table of methods.
///
/// # Errors
/// A definition in the manifest that has no method this program knows.
pub fn questions(manifest: &Manifest) -> Result<Vec<Question>> {
    let mut questions: Vec<Question> = manifest
        .experiments
        .iter()
        .map(|(name, entry)| question(manifest, name, entry))
        .collect::<Result<_>>()?;
    questions.sort_by_key(|question| question.kind);
    Ok(questions)
}

fn question(
    manifest: &Manifest,
    name: &ExperimentName,
    entry: &ExperimentEntry,
) -> Result<Question> {
    let file = format!("manifest.json: experiments.{name}.definition_toml");
    let mut definition: Definition =
        parse(&file, &entry.definition_toml).context("reading a run")?;
    let original = |name: &SubjectName| {
        manifest.subjects.get(name).and_then(|subject| subject.definition.original().cloned())
    };
    definition.method.fill_in_tenants(&entry.subjects, original);
    let twins: Vec<(SubjectName, SubjectName)> = (entry.subjects.iter())
        .filter_map(|name| Some((name.clone(), twin_of(manifest, name)?.clone())))
        .collect();
    Ok(Question {
        experiment: name.clone(),
        kind: QuestionKind::of(&definition.method, definition.table),
        growth: definition.growth,
        text: entry.question.clone(),
        baseline: entry.baseline.clone(),
        subjects: entry
            .subjects
            .iter()
            .filter(|name| !is_left_out(manifest, name) && twin_of(manifest, name).is_none())
            .cloned()
            .collect(),
        asked_of: definition.asked_of.with_twins(twins.iter().map(|(twin, of)| (twin, of))),
        twins,
        settings: settings(manifest, name, entry, &definition.architectures),
        probes: match &definition.method {
            Method::Maturity { probes } => probes.clone(),
            _ => Probes::new(),
        },
        method: definition.method,
        profile: manifest.profile.parse().context("manifest.json: profile")?,
    })
}

/// The subject that another one is under a second name.
fn twin_of<'a>(manifest: &'a Manifest, subject: &SubjectName) -> Option<&'a SubjectName> {
    manifest.subjects.get(subject)?.definition.twin_of.as_ref()
}

/// Whether a subject is run by a program that is installed only when it is requested, and was not. The table of
/// subjects says so once; an empty row in every other table and figure would say no more.
fn is_left_out(manifest: &Manifest, subject: &SubjectName) -> bool {
    manifest.subjects.get(subject).is_some_and(|entry| {
        !entry.definition.programs().is_empty()
            && matches!(entry.availability, Availability::NotInstalled { .. })
    })
}

/// The settings that the plan visits with any subject. A subject that is not installed has no trials, and
/// is requested under the same settings as the others.
fn settings(
    manifest: &Manifest,
    name: &ExperimentName,
    entry: &ExperimentEntry,
    architectures: &[String],
) -> Vec<Setting> {
    let local = &manifest.fingerprint.architecture;
    let planned = manifest.plan.iter().filter(|trial| trial.experiment == *name);
    let mut settings: Vec<Setting> = planned
        .map(|trial| Setting {
            workload: trial.cell.workload.clone(),
            parameter: trial.cell.parameter,
            architecture: trial.cell.architecture.clone(),
        })
        .collect();
    if settings.is_empty() {
        settings.push(Setting {
            workload: None,
            parameter: Parameter::None,
            architecture: local.clone(),
        });
    }
    // What could not be planned on one of the architectures asked for has its empty rows there.
    for requested in manifest.requested_architectures() {
        let is_named = architectures.iter().any(|name| name == requested);
        if is_named && settings.iter().all(|setting| setting.architecture != requested) {
            let beside = settings.clone().into_iter();
            settings.extend(
                beside.map(|setting| Setting { architecture: requested.to_owned(), ..setting }),
            );
        }
    }
    let workload_order = |setting: &Setting| {
        entry.workloads.iter().position(|w| Some(w) == setting.workload.as_ref())
    };
    let order = |s: &Setting| {
        (workload_order(s), s.parameter, s.architecture != *local, s.architecture.clone())
    };
    settings.sort_by_key(order);
    settings.dedup();
    settings
}

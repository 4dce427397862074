//! `experiments/definitions/*.toml`: one question per file. The strict raw type becomes a validated
//! [`Definition`], and later code never checks again.

use crate::architecture::Architecture;
use crate::asked_of::AskedOf;
use crate::capability::resolve_probes;
use crate::custom::{Custom, RequestedSubjects, RequestedWorkloads};
use crate::growth::Growth;
use crate::invalid::{Invalid, invalid};
use crate::method::{Method, SeparateTable};
use crate::name::{ExperimentName, SubjectName, WorkloadName};
use crate::parse::{ParseError, parse};
use crate::plan::{Cell, Trial};
use crate::requested::{requested_subjects, requested_workloads, unnamed_twins};
use crate::subject::{Subject, Subjects};
use crate::workload::Workloads;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::str::FromStr;

/// How much is measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
pub enum Profile {
    /// One invocation of everything, some minutes: does it work?
    Smoke,
    /// About an hour and a half on two cores: a reviewer's verdict.
    #[default]
    Quick,
    /// Hours: what is published.
    Paper,
}

impl Profile {
    /// All of them, the shortest first.
    pub const ALL: [Self; 3] = [Profile::Smoke, Profile::Quick, Profile::Paper];
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Profile::Smoke => "smoke",
            Profile::Quick => "quick",
            Profile::Paper => "paper",
        })
    }
}

impl FromStr for Profile {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text {
            "smoke" => Ok(Profile::Smoke),
            "quick" => Ok(Profile::Quick),
            "paper" => Ok(Profile::Paper),
            _ => Err(invalid!("`{text}` is not a profile: expected smoke, quick or paper")),
        }
    }
}

/// What one profile sets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProfileSettings {
    /// Fresh processes or containers per cell; the least number where a cell may go on.
    pub invocations: u32,
    /// Invocations at which a cell ends that has not become precise; as many as `invocations` when absent.
    pub invocations_max: Option<u32>,
    /// Length of the measured window, for the methods that have one; the least length of a closed loop's.
    pub measure_ms: Option<u64>,
    /// Completions before which a closed loop's window does not close, for the methods `throughput` and `waiting`.
    pub completions_least: Option<u32>,
}

impl ProfileSettings {
    /// Invocations that are planned: those that a cell may use at most.
    #[must_use]
    pub fn planned_invocations(&self) -> u32 {
        self.invocations_max.unwrap_or(self.invocations)
    }
}

/// Shares of a trial's time above which it counts as disturbed. Without a value nothing is judged: a method
/// that saturates a core raises the pressure by itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoiseLimits {
    /// Time stolen by the hypervisor, percent of the trial's time on all cores.
    pub steal_percent: Option<f64>,
    /// Time in which some task waited for a CPU (PSI `some`), in percentage points of the trial's time above
    /// the median of the cell's trials so far: starting a container makes pressure by itself.
    pub pressure_percent: Option<f64>,
}

/// The instruction sets a question is asked on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Architectures {
    /// The one of the machine that measures: what is measured there does not survive emulation.
    Local,
    /// These, as far as they were requested; one that is not the machine's is emulated.
    Named(Vec<String>),
}

/// What services are built for, and how definitions name it.
pub const ARCHITECTURES: [&str; 2] = [Architecture::X86_64.name(), Architecture::Aarch64.name()];

impl Architectures {
    fn parse(names: &[String], method: &Method) -> Result<Self, Invalid> {
        if names == ["host"] {
            return Ok(Architectures::Local);
        }
        if let Some(unknown) = names.iter().find(|name| !ARCHITECTURES.contains(&name.as_str())) {
            return Err(invalid!(
                "architectures: unknown `{unknown}`; there are host, {}",
                ARCHITECTURES.join(", ")
            ));
        }
        if names.is_empty() || !method.facts().survives_emulation {
            return Err(invalid!(
                "architectures = {names:?}: an emulator's times and memory are never reported, so that this method \
                 takes [\"host\"], the architecture of the machine that measures"
            ));
        }
        Ok(Architectures::Named(names.to_vec()))
    }

    /// Those that a machine of architecture `local` visits when `requested` were requested (none: that one). What
    /// nobody asked for is not visited: several machines that share a plan would each measure their own besides.
    #[must_use]
    pub fn visited(&self, local: &str, requested: &[String]) -> Vec<String> {
        let is_asked = |name: &str| match requested {
            [] => name == local,
            _ => requested.iter().any(|a| a == name),
        };
        match self {
            Architectures::Local => is_asked(local).then(|| local.to_owned()).into_iter().collect(),
            Architectures::Named(names) => names.iter().filter(|n| is_asked(n)).cloned().collect(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawProfiles {
    /// One invocation of everything: does the pipeline work?
    pub(crate) smoke: ProfileSettings,
    /// Minutes: a reviewer's verdict.
    pub(crate) quick: ProfileSettings,
    /// Hours: what is published.
    pub(crate) paper: ProfileSettings,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDefinition {
    /// The question in words, as the report prints it.
    question: String,
    /// The subject that every other one is compared with; one of `subjects`.
    baseline: SubjectName,
    /// What is measured: names of entries in `subjects.toml`, or a table `[subjects.NAME]` for each subject that only
    /// this definition knows.
    subjects: RequestedSubjects,
    /// What is requested: names of entries in `workloads.toml`, where `bad-*` names all that begin with `bad-`; or a
    /// table `[workloads.NAME]` for each workload that only this definition knows. Empty where the method sends none.
    workloads: RequestedWorkloads,
    /// Instruction sets: `["host"]` for that of the machine that measures, or some of `x86_64` and `aarch64`, where
    /// the method's numbers are the same under an emulator.
    architectures: Vec<String>,
    /// How the question is answered.
    method: Method,
    /// What only few of the subjects are asked: a workload, a parameter as cells write it (`page-cache=dropped`), or
    /// what stands before its `=` (`copies`), each with the subjects, the baseline among them. Absent: all are asked
    /// everything.
    #[serde(default)]
    asked_of: BTreeMap<String, Vec<SubjectName>>,
    /// Half-width of a cell's 95 % interval at which the cell may end, of its median. Absent: all invocations are
    /// made.
    precision_percent: Option<f64>,
    /// Of a calibration: invocations of each arm of one comparison. Only the analysis reads it.
    #[serde(rename = "comparison_invocations")]
    _comparison_invocations: Option<u32>,
    /// The table that holds the experiment's cells in place of that of its method. Only the analysis reads it.
    table: Option<SeparateTable>,
    /// With `table = "growth"`: what grows from cell to cell. Only the analysis reads it.
    growth: Option<Growth>,
    /// Above which shares of its time a trial counts as disturbed. Absent: none does.
    #[serde(default)]
    noise: NoiseLimits,
    /// How much is measured, by profile.
    profiles: RawProfiles,
}

/// One validated question.
#[derive(Debug, Clone, PartialEq)]
pub struct Definition {
    /// Its name: the stem of its file.
    pub experiment: ExperimentName,
    /// The question in words.
    pub question: String,
    /// The subject every other one is compared with; always one of `subjects`.
    pub baseline: SubjectName,
    /// Subjects, each of which exists.
    pub subjects: Vec<SubjectName>,
    /// Those of `subjects` that the definition does not name: twins of subjects that it names. They show within the run
    /// itself how far apart equal things seem to be. `smoke` leaves them out.
    pub added_twins: Vec<SubjectName>,
    /// Workloads, each of which exists; patterns such as `bad-*` are resolved.
    pub workloads: Vec<WorkloadName>,
    /// On which instruction sets it is asked.
    pub architectures: Architectures,
    /// How the question is answered.
    pub method: Method,
    /// What only few of `subjects` are asked, twins resolved.
    pub asked_of: AskedOf,
    /// Half-width of a cell's 95 % interval at which the cell may end, percent of its median; `None`: all
    /// invocations are made.
    pub precision_percent: Option<f64>,
    /// What makes a trial count as disturbed.
    pub noise: NoiseLimits,
    /// The custom subjects and workloads; among `subjects` and `workloads` as any other.
    pub custom: Custom,
    /// The file, verbatim.
    pub text: String,
    profiles: RawProfiles,
}

impl Definition {
    /// Reads and validates one file. `file` is the path shown in errors.
    ///
    /// # Errors
    /// Names the file, where possible the line, and the nearest valid name.
    pub fn parse(
        file: &str,
        experiment: ExperimentName,
        text: &str,
        subjects: &Subjects,
        workloads: &Workloads,
    ) -> Result<Self, ParseError> {
        let mut raw: RawDefinition = parse(file, text)?;
        let fail = |why: Invalid| ParseError {
            file: file.to_owned(),
            line: None,
            message: why.to_string(),
        };
        let mut custom = Custom::default();
        let mut requested =
            requested_subjects(raw.subjects, &raw.baseline, subjects, &mut custom).map_err(fail)?;
        let added_twins = match (raw.method.facts().stops_by, raw.method.facts().adds_twins) {
            (Some(_), true) => unnamed_twins(&requested, subjects),
            // What is read and not sampled has no noise to know.
            _ => Vec::new(),
        };
        requested.extend(added_twins.iter().cloned());
        let of_known = |name: &SubjectName| subjects.get(name)?.twin_of.as_ref();
        let resolved = requested_workloads(raw.workloads, workloads, &mut custom).map_err(fail)?;
        let architectures = Architectures::parse(&raw.architectures, &raw.method).map_err(fail)?;
        raw.method.validate(&resolved, &raw.profiles).map_err(fail)?;
        let original = |name: &SubjectName| {
            let subject = custom.subjects.get(name).or_else(|| subjects.get(name));
            subject.and_then(Subject::original).cloned()
        };
        raw.method.fill_in_tenants(&requested, original);
        raw.method.fill_in_arguments(&requested, original);
        raw.method.validate_tenants(&requested).map_err(fail)?;
        raw.method.validate_steps(&requested, &raw.baseline, subjects).map_err(fail)?;
        let arms = raw.method.arms(&resolved);
        let asked_of = AskedOf::from(raw.asked_of);
        asked_of.validate(&requested, &raw.baseline, &arms).map_err(fail)?;
        let twins = requested.iter().filter_map(|name| Some((name, of_known(name)?)));
        let asked_of = asked_of.with_twins(twins);
        let all = custom.workloads.iter().chain(workloads);
        raw.method.refuse_mixes(all, &resolved).map_err(fail)?;
        let of = |name: &SubjectName| custom.subjects.get(name).or_else(|| subjects.get(name));
        if let Method::Maturity { probes } = &mut raw.method {
            resolve_probes(probes, &requested, of).map_err(fail)?;
        }
        raw.method.validate_in_place(&requested, of).map_err(fail)?;
        validate_stopping(raw.precision_percent, &raw.profiles).map_err(fail)?;
        match raw.table {
            Some(table) => {
                table.validate(&raw.method, raw.growth.as_ref(), &resolved).map_err(fail)?;
            }
            None if raw.growth.is_some() => {
                return Err(fail(invalid!("[growth] needs table = \"growth\"")));
            }
            None => {}
        }
        Ok(Self {
            experiment,
            question: raw.question,
            baseline: raw.baseline,
            subjects: requested,
            added_twins,
            workloads: resolved,
            architectures,
            method: raw.method,
            asked_of,
            precision_percent: raw.precision_percent,
            noise: raw.noise,
            custom,
            text: text.to_owned(),
            profiles: raw.profiles,
        })
    }

    /// What `profile` sets.
    #[must_use]
    pub fn settings(&self, profile: Profile) -> &ProfileSettings {
        match profile {
            Profile::Smoke => &self.profiles.smoke,
            Profile::Quick => &self.profiles.quick,
            Profile::Paper => &self.profiles.paper,
        }
    }

    /// Every trial of this experiment under `profile` on `architecture`, with the invocations of that range,
    /// unshuffled: invocation by invocation, cell by cell.
    #[must_use]
    pub fn trials(
        &self,
        profile: Profile,
        architecture: &str,
        invocations: Range<u32>,
    ) -> Vec<Trial> {
        let mut trials = Vec::new();
        for invocation in invocations {
            for subject in &self.subjects {
                let arms = self.method.arms(&self.workloads).into_iter();
                let asked = arms.filter(|(workload, parameter)| {
                    self.method.visits(profile, subject, *parameter)
                        && self.asked_of.includes(subject, workload.as_ref(), *parameter)
                });
                for (workload, parameter) in asked {
                    trials.push(Trial {
                        experiment: self.experiment.clone(),
                        cell: Cell {
                            subject: subject.clone(),
                            workload,
                            architecture: architecture.to_owned(),
                            parameter,
                        },
                        invocation,
                    });
                }
            }
        }
        trials
    }
}

/// Fewest invocations after which a cell may end because its interval is narrow.
const LEAST_BEFORE_STOP: u32 = 10;

fn validate_stopping(precision: Option<f64>, profiles: &RawProfiles) -> Result<(), Invalid> {
    if precision.is_some_and(|percent| !(percent > 0.0 && percent < 100.0)) {
        return Err(invalid!("precision_percent must lie between 0 and 100"));
    }
    for (name, settings) in profiles.by_name() {
        let Some(most) = settings.invocations_max else { continue };
        if most < settings.invocations {
            return Err(invalid!("profiles.{name}.invocations_max is below invocations"));
        }
        if settings.invocations < LEAST_BEFORE_STOP {
            return Err(invalid!(
                "profiles.{name}.invocations must be at least {LEAST_BEFORE_STOP} where a cell may end early: of fewer, an \
                 interval that happens to be narrow covers too little"
            ));
        }
        if precision.is_none() {
            return Err(invalid!(
                "profiles.{name}.invocations_max needs precision_percent: when may a cell end earlier?"
            ));
        }
    }
    Ok(())
}

impl RawProfiles {
    pub(crate) fn by_name(&self) -> [(&'static str, &ProfileSettings); 3] {
        [("smoke", &self.smoke), ("quick", &self.quick), ("paper", &self.paper)]
    }
}

#[cfg(test)]
#[path = "definition_tests.rs"]
mod tests;

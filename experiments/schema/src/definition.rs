//! `experiments/definitions/*.toml`: one question per file. The strict raw type becomes a validated
//! [`Definition`], and later code never checks again.

use crate::name::{ExperimentName, SubjectName, WorkloadName};
use crate::parameter::Parameter;
use crate::parse::{ParseError, nearest, parse};
use crate::plan::{Cell, Trial};
use crate::subject::Subjects;
use crate::workload::Workloads;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// How much is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// One invocation of everything: does the pipeline work?
    Smoke,
    /// Minutes: a reviewer's verdict.
    Quick,
    /// Hours: what is published.
    Paper,
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
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "smoke" => Ok(Profile::Smoke),
            "quick" => Ok(Profile::Quick),
            "paper" => Ok(Profile::Paper),
            _ => Err(format!("`{text}` is not a profile: expected smoke, quick or paper")),
        }
    }
}

/// How the question is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Method {
    /// Send every workload of the list to one instance and compare the answers with the expected ones.
    Equivalence {},
    /// From the start call to the first correct response.
    ColdStart {},
    /// Closed loop: each connection sends its next request when the last answer is complete.
    Throughput {
        /// Connections, one cell each.
        concurrency: Vec<u32>,
        /// Load before the window opens.
        warmup_ms: u64,
    },
    /// Open loop: requests are due on a fixed schedule, whatever the answers do.
    Latency {
        /// Offered rates by workload, one cell each.
        rates_per_second: BTreeMap<WorkloadName, Vec<u32>>,
        /// Connections over which the arrivals are spread.
        connections: u32,
        /// Load before the window opens.
        warmup_ms: u64,
    },
    /// Memory of an idle and of a loaded instance.
    Memory {
        /// Connections of the closed loop that loads the instance.
        concurrency: u32,
        /// Rest between the first response and the idle reading.
        settle_ms: u64,
    },
    /// Bytes shipped and bytes installed.
    ArtifactSize {},
}

/// What one profile sets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProfileSettings {
    /// Fresh processes or containers per cell.
    pub invocations: u32,
    /// Length of the measured window, for the methods that have one.
    pub measure_ms: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawProfiles {
    smoke: ProfileSettings,
    quick: ProfileSettings,
    paper: ProfileSettings,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDefinition {
    question: String,
    baseline: SubjectName,
    subjects: Vec<SubjectName>,
    workloads: Vec<String>,
    architectures: Vec<String>,
    method: Method,
    profiles: RawProfiles,
}

/// One validated question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// Its name: the stem of its file.
    pub experiment: ExperimentName,
    /// The question in words.
    pub question: String,
    /// The subject every other one is compared with; always one of `subjects`.
    pub baseline: SubjectName,
    /// Subjects, each of which exists.
    pub subjects: Vec<SubjectName>,
    /// Workloads, each of which exists; patterns such as `bad-*` are resolved.
    pub workloads: Vec<WorkloadName>,
    /// How the question is answered.
    pub method: Method,
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
        let raw: RawDefinition = parse(file, text)?;
        let fail = |message: String| ParseError { file: file.to_owned(), line: None, message };
        for name in raw.subjects.iter().chain([&raw.baseline]) {
            if !subjects.contains_key(name) {
                let known = subjects.keys().map(SubjectName::as_str);
                return Err(fail(unknown("subject", name.as_str(), known)));
            }
        }
        if !raw.subjects.contains(&raw.baseline) {
            return Err(fail(format!("baseline `{}` is not among `subjects`", raw.baseline)));
        }
        if raw.architectures != ["host"] {
            return Err(fail(format!(
                "architectures = {:?}: only [\"host\"] can be measured so far",
                raw.architectures
            )));
        }
        let resolved = resolve_workloads(&raw.workloads, workloads).map_err(fail)?;
        validate_method(&raw.method, &resolved, &raw.profiles).map_err(fail)?;
        Ok(Self {
            experiment,
            question: raw.question,
            baseline: raw.baseline,
            subjects: raw.subjects,
            workloads: resolved,
            method: raw.method,
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

    /// Every trial of this experiment under `profile` on `architecture`, unshuffled: invocation by
    /// invocation, cell by cell.
    #[must_use]
    pub fn trials(&self, profile: Profile, architecture: &str) -> Vec<Trial> {
        let mut trials = Vec::new();
        for invocation in 0..self.settings(profile).invocations {
            for subject in &self.subjects {
                for (workload, parameter) in self.arms() {
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

    /// The combinations of workload and parameter that each subject is put through.
    fn arms(&self) -> Vec<(Option<WorkloadName>, Parameter)> {
        let each = |parameters: &[Parameter]| {
            self.workloads
                .iter()
                .flat_map(|w| parameters.iter().map(|&p| (Some(w.clone()), p)))
                .collect()
        };
        match &self.method {
            Method::Equivalence {} | Method::ArtifactSize {} => vec![(None, Parameter::None)],
            Method::ColdStart {} => each(&[Parameter::None]),
            Method::Memory { .. } => each(&[Parameter::Idle, Parameter::Loaded]),
            Method::Throughput { concurrency, .. } => {
                let all: Vec<_> = concurrency.iter().map(|&n| Parameter::Concurrency(n)).collect();
                each(&all)
            }
            Method::Latency { rates_per_second, .. } => self
                .workloads
                .iter()
                .flat_map(|w| {
                    let rates = rates_per_second.get(w).into_iter().flatten();
                    rates.map(|&rate| (Some(w.clone()), Parameter::Rate(rate)))
                })
                .collect(),
        }
    }
}

fn unknown<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a str>) -> String {
    match nearest(name, known) {
        Some(near) => format!("unknown {what} `{name}`; did you mean `{near}`?"),
        None => format!("unknown {what} `{name}`; `cargo xtask list` shows all"),
    }
}

/// `bad-*` stands for every workload whose name begins with `bad-`.
fn resolve_workloads(names: &[String], known: &Workloads) -> Result<Vec<WorkloadName>, String> {
    let mut resolved: Vec<WorkloadName> = Vec::new();
    for name in names {
        let matching: Vec<_> = match name.strip_suffix('*') {
            Some(prefix) => known.keys().filter(|k| k.as_str().starts_with(prefix)).collect(),
            None => known.keys().filter(|k| k.as_str() == name).collect(),
        };
        if matching.is_empty() {
            return Err(unknown("workload", name, known.keys().map(WorkloadName::as_str)));
        }
        for workload in matching {
            if !resolved.contains(workload) {
                resolved.push(workload.clone());
            }
        }
    }
    Ok(resolved)
}

fn validate_method(
    method: &Method,
    workloads: &[WorkloadName],
    profiles: &RawProfiles,
) -> Result<(), String> {
    let needs_window = match method {
        Method::Equivalence {} | Method::ColdStart {} | Method::ArtifactSize {} => false,
        Method::Memory { concurrency, .. } => {
            positive("concurrency", &[*concurrency])?;
            true
        }
        Method::Throughput { concurrency, .. } => {
            positive("concurrency", concurrency)?;
            true
        }
        Method::Latency { rates_per_second, connections, .. } => {
            positive("connections", &[*connections])?;
            for workload in workloads {
                let rates = rates_per_second.get(workload).map_or(&[][..], Vec::as_slice);
                positive(&format!("rates_per_second.{workload}"), rates)?;
            }
            if let Some(extra) = rates_per_second.keys().find(|w| !workloads.contains(w)) {
                return Err(format!("rates_per_second.{extra}: `{extra}` is not in `workloads`"));
            }
            true
        }
    };
    for (name, settings) in
        [("smoke", &profiles.smoke), ("quick", &profiles.quick), ("paper", &profiles.paper)]
    {
        if settings.invocations == 0 {
            return Err(format!("profiles.{name}.invocations must be at least 1"));
        }
        if needs_window && settings.measure_ms.is_none_or(|ms| ms == 0) {
            return Err(format!("profiles.{name}.measure_ms is needed: how long is the window?"));
        }
        if !needs_window && settings.measure_ms.is_some() {
            return Err(format!("profiles.{name}.measure_ms: this method has no window"));
        }
    }
    Ok(())
}

fn positive(key: &str, values: &[u32]) -> Result<(), String> {
    if values.is_empty() || values.contains(&0) {
        return Err(format!("{key} needs at least one value, none of them 0"));
    }
    Ok(())
}

#[cfg(test)]
#[path = "definition_tests.rs"]
mod tests;

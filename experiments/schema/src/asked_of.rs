//! What a definition asks of few of its subjects, because it would cost more for all than it tells.

use crate::invalid::{Invalid, invalid};
use crate::name::{SubjectName, WorkloadName};
use crate::parameter::Parameter;
use crate::parse::nearest;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Workloads and parameters, each with the subjects that are asked for it; what is not named is asked of all subjects.
/// A key is the name of a workload (`pipeline`), a parameter as cells write it (`page-cache=dropped`), or what stands
/// before its `=`, for all its values (`copies`). The baseline is among the subjects of each; their twins need not be
/// named.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct AskedOf(BTreeMap<String, Vec<SubjectName>>);

impl AskedOf {
    /// Whether `subject` is put through a cell of that workload and parameter.
    #[must_use]
    pub fn includes(
        &self,
        subject: &SubjectName,
        workload: Option<&WorkloadName>,
        parameter: Parameter,
    ) -> bool {
        let mut concerned = self.0.iter().filter(|(key, _)| names(key, workload, parameter));
        concerned.all(|(_, subjects)| subjects.contains(subject))
    }

    /// The same, where a twin (the first of each pair) is asked for what the subject that it is under another name
    /// (the second) is asked for.
    #[must_use]
    pub fn with_twins<'a>(
        mut self,
        twins: impl Iterator<Item = (&'a SubjectName, &'a SubjectName)>,
    ) -> Self {
        for (twin, original) in twins {
            for subjects in self.0.values_mut() {
                if subjects.contains(original) && !subjects.contains(twin) {
                    subjects.push(twin.clone());
                }
            }
        }
        self
    }

    /// Refuses a key that names no cell, and a subject that the definition does not ask.
    pub(crate) fn validate(
        &self,
        subjects: &[SubjectName],
        baseline: &SubjectName,
        arms: &[(Option<WorkloadName>, Parameter)],
    ) -> Result<(), Invalid> {
        let known: Vec<String> = arms.iter().flat_map(keys).collect();
        for (key, asked) in &self.0 {
            if !known.contains(key) {
                return Err(unknown("asked_of", key, known.iter().map(String::as_str)));
            }
            for subject in asked {
                if !subjects.contains(subject) {
                    let place = format!("asked_of.{key}: subject");
                    let known = subjects.iter().map(SubjectName::as_str);
                    return Err(unknown(&place, subject.as_str(), known));
                }
            }
            if !asked.contains(baseline) {
                return Err(invalid!(
                    "asked_of.{key} lacks the baseline `{baseline}`: the others would be compared with nothing"
                ));
            }
        }
        Ok(())
    }
}

impl From<BTreeMap<String, Vec<SubjectName>>> for AskedOf {
    fn from(table: BTreeMap<String, Vec<SubjectName>>) -> Self {
        Self(table)
    }
}

/// The keys under which a cell is named.
fn keys((workload, parameter): &(Option<WorkloadName>, Parameter)) -> Vec<String> {
    let written = parameter.to_string();
    let before = written.split_once('=').map(|(name, _)| name.to_owned());
    let workload = workload.as_ref().map(ToString::to_string);
    workload.into_iter().chain(before).chain([written]).collect()
}

fn names(key: &str, workload: Option<&WorkloadName>, parameter: Parameter) -> bool {
    keys(&(workload.cloned(), parameter)).iter().any(|name| name == key)
}

fn unknown<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a str>) -> Invalid {
    match nearest(name, known) {
        Some(near) => invalid!(
            "{what} `{name}` is not among what the definition asks; did you mean `{near}`?"
        ),
        None => invalid!("{what} `{name}` is not among what the definition asks"),
    }
}

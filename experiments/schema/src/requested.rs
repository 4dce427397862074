//! The names of subjects and workloads that a definition asks for, against those that there are.

use crate::custom::{
    Custom, Requested, RequestedSubjects, RequestedWorkloads, custom_workloads, refuse_known,
};
use crate::invalid::{Invalid, invalid};
use crate::name::{SubjectName, WorkloadName};
use crate::parse::nearest;
use crate::subject::Subjects;
use crate::workload::Workloads;

/// The subjects that a definition asks for, in its order. Of its custom ones, which TOML gives in no order
/// of meaning, the baseline is the first.
pub(crate) fn requested_subjects(
    requested: RequestedSubjects,
    baseline: &SubjectName,
    known: &Subjects,
    custom: &mut Custom,
) -> Result<Vec<SubjectName>, Invalid> {
    let names = match requested {
        Requested::Named(names) => {
            for name in names.iter().chain([baseline]) {
                if !known.contains_key(name) {
                    let known = known.keys().map(SubjectName::as_str);
                    return Err(unknown("subject", name.as_str(), known));
                }
            }
            names
        }
        Requested::Custom(subjects) => {
            refuse_known("subject", subjects.keys(), known)?;
            custom.subjects = subjects;
            let mut names: Vec<SubjectName> = custom.subjects.keys().cloned().collect();
            names.sort_by_key(|name| name != baseline);
            names
        }
    };
    if !names.contains(baseline) {
        let near = nearest(baseline.as_str(), names.iter().map(SubjectName::as_str));
        let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        return Err(invalid!("baseline `{baseline}` is not among `subjects`{hint}"));
    }
    Ok(with_variants(&names, known))
}

/// The workloads that a definition asks for.
pub(crate) fn requested_workloads(
    requested: RequestedWorkloads,
    known: &Workloads,
    custom: &mut Custom,
) -> Result<Vec<WorkloadName>, Invalid> {
    match requested {
        Requested::Named(names) => resolve_workloads(&names, known),
        Requested::Custom(workloads) => {
            refuse_known("workload", workloads.keys(), known)?;
            custom.workloads = custom_workloads(workloads)?;
            Ok(custom.workloads.keys().cloned().collect())
        }
    }
}

/// Each subject that was named, followed by its variants that were not.
fn with_variants(named: &[SubjectName], subjects: &Subjects) -> Vec<SubjectName> {
    let mut all = Vec::new();
    for name in named {
        let variants = subjects.iter().filter(|(other, subject)| {
            subject.variant_of.as_ref() == Some(name) && !named.contains(other)
        });
        all.push(name.clone());
        all.extend(variants.map(|(other, _)| other.clone()));
    }
    all
}

/// The twins of named subjects that are not named themselves.
pub(crate) fn unnamed_twins(named: &[SubjectName], subjects: &Subjects) -> Vec<SubjectName> {
    let is_of_named = |original: &SubjectName| named.contains(original);
    let twins = subjects.iter().filter(|(name, subject)| {
        subject.twin_of.as_ref().is_some_and(is_of_named) && !named.contains(name)
    });
    twins.map(|(name, _)| name.clone()).collect()
}

fn unknown<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a str>) -> Invalid {
    match nearest(name, known) {
        Some(near) => invalid!("unknown {what} `{name}`; did you mean `{near}`?"),
        None => invalid!("unknown {what} `{name}`; `cargo xtask list` shows all"),
    }
}

/// `bad-*` stands for every workload whose name begins with `bad-`.
fn resolve_workloads(names: &[String], known: &Workloads) -> Result<Vec<WorkloadName>, Invalid> {
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

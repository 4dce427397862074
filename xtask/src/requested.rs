//! Whether what was typed can be measured at all, found before anything is set up, built or started for it.

use anyhow::{Result, bail, ensure};
use std::collections::BTreeSet;
use weighbridge_project::claims;
use weighbridge_project::exit::LackingError;
use weighbridge_project::project::Project;
use weighbridge_project::questions::{Experiment, Kind, Questions};
use weighbridge_schema::name::{SubjectName, WorkloadName};
use weighbridge_schema::parse::nearest;
use weighbridge_schema::request::RunRequest;
use weighbridge_setup::standings::lacking_program;

/// So many names are listed in an error; `cargo xtask list` shows all.
const NAMED_MAX: usize = 20;

/// Checks the names of `choice`, and that each goes together with the others.
///
/// # Errors
/// A definition is wrong, a name does not exist, or no experiment that was chosen visits it.
pub fn check(project: &Project, choice: &RunRequest) -> Result<()> {
    check_in(&Questions::read(project)?, choice)?;
    if choice.claim.is_empty() {
        return Ok(());
    }
    let claims = claims::read(project)?;
    known("claim", &choice.claim, &claims.iter().map(|claim| claim.name.as_str()).collect())
}

/// Checks that what runs each subject that was named is installed, as far as it is a program that we do not build.
/// Of subjects that nobody named, those that are not installed are left out of the run.
///
/// # Errors
/// It is not; exit code 3 with the line that installs it.
pub fn check_installed(project: &Project, choice: &RunRequest) -> Result<()> {
    if choice.subject.is_empty() {
        return Ok(());
    }
    let questions = Questions::read(project)?;
    let mut lacking = Vec::new();
    for name in &choice.subject {
        let found = questions.file.subjects.iter().find(|(known, _)| known.as_str() == name);
        let Some((_, subject)) = found else { continue };
        if let Some((what, remedy)) = lacking_program(project, &questions.file, name, subject) {
            lacking.push((format!("{what}, which runs the subject {name}"), remedy));
        }
    }
    let Some((_, first)) = lacking.first().cloned() else { return Ok(()) };
    let what: Vec<String> = lacking.into_iter().map(|(what, _)| what).collect();
    Err(LackingError { what: what.join("; "), remedy: first }.into())
}

fn check_in(questions: &Questions, choice: &RunRequest) -> Result<()> {
    let chosen = chosen(questions, &choice.experiments)?;
    let all = &questions.experiments;
    let every: Vec<&Experiment> = all.iter().collect();
    known("subject", &choice.subject, &names(&every, subjects_of))?;
    known("workload", &choice.workload, &names(&every, workloads_of))?;
    visited("subject", &choice.subject, &chosen, &every, subjects_of)?;
    visited("workload", &choice.workload, &chosen, &every, workloads_of)?;
    let goes_together = |one: &Experiment| {
        meets(&choice.subject, &subjects_of(one)) && meets(&choice.workload, &workloads_of(one))
    };
    ensure!(
        chosen.iter().any(|one| goes_together(one)),
        "no requested experiment visits these subjects with these workloads: {}",
        chosen.iter().map(|one| holds(one)).collect::<Vec<_>>().join("; ")
    );
    Ok(())
}

/// Nothing asked for, nothing there to choose from, or a name in both.
fn meets(requested: &[String], of_it: &[&str]) -> bool {
    requested.is_empty()
        || of_it.is_empty()
        || requested.iter().any(|name| of_it.contains(&name.as_str()))
}

fn holds(one: &Experiment) -> String {
    let words =
        |of_it: Vec<&str>| if of_it.is_empty() { "none".to_owned() } else { of_it.join(", ") };
    let (subjects, workloads) = (words(subjects_of(one)), words(workloads_of(one)));
    format!(
        "{} has the subjects {subjects} and the workloads {workloads}",
        one.definition.experiment
    )
}

fn subjects_of(one: &Experiment) -> Vec<&str> {
    one.definition.subjects.iter().map(SubjectName::as_str).collect()
}

/// What a cell is named after; an experiment that sends no single request has none.
fn workloads_of(one: &Experiment) -> Vec<&str> {
    one.definition.workloads.iter().map(WorkloadName::as_str).collect()
}

fn names<'a>(
    experiments: &[&'a Experiment],
    of: fn(&'a Experiment) -> Vec<&'a str>,
) -> BTreeSet<&'a str> {
    experiments.iter().flat_map(|one| of(one)).collect()
}

fn chosen<'a>(questions: &'a Questions, requested: &[String]) -> Result<Vec<&'a Experiment>> {
    let all = &questions.experiments;
    let by_name = |one: &&Experiment, name: &str| one.definition.experiment.as_str() == name;
    known(
        "experiment",
        requested,
        &all.iter().map(|one| one.definition.experiment.as_str()).collect(),
    )?;
    if requested.is_empty() {
        return Ok(all.iter().filter(|one| one.kind == Kind::Usual).collect());
    }
    Ok(requested.iter().filter_map(|name| all.iter().find(|one| by_name(one, name))).collect())
}

fn known(what: &str, requested: &[String], there: &BTreeSet<&str>) -> Result<()> {
    if let Some(name) = requested.iter().find(|name| !there.contains(name.as_str())) {
        match nearest(name, there.iter().copied()) {
            Some(near) => bail!("no {what} `{name}`; did you mean `{near}`?"),
            None => bail!("no {what} `{name}`; there are: {}", listed(there)),
        }
    }
    Ok(())
}

fn listed(names: &BTreeSet<&str>) -> String {
    let shown: Vec<&str> = names.iter().copied().take(NAMED_MAX).collect();
    let more = names.len().saturating_sub(NAMED_MAX);
    let rest =
        if more > 0 { format!(", and {more} more: cargo xtask list") } else { String::new() };
    format!("{}{rest}", shown.join(", "))
}

/// Each name that was requested is visited by one of the experiments that were.
fn visited<'a>(
    what: &str,
    requested: &[String],
    chosen: &[&'a Experiment],
    every: &[&'a Experiment],
    of: fn(&'a Experiment) -> Vec<&'a str>,
) -> Result<()> {
    let there = names(chosen, of);
    if let Some(name) = requested.iter().find(|name| !there.contains(name.as_str())) {
        let asked_of: Vec<&str> =
            chosen.iter().map(|one| one.definition.experiment.as_str()).collect();
        let elsewhere: Vec<&str> = (every.iter())
            .filter(|one| of(one).contains(&name.as_str()))
            .map(|one| one.definition.experiment.as_str())
            .collect();
        let who = match asked_of.as_slice() {
            [one] => format!("{one} has no {what} `{name}`; it has {}", listed_or_none(&there)),
            _ => format!("none of the experiments chosen has the {what} `{name}`"),
        };
        bail!("{who}; `{name}` is of {}", elsewhere.join(", "));
    }
    Ok(())
}

fn listed_or_none(names: &BTreeSet<&str>) -> String {
    if names.is_empty() { "none".to_owned() } else { listed(names) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn questions() -> Questions {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        Questions::read(&Project {
            root: root.to_owned(),
            state: root.join(".weighbridge"),
            target: root.join("target"),
            build: root.join("target"),
            assume_yes: true,
        })
        .unwrap()
    }

    fn choice(experiments: &str, subjects: &str, workloads: &str) -> RunRequest {
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect();
        RunRequest {
            experiments: words(experiments),
            subject: words(subjects),
            workload: words(workloads),
            ..RunRequest::default()
        }
    }

    #[test]
    fn what_can_be_measured_is_let_through() {
        let questions = questions();
        for (experiments, subjects, workloads) in [
            ("", "", ""),
            ("cold-start latency", "docker-scratch", "healthz"),
            ("cold-start instructions", "native", "op-blur"),
            ("artifact-size", "native", ""),
            ("json-api aa-latency", "", ""),
        ] {
            check_in(&questions, &choice(experiments, subjects, workloads)).unwrap();
        }
    }

    #[test]
    fn what_cannot_is_told_with_what_could() {
        let questions = questions();
        for (experiments, subjects, workloads, expected) in [
            ("cold-strat", "", "", "no experiment `cold-strat`; did you mean `cold-start`?"),
            ("zzz", "", "", "no experiment `zzz`; there are: aa-cold-start, "),
            ("", "docker-scrach", "", "no subject `docker-scrach`; did you mean `docker-scratch`?"),
            ("", "", "helthz", "no workload `helthz`; did you mean `healthz`?"),
            ("cold-start", "", "op-blur", "cold-start has no workload `op-blur`; it has healthz"),
            ("instantiation", "native", "", "instantiation has no subject `native`; it has "),
        ] {
            let error = check_in(&questions, &choice(experiments, subjects, workloads));
            let error = error.unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
            assert!(error.len() < 600, "{error}");
        }
        let error = check_in(&questions, &choice("cold-start", "", "op-blur")).unwrap_err();
        assert!(error.to_string().contains("; `op-blur` is of "), "{error}");
    }
}

//! The parts of the list, and how each is laid out.

use anyhow::Result;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write;
use weighbridge_build::record;
use weighbridge_project::project::Project;
use weighbridge_project::questions::{Kind, Questions};
use weighbridge_project::runs::RunLine;
use weighbridge_schema::architecture::Architecture;
use weighbridge_schema::claim::Claim;
use weighbridge_schema::definition::{Definition, Profile};
use weighbridge_schema::subject::Subject;
use weighbridge_schema::workload::Workload;
use weighbridge_setup::Context;
use weighbridge_setup::standings::lacking_program;
use weighbridge_setup::{Need, Standing, probe_all};

const PROFILES: [Profile; 3] = [Profile::Smoke, Profile::Quick, Profile::Paper];

/// What is listed; a part that was not asked for is `None`.
#[derive(Serialize)]
pub(super) struct Listing {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) experiments: Option<Vec<ExperimentLine>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) examples: Option<Vec<ExperimentLine>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) subjects: Option<Vec<SubjectLine>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) workloads: Option<Vec<WorkloadLine>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) claims: Option<Vec<ClaimLine>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) artifacts: Option<Vec<ArtifactsLine>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) runs: Option<Vec<RunLine>>,
}

/// One question.
#[derive(Serialize)]
pub(super) struct ExperimentLine {
    pub(super) name: String,
    question: String,
    /// Trials at most, by profile, with every subject that it names.
    trials_count: BTreeMap<String, usize>,
    own_subjects: BTreeMap<String, String>,
    own_workloads: BTreeMap<String, String>,
}

/// One subject.
#[derive(Serialize)]
pub(super) struct SubjectLine {
    name: String,
    title: String,
    /// Why it cannot be measured here, as far as can be seen without building; `None` where it can.
    not_measurable: Option<String>,
}

/// One request.
#[derive(Serialize)]
pub(super) struct WorkloadLine {
    name: String,
    request: String,
}

/// One claim of the paper.
#[derive(Serialize)]
pub(super) struct ClaimLine {
    name: String,
    experiment: String,
    sentence: String,
}

/// What was built for one architecture.
#[derive(Serialize)]
pub(super) struct ArtifactsLine {
    architecture: String,
    libc: String,
    toolchain: String,
}

fn experiment(definition: &Definition) -> ExperimentLine {
    let count = |profile| {
        let invocations = 0..definition.settings(profile).planned_invocations();
        definition.trials(profile, std::env::consts::ARCH, invocations).len()
    };
    let custom = &definition.custom;
    ExperimentLine {
        name: definition.experiment.to_string(),
        question: definition.question.clone(),
        trials_count: PROFILES.iter().map(|one| (one.to_string(), count(*one))).collect(),
        own_subjects: (custom.subjects.iter())
            .map(|(name, subject)| (name.to_string(), subject.title.clone()))
            .collect(),
        own_workloads: (custom.workloads.iter())
            .map(|(name, workload)| (name.to_string(), requested(workload)))
            .collect(),
    }
}

fn of_kind(questions: &Questions, kind: Kind) -> Vec<ExperimentLine> {
    let of_it = questions.experiments.iter().filter(|one| one.kind == kind);
    of_it.map(|one| experiment(&one.definition)).collect()
}

pub(super) fn experiments(questions: &Questions) -> Vec<ExperimentLine> {
    of_kind(questions, Kind::Usual)
}

pub(super) fn examples(questions: &Questions) -> Vec<ExperimentLine> {
    of_kind(questions, Kind::Example)
}

pub(super) fn subjects(project: &Project, questions: &Questions) -> Result<Vec<SubjectLine>> {
    let silent = |_: &str| {};
    let requested = [Need::ContainerEngine, Need::DockerCurrent, Need::Podman];
    let mut engines = BTreeMap::new();
    for finding in probe_all(&Context::of(project, &silent), &requested)? {
        engines.insert(finding.need, finding.standing);
    }
    let why = |name: &str, subject: &Subject| {
        if let Some((what, remedy)) = lacking_program(project, &questions.file, name, subject) {
            return Some(format!("{what} is not installed: {remedy}"));
        }
        let (engine, _) = subject.start.container()?;
        match engines.get(&Need::of_engine(engine))? {
            Standing::Missing { reason, line } => Some(format!("{reason}; to get it: {line}")),
            Standing::Present { .. } | Standing::Obtainable { .. } => None,
        }
    };
    let lines = questions.file.subjects.iter().map(|(name, subject)| SubjectLine {
        name: name.to_string(),
        title: subject.title.clone(),
        not_measurable: why(name.as_str(), subject),
    });
    Ok(lines.collect())
}

/// What a workload asks for, in a line.
fn requested(workload: &Workload) -> String {
    match workload {
        Workload::Request(request) => format!("{} {}", request.method, request.path),
        Workload::Mix(mix) => mix.to_string(),
    }
}

pub(super) fn workloads(questions: &Questions) -> Vec<WorkloadLine> {
    let lines = questions.workloads.iter().map(|(name, workload)| WorkloadLine {
        name: name.to_string(),
        request: requested(workload),
    });
    lines.collect()
}

pub(super) fn claims(claims: &[Claim]) -> Vec<ClaimLine> {
    let line = |claim: &Claim| ClaimLine {
        name: claim.name.clone(),
        experiment: claim.experiment.to_string(),
        sentence: claim.sentence.clone(),
    };
    claims.iter().map(line).collect()
}

pub(super) fn artifacts(project: &Project) -> Result<Vec<ArtifactsLine>> {
    let mut found = Vec::new();
    for architecture in Architecture::ALL {
        let folder = project.artifacts().with_file_name(architecture.name());
        if folder.join("artifacts.json").is_file() {
            let record = record::read(&folder)?;
            let (libc, toolchain) = (record.libc, record.toolchain);
            found.push(ArtifactsLine { architecture: architecture.to_string(), libc, toolchain });
        }
    }
    Ok(found)
}

/// Two columns, the first as wide as its longest name.
fn columns(out: &mut String, indent: &str, rows: &[(String, String)]) {
    let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    for (name, words) in rows {
        // Writing to a String cannot fail, here and below.
        let _ = writeln!(out, "{indent}{name:<width$}  {words}");
    }
}

fn counted(one: &ExperimentLine) -> String {
    let counts = PROFILES.map(|profile| one.trials_count.get(&profile.to_string()).copied());
    let [smoke, quick, paper] = counts.map(Option::unwrap_or_default);
    format!("{smoke:>6} {quick:>6} {paper:>6}  {}", one.question)
}

fn pairs<'a>(map: impl IntoIterator<Item = (&'a String, &'a String)>) -> Vec<(String, String)> {
    map.into_iter().map(|(name, words)| (name.clone(), words.clone())).collect()
}

impl Listing {
    /// For a person.
    pub(super) fn text(&self) -> String {
        let mut parts = Vec::new();
        if let Some(experiments) = &self.experiments {
            let mut part = "experiments (trials at most, with the profiles)\n".to_owned();
            let heading = format!("{:>6} {:>6} {:>6}", "smoke", "quick", "paper");
            let rows = experiments.iter().map(|one| (one.name.clone(), counted(one)));
            let rows: Vec<_> = std::iter::once((String::new(), heading)).chain(rows).collect();
            columns(&mut part, "  ", &rows);
            parts.push(part);
        }
        if let Some(examples) = &self.examples {
            let mut part =
                "examples (measured when they are named; with the custom entries of each)\n"
                    .to_owned();
            for one in examples {
                columns(&mut part, "  ", &[(one.name.clone(), one.question.clone())]);
                columns(&mut part, "    ", &pairs(&one.own_subjects));
                columns(&mut part, "    ", &pairs(&one.own_workloads));
            }
            parts.push(part);
        }
        parts.extend(self.subjects.as_deref().map(subjects_text));
        let mut section = |title: &str, rows: Option<Vec<(String, String)>>| {
            let Some(rows) = rows else { return };
            let mut part = format!("{title}\n");
            columns(&mut part, "  ", &rows);
            if rows.is_empty() {
                part += "  none yet\n";
            }
            parts.push(part);
        };
        let rows = |one: &WorkloadLine| (one.name.clone(), one.request.clone());
        section("workloads", self.workloads.as_ref().map(|all| all.iter().map(rows).collect()));
        let rows =
            |one: &ClaimLine| (one.name.clone(), format!("{}: {}", one.experiment, one.sentence));
        section("claims", self.claims.as_ref().map(|all| all.iter().map(rows).collect()));
        let rows = |one: &ArtifactsLine| {
            (one.architecture.clone(), format!("{}, {}", one.libc, one.toolchain))
        };
        let artifacts = self.artifacts.as_ref().map(|all| all.iter().map(rows).collect());
        section("artifacts (cargo xtask build)", artifacts);
        let all_count = self.experiments.as_ref().map_or(usize::MAX, Vec::len);
        let rows = |run: &RunLine| (run.name.clone(), run.words(all_count));
        section("runs", self.runs.as_ref().map(|all| all.iter().map(rows).collect()));
        parts.join("\n")
    }
}

fn subjects_text(subjects: &[SubjectLine]) -> String {
    let mut part = String::new();
    let (there, not_there): (Vec<&SubjectLine>, Vec<&SubjectLine>) =
        subjects.iter().partition(|one| one.not_measurable.is_none());
    let rows = |of_it: &[&SubjectLine], words: fn(&SubjectLine) -> String| -> Vec<_> {
        of_it.iter().map(|one| (one.name.clone(), words(one))).collect()
    };
    if !there.is_empty() {
        part += "subjects that can be measured here\n";
        columns(&mut part, "  ", &rows(&there, |one| one.title.clone()));
    }
    if !not_there.is_empty() {
        part += "subjects that cannot be measured here, and what would change it\n";
        let why = |one: &SubjectLine| one.not_measurable.clone().unwrap_or_default();
        columns(&mut part, "  ", &rows(&not_there, why));
    }
    part
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_fit_the_longest_name() {
        let mut out = String::new();
        let row = |name: &str| (name.to_owned(), "GET /".to_owned());
        columns(&mut out, "  ", &[row("healthz"), row("bad-truncated-progressive-jpeg")]);
        let places: Vec<_> = out.lines().map(|line| line.find("GET")).collect();
        assert_eq!(places, [Some(34), Some(34)]);
    }

    #[test]
    fn only_what_was_asked_for_is_told() {
        let listing = Listing {
            experiments: None,
            examples: None,
            subjects: Some(vec![SubjectLine {
                name: "spin".to_owned(),
                title: "Spin".to_owned(),
                not_measurable: Some("spin 4.0.2 is not installed: no registry has it".to_owned()),
            }]),
            workloads: None,
            claims: None,
            artifacts: Some(Vec::new()),
            runs: None,
        };
        assert_eq!(
            listing.text(),
            "subjects that cannot be measured here, and what would change it\n  \
             spin  spin 4.0.2 is not installed: no registry has it\n\n\
             artifacts (cargo xtask build)\n  none yet\n"
        );
        let json = serde_json::to_value(&listing).unwrap();
        let keys: Vec<_> = json.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["artifacts", "subjects"]);
    }
}

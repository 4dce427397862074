//! What was requested and not measured: why, and the line that would make it so.

use crate::load::Run;
use crate::load::frame::is_emulated;
use crate::load::question::{CellKey, Question};
use serde::Serialize;
use std::collections::BTreeMap;
use weighbridge_schema::manifest::Availability;
use weighbridge_schema::method::QuestionKind;
use weighbridge_schema::plan::Trial;
use weighbridge_schema::record::{Observation, Outcome};
use weighbridge_schema::stop::StopReason;

/// Why a cell has no number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The machine lacks the subject.
    NotInstalled,
    /// Every invocation failed.
    Failed,
    /// Only an emulator ran it.
    Emulated,
    /// The run ended before its turn.
    NotReached,
    /// The run was not asked for it.
    NotAsked,
}

impl Cause {
    /// What a table cell says.
    #[must_use]
    pub fn words(&self) -> &'static str {
        match self {
            Cause::NotInstalled => "not installed",
            Cause::Failed => "failed",
            Cause::Emulated => "emulated only",
            Cause::NotReached => "not measured",
            Cause::NotAsked => "not asked for",
        }
    }
}

/// One absent result.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Missing {
    /// Why.
    pub cause: Cause,
    /// Why, in detail.
    pub reason: String,
    /// The line that would make it measured.
    pub remedy: Option<String>,
}

/// Absent results by cell.
pub type MissingCells = BTreeMap<CellKey, Missing>;

/// Every cell that was requested and has no valid observation.
#[must_use]
pub fn missing(run: &Run, questions: &[Question]) -> MissingCells {
    let mut observed: BTreeMap<CellKey, Vec<&Observation>> = BTreeMap::new();
    for observation in &run.observations {
        observed.entry(CellKey::of(&observation.trial)).or_default().push(observation);
    }
    questions
        .iter()
        .flat_map(|question| question.keys().map(move |key| (question, key)))
        .filter(|(question, key)| question.asks(&run.manifest, &key.cell))
        .filter_map(|(question, key)| {
            let seen = observed.get(&key).map_or(&[][..], Vec::as_slice);
            let missing = why(run, question.kind, &key, seen)?;
            Some((key, missing))
        })
        .collect()
}

fn why(run: &Run, kind: QuestionKind, key: &CellKey, seen: &[&Observation]) -> Option<Missing> {
    let measured = |o: &&&Observation| o.outcome == Outcome::Ok;
    let counts = |o: &&Observation| kind.facts().survives_emulation || !is_emulated(run, o);
    if seen.iter().filter(measured).any(counts) {
        return None;
    }
    if seen.iter().any(|o| measured(&o)) {
        return Some(Missing {
            cause: Cause::Emulated,
            reason: "ran under emulation; an emulator's times and memory are never reported"
                .to_owned(),
            remedy: Some("run it on a machine of that architecture".to_owned()),
        });
    }
    let failure = seen.iter().find_map(|o| match &o.outcome {
        Outcome::Failed { stage, reason } => Some(format!("{stage}: {reason}")),
        Outcome::Ok => None,
    });
    if let Some(first) = failure {
        return Some(Missing {
            cause: Cause::Failed,
            reason: format!("all {} invocations failed, the first at {first}", seen.len()),
            remedy: None,
        });
    }
    let manifest = &run.manifest;
    let local = &manifest.fingerprint.architecture;
    let entry = manifest.subjects.get(&key.cell.subject);
    let availability = entry.and_then(|entry| entry.availability_on(&key.cell.architecture, local));
    let is_of = |trial: &Trial| trial.experiment == key.experiment && trial.cell == key.cell;
    let was_asked = manifest.plan.iter().any(is_of);
    let out_of_time = run.stops.get(key).is_some_and(|stop| stop.reason == StopReason::Budget);
    Some(match availability {
        Some(Availability::NotInstalled { reason, remedy }) => {
            Missing { cause: Cause::NotInstalled, reason: reason.clone(), remedy: remedy.clone() }
        }
        _ if !was_asked => Missing {
            cause: Cause::NotAsked,
            reason: "the run was not asked for it".to_owned(),
            remedy: None,
        },
        _ => Missing {
            cause: Cause::NotReached,
            reason: if out_of_time {
                "the budget of time had passed before its turn".to_owned()
            } else {
                "the run ended before its trials".to_owned()
            },
            remedy: None,
        },
    })
}

//! Everything the stations found out, handed to the last one.

use crate::compare::Comparison;
use crate::equal::Floors;
use crate::interaction::Interaction;
use crate::judge::{Judged, Verdict};
use crate::load::Run;
use crate::load::question::{CellKey, Question};
use crate::power::Powers;
use crate::summarise::Summary;
use crate::summarise::missing::{Cause, MissingCells};
use crate::summarise::samples::Samples;
use crate::summarise::steady::Paces;
use crate::summarise::validity::Limited;
use std::collections::BTreeMap;
use weighbridge_schema::calibration::Calibration;
use weighbridge_schema::method::QuestionKind;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::name::SubjectName;
use weighbridge_schema::quantity::Quantity;
use weighbridge_schema::record::Outcome;

/// A run and what it says.
#[derive(Debug)]
pub struct Results<'a> {
    /// The raw log.
    pub run: &'a Run,
    /// What was asked.
    pub questions: Vec<Question>,
    /// Statistics by cell and quantity.
    pub summaries: BTreeMap<(CellKey, Quantity), Summary>,
    /// Ratios against the baselines, by cell and quantity.
    pub comparisons: BTreeMap<(CellKey, Quantity), Comparison>,
    /// Whether a ratio is the same on the machine's instruction set and on another, by the other's cell and quantity.
    pub interactions: BTreeMap<(CellKey, Quantity), Interaction>,
    /// The claims with their verdicts, in the order of claims.toml.
    pub judged: Vec<Judged>,
    /// How fresh instances came up to pace, by cell.
    pub paces: Paces,
    /// Every twin beside its original.
    pub of_twins: Vec<Comparison>,
    /// The smallest effects that count.
    pub floors: Floors,
    /// The smallest differences that the run could have seen.
    pub power: Powers,
    /// The cells whose pace the load generator may have set.
    pub limited: Limited,
    /// What A/A runs of the machine found; `None` where there were none.
    pub calibration: Option<Calibration>,
    /// What has no number, and why.
    pub missing: MissingCells,
    /// What each visit showed.
    pub samples: Samples,
    /// Invocations measured and failed, by cell.
    pub counts: BTreeMap<CellKey, (usize, usize)>,
    /// What the reader should know before believing the numbers.
    pub notes: Vec<String>,
    /// Seed of the resampling.
    pub seed: u64,
}

impl Results<'_> {
    /// The statistics of a quantity of a cell.
    #[must_use]
    pub fn summary(&self, key: &CellKey, quantity: Quantity) -> Option<&Summary> {
        self.summaries.get(&(key.clone(), quantity))
    }

    /// The comparison of a quantity of a cell with the baseline.
    #[must_use]
    pub fn comparison(&self, key: &CellKey, quantity: Quantity) -> Option<&Comparison> {
        self.comparisons.get(&(key.clone(), quantity))
    }

    /// Whether the load generator may have set the pace of a cell, or of the baseline's that it is divided by.
    #[must_use]
    pub fn is_limited(&self, key: &CellKey, baseline: &SubjectName) -> bool {
        self.limited.contains(key) || self.limited.contains(&key.with_subject(baseline))
    }

    /// Whether the run was asked for a cell: with `--subject` a run leaves the others of a definition out.
    #[must_use]
    pub fn is_asked(&self, key: &CellKey) -> bool {
        self.missing.get(key).is_none_or(|missing| missing.cause != Cause::NotAsked)
    }

    /// The questions of one kind.
    pub fn of_kind(&self, kind: QuestionKind) -> impl Iterator<Item = &Question> {
        self.questions.iter().filter(move |question| question.kind == kind)
    }

    /// Every subject of the tables, in the order of the first definition that names it.
    #[must_use]
    pub fn subjects(&self) -> Vec<&SubjectName> {
        each_once(self.questions.iter().flat_map(|question| &question.subjects))
    }

    /// Every subject of the service that was requested, those too that no other table shows. Guests of another service
    /// have a table of their own.
    #[must_use]
    pub fn requested_subjects(&self) -> Vec<&SubjectName> {
        let guests: Vec<_> =
            self.of_kind(QuestionKind::GuestLanguages).map(|q| &q.experiment).collect();
        let experiments = self.run.manifest.experiments.iter();
        let others = experiments
            .filter(|(name, _)| !guests.contains(name))
            .flat_map(|(_, entry)| &entry.subjects);
        let service = self.questions.iter().filter(|q| q.kind != QuestionKind::GuestLanguages);
        each_once(service.flat_map(|question| &question.subjects).chain(others))
    }

    /// Whether every check holds: no claim is contradicted, and every subject answered the whole equivalence
    /// list as expected.
    #[must_use]
    pub fn hold(&self) -> bool {
        let alike = self.run.observations.iter().all(|observation| {
            let case = |metric| observation.metrics.get(&metric);
            case(Metric::CasesSent) == case(Metric::CasesEqual)
        });
        alike && self.judged.iter().all(|judged| judged.verdict != Verdict::Contradicted)
    }

    /// Invocations of a cell that were measured, and that failed.
    #[must_use]
    pub fn counts(&self, key: &CellKey) -> (usize, usize) {
        self.counts.get(key).copied().unwrap_or((0, 0))
    }
}

fn each_once<'a>(names: impl Iterator<Item = &'a SubjectName>) -> Vec<&'a SubjectName> {
    let mut order: Vec<&SubjectName> = Vec::new();
    for name in names {
        if !order.contains(&name) {
            order.push(name);
        }
    }
    order
}

/// Counts the invocations of every cell that were measured, each trial once, and those that failed.
#[must_use]
pub fn count(run: &Run) -> BTreeMap<CellKey, (usize, usize)> {
    let mut counts: BTreeMap<CellKey, (usize, usize)> = BTreeMap::new();
    for (_, observation) in run.counted() {
        let (measured, failed) = counts.entry(CellKey::of(&observation.trial)).or_default();
        match observation.outcome {
            Outcome::Ok => *measured += 1,
            Outcome::Failed { .. } => *failed += 1,
        }
    }
    counts
}

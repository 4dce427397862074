//! How often the model's choices were right in the replays of a run, and the sentence that says whether they test it.

use super::measured::SOURCES;
use super::replay::{By, Replayed, Verdict, replayed};
use crate::results::Results;
use weighbridge_schema::method::QuestionKind;
use weighbridge_statistics::binomial::share_interval;
use weighbridge_statistics::bootstrap::Interval;

/// How the choices stand that were made by one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Score {
    /// By what.
    pub by: By,
    /// The packing that the model takes took the least.
    pub right_count: u64,
    /// Another one took less.
    pub wrong_count: u64,
    /// The model's intervals leave it open.
    pub open_count: u64,
    /// Something lacks.
    pub not_judged_count: u64,
}

impl Score {
    /// Of all loads.
    #[must_use]
    pub fn of(by: By, replayed: &[Replayed<'_>]) -> Self {
        let held = || replayed.iter().flat_map(|one| &one.held).filter(move |held| held.by == by);
        let count = |verdict| held().filter(|held| held.verdict == verdict).count() as u64;
        Self {
            by,
            right_count: count(Verdict::Right),
            wrong_count: count(Verdict::Wrong),
            open_count: count(Verdict::Open),
            not_judged_count: count(Verdict::NotJudged),
        }
    }

    /// Choices that the model has made, and that were judged.
    #[must_use]
    pub fn decided_count(&self) -> u64 {
        self.right_count + self.wrong_count
    }

    /// The share of these that was right, with its interval; `None` without any.
    #[must_use]
    pub fn share(&self) -> Option<(f64, Interval)> {
        let interval = share_interval(self.right_count, self.decided_count())?;
        Some((self.right_count as f64 / self.decided_count() as f64, interval))
    }

    fn words(&self) -> String {
        let Self { by, right_count, open_count, .. } = self;
        let decided_count = self.decided_count();
        let by = by.words();
        format!(
            "by {by} it was right in {right_count} of {decided_count}, and left {open_count} open"
        )
    }
}

/// Whether a replay of the run tests the model, and with what result: sentences for whoever reads what it says.
#[must_use]
pub fn says(results: &Results<'_>) -> String {
    let replayed = replayed(results);
    if replayed.is_empty() {
        let needed = SOURCES.into_iter().chain([QuestionKind::Replay]).map(QuestionKind::key);
        let needed: Vec<&str> = needed.collect();
        return format!(
            "No replay in this run has tested the model: cargo xtask run {}.",
            needed.join(" ")
        );
    }
    let scores = By::ALL.map(|by| Score::of(by, &replayed));
    if scores.iter().all(|score| score.decided_count() + score.open_count == 0) {
        let mut configurations = replayed.iter().flat_map(|one| &one.configurations);
        let why = configurations.find_map(|one| one.foretold.as_ref().err());
        let why = why.map_or("nothing of it was measured", String::as_str);
        return format!("The replay in this run does not test the model: {why}.");
    }
    let scores = scores.map(|score| score.words());
    format!(
        "A replay of {} loads in this run has tested which packing the model takes: {}.",
        replayed.len(),
        scores.join("; ")
    )
}

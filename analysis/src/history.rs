//! One cell over the releases of a program: which release changed it?
//!
//! Each release is compared with the first one and with the one before it, block by block, by the
//! same intervals, floors and corrections as every other comparison.

use crate::analyse;
use crate::compare::{self, Comparison, Effect};
use crate::equal::Floor;
use crate::load::Run;
use crate::load::question::{CellKey, Question, Setting};
use crate::results::Results;
use crate::summarise::Summary;
use crate::summarise::samples::Samples;
use crate::two_runs::samples_of;
use anyhow::{Result, bail, ensure};
use weighbridge_schema::calibration::Calibration;
use weighbridge_schema::manifest::{Availability, Manifest};
use weighbridge_schema::name::SubjectName;
use weighbridge_schema::parameter::Parameter;
use weighbridge_schema::quantity::Quantity;
use weighbridge_schema::subject::Subject;

/// One release: the subject that it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// The subject.
    pub subject: SubjectName,
    /// `NAME VERSION` of its programs, as far as they are not the pinned ones.
    pub version: String,
}

/// What a cell of one release showed.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The release.
    pub release: Release,
    /// Its cell.
    pub key: CellKey,
    /// Its number; `None` where there is none.
    pub summary: Option<Summary>,
    /// Why there is no number.
    pub reason: Option<String>,
    /// Divided by the first release; `None` for that one, and where either has no number.
    pub to_first: Option<Comparison>,
    /// Divided by the last release before it that has a number.
    pub to_previous: Option<Comparison>,
}

impl Entry {
    /// Whether it differs from the release before it: the whole interval lies beyond the floor.
    #[must_use]
    pub fn is_changepoint(&self) -> bool {
        self.to_previous.as_ref().is_some_and(has_moved)
    }
}

/// Whether two releases differ beyond any doubt that a table would name.
#[must_use]
pub fn has_moved(comparison: &Comparison) -> bool {
    comparison.doubt.is_none() && comparison.effect != Effect::Equal
}

/// One quantity under one setting, release by release.
#[derive(Debug, Clone, PartialEq)]
pub struct Timeline {
    /// Workload and parameter.
    pub setting: Setting,
    /// What is compared.
    pub quantity: Quantity,
    /// Releases, in the order of the definition.
    pub entries: Vec<Entry>,
    /// How far apart equal subjects seem to be; `None` where nobody knows, and for what is read and
    /// not sampled.
    pub floor: Option<Floor>,
}

impl Timeline {
    /// Whether the last release differs from the first; `None` where that is not known.
    #[must_use]
    pub fn ends_differ(&self) -> Option<bool> {
        self.entries.last()?.to_first.as_ref().map(has_moved)
    }
}

/// The releases of a run, compared.
#[derive(Debug)]
pub struct History<'a> {
    /// What the run says otherwise.
    pub results: Results<'a>,
    /// The experiment.
    pub question: Question,
    /// One for each setting.
    pub timelines: Vec<Timeline>,
}

/// Compares the releases of a run by `quantity`, or by the one that answers its question, under
/// `parameter`, or under every one.
///
/// # Errors
/// The run has no experiment with several releases, or the raw log contradicts itself.
pub fn history(
    run: &Run,
    quantity: Option<Quantity>,
    parameter: Option<Parameter>,
    calibration: Option<Calibration>,
) -> Result<History<'_>> {
    let results = analyse(run, &[], calibration, run.manifest.seed, |_| ())?;
    let found = results.questions.iter().find_map(|question| {
        let releases = releases(&run.manifest, question);
        (releases.len() > 1).then(|| (question.clone(), releases))
    });
    let Some((question, releases)) = found else {
        bail!(
            "run {} has no experiment in which releases are compared: `cargo xtask history` makes \
             one",
            run.manifest.run
        );
    };
    let quantity = quantity.unwrap_or(question.kind.facts().headline);
    ensure!(
        compare::is_compared(question.kind, quantity),
        "{} is not compared in {}",
        quantity.key(),
        question.experiment
    );
    let samples = samples_of(run)?;
    let mut timelines: Vec<Timeline> = (question.settings.iter())
        .filter(|setting| parameter.is_none_or(|wanted| setting.parameter == wanted))
        .map(|setting| timeline(&results, &samples, &question, setting, quantity, &releases))
        .collect();
    if let (Some(parameter), true) = (parameter, timelines.is_empty()) {
        let mut known: Vec<String> =
            question.settings.iter().map(|s| s.parameter.to_string()).collect();
        known.sort();
        known.dedup();
        bail!(
            "{} has no parameter `{parameter}`; it has {}",
            question.experiment,
            known.join(", ")
        );
    }
    decide(&mut timelines, &results);
    Ok(History { results, question, timelines })
}

/// The subjects of a definition that run programs of another version than the pinned one, in its
/// order. Those that could not be installed are among them: they keep their rows.
fn releases(manifest: &Manifest, question: &Question) -> Vec<Release> {
    let Some(entry) = manifest.experiments.get(&question.experiment) else { return Vec::new() };
    let release = |name: &SubjectName| {
        let subject = &manifest.subjects.get(name)?.definition;
        let version = versions(subject);
        let is_release = subject.twin_of.is_none() && !version.is_empty();
        is_release.then(|| Release { subject: name.clone(), version })
    };
    entry.subjects.iter().filter_map(release).collect()
}

fn versions(subject: &Subject) -> String {
    let others = subject.programs().into_iter().filter_map(|(name, version)| {
        let version = version?;
        Some(format!("{name} {version}"))
    });
    others.collect::<Vec<_>>().join(", ")
}

fn timeline(
    results: &Results<'_>,
    samples: &Samples,
    question: &Question,
    setting: &Setting,
    quantity: Quantity,
    releases: &[Release],
) -> Timeline {
    let mut entries: Vec<Entry> = Vec::new();
    for release in releases {
        let key = question.key(setting, &release.subject);
        let versus = |other: Option<&Entry>| {
            let seed = results.seed;
            compare::compare_cell(samples, &key, quantity, &other?.release.subject, seed)
        };
        let summary = results.summary(&key, quantity).cloned();
        let reason = summary.is_none().then(|| reason(results, &key));
        let to_first = versus(entries.first());
        let to_previous = versus(entries.iter().rev().find(|entry| entry.summary.is_some()));
        entries.push(Entry {
            release: release.clone(),
            key,
            summary,
            reason,
            to_first,
            to_previous,
        });
    }
    let floor = entries.first().and_then(|entry| results.floors.of(&entry.key, quantity));
    Timeline { setting: setting.clone(), quantity, entries, floor }
}

fn reason(results: &Results<'_>, key: &CellKey) -> String {
    if let Some(missing) = results.missing.get(key) {
        return format!("{}: {}", missing.cause.words(), missing.reason);
    }
    let entry = results.run.manifest.subjects.get(&key.cell.subject);
    match entry.map(|entry| &entry.availability) {
        Some(Availability::NotInstalled { reason, .. }) => format!("not installed: {reason}"),
        _ => "not measured".to_owned(),
    }
}

/// Comparisons with the first release are one family, and those with the release before another:
/// each answers a question of its own.
fn decide(timelines: &mut [Timeline], results: &Results<'_>) {
    let entries = || timelines.iter().flat_map(|timeline| &timeline.entries);
    let of = |family: fn(&Entry) -> Option<&Comparison>| {
        let all = entries().filter_map(family).cloned().collect();
        compare::decided(all, &results.floors).into_iter()
    };
    let mut to_first = of(|entry| entry.to_first.as_ref());
    let mut to_previous = of(|entry| entry.to_previous.as_ref());
    for entry in timelines.iter_mut().flat_map(|timeline| &mut timeline.entries) {
        if entry.to_first.is_some() {
            entry.to_first = to_first.next();
        }
        if entry.to_previous.is_some() {
            entry.to_previous = to_previous.next();
        }
    }
}

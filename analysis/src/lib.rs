//! From raw logs to summaries, comparisons, verdicts, tables and figures.
//!
//! Data flows one way through five stations, a module each:
//! [`load`] -> [`summarise`] -> [`compare`] -> [`judge`] -> [`render`]. Nothing here starts a subject, and
//! nothing is written into the run's folder. Numbers keep all their digits until [`render::number`].

pub mod answers;
pub mod calibrate;
pub mod compare;
pub mod conditions;
pub mod decide;
pub mod differences;
pub mod equal;
pub mod explain;
pub mod history;
pub mod interaction;
pub mod judge;
pub mod kit;
pub mod load;
pub mod multiplied;
pub mod pitfalls;
pub mod power;
pub mod progress;
pub mod published;
pub mod reconcile;
pub mod render;
pub mod results;
pub mod speed;
pub mod summarise;
pub mod twins;
pub mod two_runs;
pub mod upgrade;
pub mod verify;

use anyhow::Result;
use judge::{Claim, Evidence};
use load::Run;
use results::Results;
use std::collections::BTreeMap;
use weighbridge_schema::calibration::Calibration;

/// Times that [`analyse`] calls `step`.
pub const STEPS_COUNT: u64 = 4;

/// Takes a loaded run through the middle stations; `step` is called with what is done.
///
/// # Errors
/// A raw log that contradicts itself; the message names the place.
pub fn analyse<'a>(
    run: &'a Run,
    claims: &[Claim],
    calibration: Option<Calibration>,
    seed: u64,
    step: impl Fn(&str),
) -> Result<Results<'a>> {
    let fingerprint = &run.manifest.fingerprint;
    let (calibration, calibration_notes) = calibrate::applicable(calibration, fingerprint);
    let questions = load::question::questions(&run.manifest)?;
    let ingested = load::frame::ingest(run)?;
    let paces = summarise::steady::paces(run);
    let samples = summarise::samples::group(run, &ingested, &paces)?;
    step(&format!("grouped {} readings", ingested.rows.height()));
    let missing = summarise::missing::missing(run, &questions);
    let summaries = summarise::summarise(&samples);
    let summaries: Vec<_> = summaries
        .into_iter()
        .filter(|summary| {
            let question = questions.iter().find(|q| q.experiment == summary.key.experiment);
            question.is_none_or(|q| compare::is_reported(q.kind, summary.quantity))
        })
        .collect();
    step(&format!("summarised {} quantities", summaries.len()));
    let of_twins = equal::compare_twins(&questions, &samples, &summaries, seed);
    let floors = equal::Floors::new(&of_twins, calibration.clone());
    let comparisons = compare::compare(&questions, &samples, &summaries, &floors, seed);
    step(&format!("compared {} quantities with their baselines", comparisons.len()));
    let power = power::powers(&samples, &comparisons);
    let interactions = interaction::interactions(&samples, &comparisons, run, seed);
    let comparison_notes = compare::notes(&comparisons);
    let comparisons: BTreeMap<_, _> =
        comparisons.into_iter().map(|c| ((c.key.clone(), c.quantity), c)).collect();
    let evidence = Evidence {
        samples: &samples,
        comparisons: &comparisons,
        missing: &missing,
        floors: &floors,
        architecture: &fingerprint.architecture,
        started_at_unix_ns: u128::from(run.manifest.started_at_unix_ns),
        seed,
    };
    let judged = judge::judge(claims, evidence);
    step(&format!("judged {} claims", judged.len()));
    let mut notes = run.notes.clone();
    let limited = summarise::validity::limited(run.counted().map(|(_, observation)| observation));
    notes.extend(summarise::validity::notes(&limited));
    notes.extend(comparison_notes);
    notes.extend(calibration_notes);
    Ok(Results {
        run,
        questions,
        summaries: summaries.into_iter().map(|s| ((s.key.clone(), s.quantity), s)).collect(),
        comparisons,
        interactions,
        judged,
        paces,
        of_twins,
        floors,
        power,
        limited,
        calibration,
        missing,
        counts: results::count(run),
        samples,
        notes,
        seed,
    })
}

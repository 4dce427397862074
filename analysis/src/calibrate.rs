//! The calibration file: read, checked against the machine, and explained to the reader.

use crate::differences::of_machines;
use crate::load::Version;
use anyhow::{Context, Result, bail};
use std::path::Path;
use weighbridge_schema::calibration::{CalibratedEffect, Calibration};
use weighbridge_schema::manifest::Fingerprint;

/// What makes another machine: a calibration says nothing about another one.
const MACHINE: [&str; 4] = ["architecture", "cores count", "cpu model", "virtualised"];

/// Reads the file.
///
/// # Errors
/// It cannot be read, is of another version, or holds an effect that is no percentage.
pub fn load(path: &Path) -> Result<Calibration> {
    let shown = path.display().to_string();
    let text = std::fs::read_to_string(path).with_context(|| format!("reading {shown}"))?;
    let version: Version =
        serde_json::from_str(&text).with_context(|| format!("reading {shown}"))?;
    version.check(&shown)?;
    let calibration: Calibration = serde_json::from_str(&text)
        .with_context(|| format!("reading {shown}: not a calibration"))?;
    for effect in &calibration.effects {
        let percent = effect.smallest_effect_percent;
        if !(percent.is_finite() && percent >= 0.0) {
            bail!("{shown}: {}: {percent} is not a smallest effect in percent", name(effect));
        }
    }
    Ok(calibration)
}

/// The calibration if it is of this machine, and what the reader should know of it in any case.
#[must_use]
pub fn applicable(
    calibration: Option<Calibration>,
    machine: &Fingerprint,
) -> (Option<Calibration>, Vec<String>) {
    let Some(calibration) = calibration else {
        let note = "no calibration was given: how small an effect this machine can tell from none is not known, \
                    and comparisons are decided by their intervals and Holm's correction alone";
        return (None, vec![note.to_owned()]);
    };
    let differences = of_machines(&calibration.fingerprint, machine);
    let (other, small): (Vec<_>, Vec<_>) =
        differences.iter().partition(|difference| MACHINE.contains(&difference.what.as_str()));
    if !other.is_empty() {
        let words: Vec<String> =
            other.iter().map(|d| format!("{} {}, here {}", d.what, d.a, d.b)).collect();
        let note = format!(
            "the calibration by run {} is of another machine ({}) and was not used",
            calibration.run,
            words.join("; ")
        );
        return (None, vec![note]);
    }
    let mut notes = Vec::new();
    if !small.is_empty() {
        let words: Vec<&str> = small.iter().map(|difference| difference.what.as_str()).collect();
        notes.push(format!(
            "since the calibration by run {} this has changed on the machine: {}",
            calibration.run,
            words.join(", ")
        ));
    }
    notes.extend(calibration.effects.iter().filter(|e| !e.is_as_expected()).map(surprise));
    (Some(calibration), notes)
}

fn name(effect: &CalibratedEffect) -> String {
    let workload = effect.workload.as_ref().map(|w| format!(" {w}")).unwrap_or_default();
    format!("{}{workload} {}", effect.experiment, effect.quantity)
}

fn surprise(effect: &CalibratedEffect) -> String {
    let CalibratedEffect { false_positives_count, comparisons_count, .. } = effect;
    let verdict = if *false_positives_count > effect.expected_high_count {
        "its intervals are narrower than they should be"
    } else {
        "its intervals are wider than they need to be"
    };
    format!(
        "calibration, {}: {false_positives_count} of {comparisons_count} comparisons of equal subjects differ, where \
         chance makes {} to {}: {verdict}",
        name(effect),
        effect.expected_low_count,
        effect.expected_high_count
    )
}

//! A/A: equal subjects under two names, cut into comparisons of the size that real ones have. Every difference that
//! is found is a false one; how many there are, and how large, is the calibration.

use crate::compare;
use crate::load::question::{CellKey, Question, questions};
use crate::load::{self, Run};
use crate::summarise::{samples, samples::Samples, steady};
use anyhow::{Context, Result, bail};
use serde::Deserialize;
use statrs::distribution::{Binomial, DiscreteCDF};
use std::collections::BTreeMap;
use std::fmt::Write;
use weighbridge_schema::SCHEMA_VERSION;
use weighbridge_schema::calibration::{CalibratedEffect, Calibration};
use weighbridge_schema::metric::Metric;
use weighbridge_schema::name::{ExperimentName, SubjectName};
use weighbridge_schema::parse::parse;
use weighbridge_schema::quantity::{Latency, Quantity};
use weighbridge_statistics::bootstrap::Interval;
use weighbridge_statistics::paired::paired_ratio;
use weighbridge_statistics::quantile::quantile_sorted;

/// What A/A experiments are called: this, and the name of the experiment that they stand for.
const PREFIX: &str = "aa-";

/// Share of intervals that miss the true value, when they are right.
const MISSED: f64 = 0.05;

/// The quantities that comparisons are decided by, as far as a run has them.
const QUANTITIES: [Quantity; 6] = [
    Quantity::Metric(Metric::TimeToFirstResponse),
    Quantity::Metric(Metric::RequestsPerSecond),
    Quantity::Metric(Metric::RequestsPerCpuSecond),
    Quantity::Latency(Latency::P50),
    Quantity::Latency(Latency::P90),
    Quantity::Latency(Latency::P99),
];

/// One comparison of a subject with itself.
struct Found {
    ratio: f64,
    interval: Interval,
}

/// Computes the calibration from a run of the experiments in `experiments/calibration/`.
///
/// # Errors
/// The run has no twins, or too few invocations for a single comparison.
pub fn calibrate(run: &Run) -> Result<Calibration> {
    let ingested = load::frame::ingest(run)?;
    let samples = samples::group(run, &ingested, &steady::paces(run))?;
    let mut by_setting: BTreeMap<(CellKey, Quantity), (u32, Vec<Found>)> = BTreeMap::new();
    for question in questions(&run.manifest)? {
        let size = comparison_invocations(run, &question)?;
        for (twin, original) in &question.twins {
            for setting in &question.settings {
                let key = question.key(setting, twin);
                let compared = |q: &Quantity| compare::is_compared(question.kind, *q);
                for quantity in QUANTITIES.into_iter().filter(compared) {
                    let found = pieces(&samples, &key, original, quantity, size as usize);
                    let setting = (key.with_subject(&question.baseline), quantity);
                    by_setting.entry(setting).or_insert((size, Vec::new())).1.extend(found);
                }
            }
        }
    }
    let effects: Vec<CalibratedEffect> = by_setting
        .into_iter()
        .filter_map(|((key, quantity), (size, found))| effect(&key, quantity, size, &found))
        .collect();
    if effects.is_empty() {
        bail!(
            "run {} holds no comparison of equal subjects: cargo xtask calibrate aa makes such a run",
            run.manifest.run
        );
    }
    Ok(Calibration {
        schema_version: SCHEMA_VERSION,
        run: run.manifest.run.clone(),
        fingerprint: run.manifest.fingerprint.clone(),
        effects,
    })
}

/// The part of a definition that says how large a comparison is.
#[derive(Deserialize)]
struct Size {
    comparison_invocations: Option<u32>,
}

fn comparison_invocations(run: &Run, question: &Question) -> Result<u32> {
    let entry = run.manifest.experiments.get(&question.experiment);
    let text = entry.map_or("", |entry| entry.definition_toml.as_str());
    let file = format!("manifest.json: experiments.{}.definition_toml", question.experiment);
    let size: Size = parse(&file, text)?;
    size.comparison_invocations.with_context(|| {
        format!(
            "{file}: comparison_invocations is missing: how many invocations has one comparison?"
        )
    })
}

/// The comparisons of a twin with its original, each of `size` blocks that no other one has.
fn pieces(
    samples: &Samples,
    twin: &CellKey,
    original: &SubjectName,
    quantity: Quantity,
    size: usize,
) -> Vec<Found> {
    let other = twin.with_subject(original);
    let compare = |pairs: &[(f64, f64)]| {
        let paired = paired_ratio(pairs)?;
        Some(Found { ratio: paired.ratio, interval: paired.interval? })
    };
    samples.pairs(twin, &other, quantity).chunks_exact(size).filter_map(compare).collect()
}

fn effect(
    key: &CellKey,
    quantity: Quantity,
    invocations_per_arm_count: u32,
    found: &[Found],
) -> Option<CalibratedEffect> {
    let differs = |found: &&Found| found.interval.low > 1.0 || found.interval.high < 1.0;
    let comparisons_count = found.len() as u64;
    let chance = Binomial::new(MISSED, comparisons_count).ok()?;
    let mut sizes: Vec<f64> = found.iter().map(|f| (f.ratio - 1.0).abs() * 100.0).collect();
    sizes.sort_by(f64::total_cmp);
    let name = key.experiment.as_str();
    let experiment: ExperimentName = name.strip_prefix(PREFIX).unwrap_or(name).parse().ok()?;
    Some(CalibratedEffect {
        experiment,
        quantity: quantity.key(),
        workload: key.cell.workload.clone(),
        parameter: key.cell.parameter,
        invocations_per_arm_count,
        comparisons_count,
        false_positives_count: found.iter().filter(differs).count() as u64,
        expected_low_count: chance.inverse_cdf(0.025),
        expected_high_count: chance.inverse_cdf(0.975),
        smallest_effect_percent: quantile_sorted(&sizes, 0.975)?,
    })
}

/// All comparisons of medians together: how many there are, how many differ, and the binomial interval of
/// those that chance makes. Quantiles over requests and rates by CPU time are of the same trials as others, and
/// are left out here.
#[must_use]
pub fn total(calibration: &Calibration) -> Option<(u64, u64, u64, u64)> {
    let independent = ["time_to_first_response", "requests_per_second", "latency_p50"];
    let of = || calibration.effects.iter().filter(|e| independent.contains(&e.quantity.as_str()));
    let comparisons: u64 = of().map(|effect| effect.comparisons_count).sum();
    let false_positives: u64 = of().map(|effect| effect.false_positives_count).sum();
    let chance = Binomial::new(MISSED, comparisons).ok()?;
    Some((comparisons, false_positives, chance.inverse_cdf(0.025), chance.inverse_cdf(0.975)))
}

/// What `cargo xtask calibrate` prints.
#[must_use]
pub fn text(calibration: &Calibration) -> String {
    let mut out = format!("A/A run {}: equal subjects under two names\n\n", calibration.run);
    // Writing to a String cannot fail, here and below.
    let _ = writeln!(
        out,
        "{:<34} {:<24} {:>5} {:>5} {:>6} {:>9} {:>16}",
        "experiment, setting",
        "quantity",
        "n/arm",
        "pairs",
        "differ",
        "by chance",
        "smallest effect"
    );
    for effect in &calibration.effects {
        let workload = effect.workload.as_ref().map_or("", |workload| workload.as_str());
        let mark = if effect.is_as_expected() { "" } else { "  <- not as chance makes it" };
        let _ = writeln!(
            out,
            "{:<34} {:<24} {:>5} {:>5} {:>6} {:>9} {:>14.1} %{mark}",
            format!("{} {workload} {}", effect.experiment, effect.parameter),
            effect.quantity,
            effect.invocations_per_arm_count,
            effect.comparisons_count,
            effect.false_positives_count,
            format!("{} to {}", effect.expected_low_count, effect.expected_high_count),
            effect.smallest_effect_percent,
        );
    }
    if let Some((comparisons, differ, low, high)) = total(calibration) {
        let percent = 100.0 * differ as f64 / comparisons.max(1) as f64;
        let verdict =
            if (low..=high).contains(&differ) { "as it must be" } else { "NOT as it must be" };
        let _ = writeln!(
            out,
            "\nfalse positives: {differ} of {comparisons} ({percent:.1} %); at 5 % chance makes {low} to {high}: {verdict}"
        );
    }
    out
}

/// The comparison functions above are those of [`compare`]; its significance level is the one used here.
const _: () = assert!(compare::SIGNIFICANCE == MISSED);

#[cfg(test)]
mod tests {
    use super::*;

    fn found(ratios: &[f64], half_width: f64) -> Vec<Found> {
        let one = |&ratio: &f64| Found {
            ratio,
            interval: Interval { low: ratio - half_width, high: ratio + half_width },
        };
        ratios.iter().map(one).collect()
    }

    fn key() -> CellKey {
        serde_key("aa-cold-start")
    }

    fn serde_key(experiment: &str) -> CellKey {
        CellKey {
            experiment: experiment.parse().unwrap(),
            cell: weighbridge_schema::plan::Cell {
                subject: "native".parse().unwrap(),
                workload: Some("healthz".parse().unwrap()),
                architecture: "x86_64".to_owned(),
                parameter: weighbridge_schema::parameter::Parameter::None,
            },
        }
    }

    #[test]
    fn false_positives_and_the_smallest_effect_are_counted() {
        let quantity = Quantity::Metric(Metric::TimeToFirstResponse);
        let ratios: Vec<f64> = (0..40).map(|i| 1.0 + f64::from(i) / 1000.0).collect();
        let effect = effect(&key(), quantity, 10, &found(&ratios, 0.035)).unwrap();
        assert_eq!(effect.experiment.as_str(), "cold-start");
        assert_eq!(effect.comparisons_count, 40);
        // Ratios 1.036 to 1.039 lie farther from 1 than half the interval.
        assert_eq!(effect.false_positives_count, 4);
        // numpy.quantile(numpy.arange(40) / 10, 0.975)
        assert!((effect.smallest_effect_percent - 3.8025).abs() < 1e-9);
        // scipy.stats.binom.ppf([0.025, 0.975], 40, 0.05)
        assert_eq!((effect.expected_low_count, effect.expected_high_count), (0, 5));
    }

    #[test]
    fn without_comparisons_there_is_no_effect() {
        assert!(effect(&key(), Quantity::Metric(Metric::TimeToFirstResponse), 10, &[]).is_none());
    }
}

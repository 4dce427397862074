//! The paper's claims on a run of somebody's own, beside the published run: the verdict here, and whether the sizes
//! agree.

use crate::compare::reaches_below;
use crate::differences::{self, Difference};
use crate::judge::{Claim, Judged, Verdict, exit_code, key_of};
use crate::load::Run;
use crate::results::Results;
use crate::summarise::samples::Samples;
use crate::two_runs::{SAME_PERCENT, samples_of};
use crate::{analyse, calibrate};
use anyhow::Result;
use std::path::Path;
use weighbridge_schema::quantity::Quantity;
use weighbridge_statistics::arm::Arm;
use weighbridge_statistics::bca::bca_ratio_interval;
use weighbridge_statistics::bootstrap::{Interval, generator};
use weighbridge_statistics::order::LEAST_VALUES_COUNT;
use weighbridge_statistics::ratio::ratio;

/// Whether a claim's ratio has the same size in both runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Agreement {
    /// The whole interval of the ratio of ratios is within the tolerance.
    Same,
    /// The whole interval is beyond the tolerance.
    Different,
    /// Neither.
    Open,
}

/// The ratio of this run by the ratio of the published one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sizes {
    /// The ratio of the two ratios.
    pub ratio: f64,
    /// Its 95 % interval (BCa; the blocks of each run resampled by themselves); `None` with too few blocks.
    pub interval: Option<Interval>,
    /// How far apart equal subjects seem to be in either run, percent; 0 for what is read and not sampled.
    pub tolerance_percent: f64,
    /// What that says.
    pub agreement: Agreement,
}

/// One claim in both runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Verified {
    /// In the published run.
    pub published: Judged,
    /// In the run that was made to check it.
    pub here: Judged,
    /// The sizes beside each other; `None` where a run has no ratio.
    pub sizes: Option<Sizes>,
}

/// All claims that were checked, and what else is different between the runs.
#[derive(Debug)]
pub struct Verification {
    /// The claims, in the order of claims.toml.
    pub claims: Vec<Verified>,
    /// The machines' differences.
    pub differences: Vec<Difference>,
    /// What the reader should know of the new run.
    pub notes: Vec<String>,
}

impl Verification {
    /// So many claims have this verdict in the new run.
    #[must_use]
    pub fn count(&self, verdict: Verdict) -> usize {
        self.claims.iter().filter(|claim| claim.here.verdict == verdict).count()
    }

    /// The exit code: 0 all hold, 1 one is contradicted, 3 one could not be measured here, 4 one is undecided.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        let verdicts: Vec<Verdict> = self.claims.iter().map(|one| one.here.verdict).collect();
        exit_code(&verdicts)
    }
}

/// Judges `claims` by both runs. Without a calibration of the machine, or where it is another machine's, the twins
/// within each run say how far apart equal things seem to be.
///
/// # Errors
/// A raw log that contradicts itself.
pub fn verify(
    published: &Run,
    here: &Run,
    claims: &[Claim],
    calibration: Option<&Path>,
) -> Result<Verification> {
    let calibration = || calibration.map(calibrate::load).transpose();
    let of = |run| -> Result<Results<'_>> {
        let run: &Run = run;
        analyse(run, claims, calibration()?, run.manifest.seed, |_| ())
    };
    let (results_published, results_here) = (of(published)?, of(here)?);
    let (samples_published, samples_here) = (samples_of(published)?, samples_of(here)?);
    let pairs = results_published.judged.iter().zip(&results_here.judged);
    let claims = pairs
        .map(|(judged_published, judged_here)| Verified {
            sizes: sizes(
                judged_published,
                judged_here,
                (&results_published, &samples_published),
                (&results_here, &samples_here),
            ),
            published: judged_published.clone(),
            here: judged_here.clone(),
        })
        .collect();
    let machines = (&published.manifest.fingerprint, &here.manifest.fingerprint);
    Ok(Verification {
        claims,
        differences: differences::of_machines(machines.0, machines.1),
        notes: results_here.notes,
    })
}

/// The ratios of the blocks of one run.
fn ratios(claim: &Claim, architecture: &str, samples: &Samples) -> Option<(Vec<f64>, Quantity)> {
    let quantity = Quantity::from_key(&claim.metric)?;
    let key = key_of(claim, architecture);
    let pairs = samples.pairs(&key, &key.with_subject(&claim.versus), quantity);
    let mut ratios: Vec<f64> =
        pairs.into_iter().filter_map(|(a, b)| ratio(Some(a), Some(b))).collect();
    ratios.sort_by(f64::total_cmp);
    Some((ratios, quantity))
}

fn sizes(
    published: &Judged,
    here: &Judged,
    (results_published, samples_published): (&Results<'_>, &Samples),
    (results_here, samples_here): (&Results<'_>, &Samples),
) -> Option<Sizes> {
    let claim = &published.claim;
    let architecture =
        |results: &Results<'_>| results.run.manifest.fingerprint.architecture.clone();
    let of_published = ratios(claim, &architecture(results_published), samples_published)?;
    let of_here = ratios(claim, &architecture(results_here), samples_here)?;
    let ratio = ratio(here.ratio, published.ratio)?;
    let quantity = of_here.1;
    let enough = of_published.0.len().min(of_here.0.len()) >= LEAST_VALUES_COUNT;
    let interval = match quantity.is_exact() {
        true => Some(Interval::exact(ratio)),
        false if enough => {
            let label = format!("{} of two runs", claim.name);
            let mut generator = generator(results_here.seed, &label);
            bca_ratio_interval(Arm(&of_here.0), Arm(&of_published.0), &mut generator)
        }
        false => None,
    };
    let floor = |results: &Results<'_>| {
        let floor = results.floors.of(&key_of(claim, &architecture(results)), quantity)?;
        Some(floor.percent)
    };
    let floors = [floor(results_published), floor(results_here)].into_iter().flatten();
    let tolerance_percent = match quantity.is_exact() {
        true => 0.0,
        false => floors.reduce(f64::max).unwrap_or(SAME_PERCENT),
    };
    let agreement = interval.map_or(Agreement::Open, |found| agreement(found, tolerance_percent));
    Some(Sizes { ratio, interval, tolerance_percent, agreement })
}

fn agreement(interval: Interval, tolerance_percent: f64) -> Agreement {
    let within = |end: f64| (end - 1.0).abs() * 100.0 <= tolerance_percent;
    let Interval { low, high } = interval;
    if within(low) && within(high) {
        return Agreement::Same;
    }
    let spans_one = low <= 1.0 && high >= 1.0;
    if spans_one || reaches_below(interval, tolerance_percent) {
        return Agreement::Open;
    }
    Agreement::Different
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(low: f64, high: f64, tolerance: f64, expected: Agreement) {
        assert_eq!(agreement(Interval { low, high }, tolerance), expected, "{low} to {high}");
    }

    #[test]
    fn sizes_agree_only_when_the_whole_interval_is_within_the_tolerance() {
        check(0.97, 1.02, 5.0, Agreement::Same);
        check(0.90, 1.02, 5.0, Agreement::Open);
        check(0.90, 0.97, 5.0, Agreement::Open);
        check(0.80, 0.90, 5.0, Agreement::Different);
        check(1.06, 1.40, 5.0, Agreement::Different);
        check(1.0, 1.0, 0.0, Agreement::Same);
        check(1.001, 1.001, 0.0, Agreement::Different);
    }
}

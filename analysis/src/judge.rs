//! Fourth station: the paper's claims, each an inequality over one ratio, against the run.

use crate::compare::{self, Comparison, Doubt};
use crate::load::question::CellKey;
use crate::quantity::Quantity;
use crate::summarise::missing::MissingCells;
use crate::summarise::samples::Samples;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use weighbridge_schema::calibration::Calibration;
use weighbridge_schema::claim::read_claims;
pub use weighbridge_schema::claim::{Claim, Relation};
use weighbridge_schema::name::WorkloadName;
use weighbridge_schema::parse::{ParseError, nearest};
use weighbridge_statistics::bootstrap::Interval;

/// The cell on top of a claim's ratio.
#[must_use]
pub fn key_of(claim: &Claim, architecture: &str) -> CellKey {
    CellKey { experiment: claim.experiment.clone(), cell: claim.cell(architecture) }
}

/// Reads claims.toml; `file` is the path shown in errors.
///
/// # Errors
/// Syntax, unknown keys and metrics, repeated names, a factor that is not positive.
pub fn parse_claims(file: &str, text: &str) -> Result<Vec<Claim>, ParseError> {
    let claims = read_claims(file, text)?;
    let mut names = BTreeSet::new();
    for claim in &claims {
        let fail = |message: String| {
            let message = format!("claim `{}`: {message}", claim.name);
            Err(ParseError { file: file.to_owned(), line: None, message })
        };
        if claim.name.parse::<WorkloadName>().is_err() {
            return fail("the name must be kebab-case".to_owned());
        }
        if !names.insert(&claim.name) {
            return fail("the name is used twice".to_owned());
        }
        if !(claim.factor.is_finite() && claim.factor > 0.0) {
            return fail("the factor must be above 0".to_owned());
        }
        if Quantity::from_key(&claim.metric).is_none() {
            let keys: Vec<String> = Quantity::all().map(Quantity::key).collect();
            let near = nearest(&claim.metric, keys.iter().map(String::as_str));
            let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            return fail(format!("unknown metric `{}`{hint}", claim.metric));
        }
    }
    Ok(claims)
}

/// How a claim fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The whole interval satisfies it.
    Holds,
    /// The whole interval violates it.
    Contradicted,
    /// Neither.
    Undecided,
    /// A side was not measured.
    NotMeasured,
}

impl Verdict {
    /// The words the paper prints.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Verdict::Holds => "holds",
            Verdict::Contradicted => "contradicted",
            Verdict::Undecided => "undecided",
            Verdict::NotMeasured => "not measured",
        }
    }
}

/// A claim and what this run says about it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Judged {
    /// The claim.
    pub claim: Claim,
    /// The verdict.
    pub verdict: Verdict,
    /// The ratio, where both sides were measured and it is defined.
    pub ratio: Option<f64>,
    /// Its interval.
    pub interval: Option<Interval>,
    /// Why it is undecided or not measured.
    pub reason: Option<String>,
}

/// What claims are judged by.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    /// The numbers.
    pub samples: &'a Samples,
    /// The comparisons with the baselines, which have their correction.
    pub comparisons: &'a BTreeMap<(CellKey, Quantity), Comparison>,
    /// What has no number, and why.
    pub missing: &'a MissingCells,
    /// What the machine cannot tell from nothing; `None` where it is not known.
    pub calibration: Option<&'a Calibration>,
    /// The machine's own: claims are about measured times.
    pub architecture: &'a str,
    /// Seed of the resampling.
    pub seed: u64,
}

/// Judges every claim by the whole interval of its ratio. A claim whose ratio is closer to its factor than equal
/// subjects are to each other is undecided, and so is one that a subject differs from its baseline at all where the
/// comparison itself is undecided. Claims with other factors are few and fixed before the run: they are not corrected
/// for each other.
#[must_use]
pub fn judge(claims: &[Claim], evidence: Evidence<'_>) -> Vec<Judged> {
    claims.iter().map(|claim| one(claim, evidence)).collect()
}

fn one(claim: &Claim, evidence: Evidence<'_>) -> Judged {
    let key = key_of(claim, evidence.architecture);
    let comparison = Quantity::from_key(&claim.metric).and_then(|quantity| {
        let known = evidence.comparisons.get(&(key.clone(), quantity));
        let of_table = known.filter(|comparison| comparison.versus == claim.versus).cloned();
        of_table.or_else(|| {
            compare::one(evidence.samples, &key, quantity, &claim.versus, evidence.seed)
        })
    });
    let (verdict, reason) = match &comparison {
        None => (Verdict::NotMeasured, Some(why(claim, &key, evidence.missing))),
        Some(comparison) => decide(claim, comparison, evidence.calibration),
    };
    Judged {
        claim: claim.clone(),
        verdict,
        ratio: comparison.as_ref().and_then(|c| c.ratio),
        interval: comparison.as_ref().and_then(|c| c.interval),
        reason,
    }
}

fn decide(
    claim: &Claim,
    comparison: &Comparison,
    calibration: Option<&Calibration>,
) -> (Verdict, Option<String>) {
    let (Some(ratio), Some(interval)) = (comparison.ratio, comparison.interval) else {
        return (Verdict::Undecided, comparison.doubt.map(Doubt::words));
    };
    let found = verdict(claim, interval);
    if found == Verdict::Undecided {
        return (found, None);
    }
    if claim.factor == 1.0 && matches!(comparison.doubt, Some(Doubt::Chance(_))) {
        return (Verdict::Undecided, comparison.doubt.map(Doubt::words));
    }
    let floor = calibration
        .filter(|_| !comparison.quantity.is_exact())
        .and_then(|c| c.smallest_effect_percent(&claim.experiment, &claim.metric));
    match floor.filter(|&percent| compare::is_below(ratio / claim.factor, percent)) {
        Some(percent) => (Verdict::Undecided, Some(Doubt::BelowFloor(percent).words())),
        None => (found, None),
    }
}

fn verdict(claim: &Claim, Interval { low, high }: Interval) -> Verdict {
    let factor = claim.factor;
    let (holds, contradicted) = match claim.relation {
        Relation::Less => (high < factor, low >= factor),
        Relation::Greater => (low > factor, high <= factor),
    };
    match (holds, contradicted) {
        (true, _) => Verdict::Holds,
        (_, true) => Verdict::Contradicted,
        _ => Verdict::Undecided,
    }
}

fn why(claim: &Claim, key: &CellKey, missing: &MissingCells) -> String {
    for subject in [&claim.subject, &claim.versus] {
        let mut side = key.clone();
        side.cell.subject = subject.clone();
        if let Some(found) = missing.get(&side) {
            return format!("{subject} {}: {}", found.cause.words(), found.reason);
        }
    }
    format!("the run has no {} of both sides under this setting", claim.metric)
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;

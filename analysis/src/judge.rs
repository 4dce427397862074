//! Fourth station: the paper's claims, each an inequality over one ratio, against the run.

use crate::compare;
use crate::load::question::CellKey;
use crate::quantity::Quantity;
use crate::summarise::missing::MissingCells;
use crate::summarise::samples::Samples;
use serde::Serialize;
use std::collections::BTreeSet;
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

/// Judges every claim. `architecture` is the machine's own: claims are about measured times.
#[must_use]
pub fn judge(
    claims: &[Claim],
    samples: &Samples,
    missing: &MissingCells,
    architecture: &str,
    seed: u64,
) -> Vec<Judged> {
    claims
        .iter()
        .map(|claim| {
            let key = key_of(claim, architecture);
            let quantity = Quantity::from_key(&claim.metric);
            let comparison =
                quantity.and_then(|q| compare::one(samples, &key, q, &claim.versus, seed));
            let ratio = comparison.as_ref().and_then(|c| c.ratio);
            let interval = comparison.as_ref().and_then(|c| c.interval);
            let (verdict, reason) = match (&comparison, interval) {
                (None, _) => (Verdict::NotMeasured, Some(why(claim, &key, missing))),
                (Some(_), None) if ratio.is_none() => {
                    (Verdict::Undecided, Some("the ratio is undefined".to_owned()))
                }
                (Some(_), None) => (Verdict::Undecided, Some("n = 1, no interval".to_owned())),
                (Some(_), Some(interval)) => (verdict(claim, interval), None),
            };
            Judged { claim: claim.clone(), verdict, ratio, interval, reason }
        })
        .collect()
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

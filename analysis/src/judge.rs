//! Fourth station: the paper's claims, each an inequality over one ratio, against the run.

use crate::compare::{self, Comparison, Doubt};
use crate::equal::Floors;
use crate::load::question::CellKey;
use crate::summarise::missing::MissingCells;
use crate::summarise::samples::Samples;
use jiff::Timestamp;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use weighbridge_schema::claim::read_claims;
pub use weighbridge_schema::claim::{Claim, ClaimKind, Relation};
use weighbridge_schema::name::WorkloadName;
use weighbridge_schema::parse::{ParseError, nearest};
use weighbridge_schema::quantity::Quantity;
use weighbridge_statistics::bootstrap::Interval;
use weighbridge_statistics::holm::holm;
use weighbridge_statistics::ratio::ratio;
use weighbridge_statistics::sign::sign_test;

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
    check_claims(file, &claims)?;
    Ok(claims)
}

/// Whether the claims of `file` mean something.
///
/// # Errors
/// As [`parse_claims`], but for what a parser finds.
pub fn check_claims(file: &str, claims: &[Claim]) -> Result<(), ParseError> {
    let mut names = BTreeSet::new();
    for claim in claims {
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
        let moments = [&claim.since.at].into_iter().chain(claim.changed.iter().map(|c| &c.at));
        if let Some(bad) = moments.into_iter().find(|at| at.parse::<Timestamp>().is_err()) {
            return fail(format!("`{bad}` is not a moment such as 2026-11-21T04:10:00Z"));
        }
        if Quantity::from_key(&claim.metric).is_none() {
            let keys: Vec<String> = Quantity::all().map(Quantity::key).collect();
            let near = nearest(&claim.metric, keys.iter().map(String::as_str));
            let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            return fail(format!("unknown metric `{}`{hint}", claim.metric));
        }
    }
    Ok(())
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
    /// The verdict by the claim's own interval.
    pub verdict: Verdict,
    /// The verdict after Holm's correction over the confirmatory claims; `None` for a claim that is exploratory on this
    /// run, and where nothing is sampled or was measured.
    pub corrected: Option<Verdict>,
    /// Whether the claim was fixed before the run began.
    pub is_confirmatory: bool,
    /// The two-sided p-value of the sign test of the blocks' ratios against the claim's factor, which the interval is
    /// the inverse of; `None` where nothing is sampled or was measured.
    pub p: Option<f64>,
    /// The same after Holm's correction; `None` as for `corrected`.
    pub p_adjusted: Option<f64>,
    /// The ratio, where both sides were measured and it is defined.
    pub ratio: Option<f64>,
    /// Its interval.
    pub interval: Option<Interval>,
    /// Why it is undecided or not measured.
    pub reason: Option<String>,
}

/// How a program ends that has come to these verdicts: 0 all hold, 1 one is contradicted, 3 one was not measured, 4 one
/// is undecided.
#[must_use]
pub fn exit_code(verdicts: &[Verdict]) -> u8 {
    let by_weight =
        [(Verdict::Contradicted, 1), (Verdict::NotMeasured, 3), (Verdict::Undecided, 4)];
    let heaviest = by_weight.into_iter().find(|(verdict, _)| verdicts.contains(verdict));
    heaviest.map_or(0, |(_, code)| code)
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
    /// How far apart equal subjects seem to be.
    pub floors: &'a Floors,
    /// The machine's own: claims are about measured times.
    pub architecture: &'a str,
    /// When the run began, nanoseconds since 1970.
    pub started_at_unix_ns: u128,
    /// Seed of the resampling.
    pub seed: u64,
}

/// Judges every claim by the whole interval of its ratio. A claim whose interval comes closer to its factor than equal
/// subjects are to each other is undecided, and so is one that a subject differs from its baseline at all where the
/// comparison itself is undecided. Claims that were fixed before the run have a second verdict, after Holm's correction
/// for their number.
#[must_use]
pub fn judge(claims: &[Claim], evidence: Evidence<'_>) -> Vec<Judged> {
    let mut judged: Vec<Judged> = claims.iter().map(|claim| judge_claim(claim, evidence)).collect();
    correct(&mut judged);
    judged
}

/// Holm's correction over the claims that were fixed before the run and have a p-value.
fn correct(judged: &mut [Judged]) {
    let confirmatory = || judged.iter().enumerate().filter(|(_, judged)| judged.is_confirmatory);
    let (indices, p_values): (Vec<usize>, Vec<f64>) =
        confirmatory().filter_map(|(index, judged)| Some((index, judged.p?))).unzip();
    for (index, adjusted) in indices.into_iter().zip(holm(&p_values)) {
        let judged = &mut judged[index];
        judged.p_adjusted = Some(adjusted);
        judged.corrected = Some(match judged.verdict {
            Verdict::Holds | Verdict::Contradicted if adjusted > compare::SIGNIFICANCE => {
                Verdict::Undecided
            }
            other => other,
        });
    }
}

/// Whether what a claim says was fixed before the run began. A moment that cannot be read, which [`parse_claims`]
/// refuses, is none before.
fn is_confirmatory(claim: &Claim, started_at_unix_ns: u128) -> bool {
    let fixed_at = claim.fixed_at().parse::<Timestamp>();
    claim.kind == ClaimKind::Confirmatory
        && fixed_at.is_ok_and(|at| {
            u128::try_from(at.as_nanosecond()).is_ok_and(|at| at < started_at_unix_ns)
        })
}

/// The blocks' ratios against the factor: how likely so many of them on one side are, if both sides are as likely.
fn p_against_factor(claim: &Claim, comparison: &Comparison, samples: &Samples) -> Option<f64> {
    if comparison.quantity.is_exact() {
        return None;
    }
    let other = comparison.key.with_subject(&comparison.versus);
    let pairs = samples.pairs(&comparison.key, &other, comparison.quantity);
    let ratios = pairs.into_iter().filter_map(|(a, b)| ratio(Some(a), Some(b)));
    sign_test(&ratios.map(|ratio| ratio - claim.factor).collect::<Vec<_>>())
}

fn judge_claim(claim: &Claim, evidence: Evidence<'_>) -> Judged {
    let key = key_of(claim, evidence.architecture);
    let comparison = Quantity::from_key(&claim.metric).and_then(|quantity| {
        let known = evidence.comparisons.get(&(key.clone(), quantity));
        let of_table = known.filter(|comparison| comparison.versus == claim.versus).cloned();
        of_table.or_else(|| {
            compare::compare_cell(evidence.samples, &key, quantity, &claim.versus, evidence.seed)
        })
    });
    let (verdict, reason) = match &comparison {
        None => (Verdict::NotMeasured, Some(why(claim, &key, evidence.missing))),
        Some(comparison) => decide(claim, comparison, evidence.floors),
    };
    let p = comparison.as_ref().and_then(|c| p_against_factor(claim, c, evidence.samples));
    Judged {
        claim: claim.clone(),
        verdict,
        corrected: None,
        is_confirmatory: is_confirmatory(claim, evidence.started_at_unix_ns),
        p,
        p_adjusted: None,
        ratio: comparison.as_ref().and_then(|c| c.ratio),
        interval: comparison.as_ref().and_then(|c| c.interval),
        reason,
    }
}

fn decide(claim: &Claim, comparison: &Comparison, floors: &Floors) -> (Verdict, Option<String>) {
    let Some(interval) = comparison.interval else {
        return (Verdict::Undecided, comparison.doubt.map(Doubt::words));
    };
    let found = verdict(claim, interval);
    if found == Verdict::Undecided {
        return (found, None);
    }
    if claim.factor == 1.0 && matches!(comparison.doubt, Some(Doubt::Chance(_))) {
        return (Verdict::Undecided, comparison.doubt.map(Doubt::words));
    }
    let beside_factor =
        Interval { low: interval.low / claim.factor, high: interval.high / claim.factor };
    let floor = floors.of(&comparison.key, comparison.quantity);
    match floor.filter(|floor| compare::reaches_below(beside_factor, floor.percent)) {
        Some(floor) => (Verdict::Undecided, Some(Doubt::BelowFloor(floor.percent).words())),
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

//! Fourth station: the paper's claims, each an inequality over one ratio, against the run.

use crate::compare;
use crate::load::question::CellKey;
use crate::quantity::Quantity;
use crate::statistics::bootstrap::Interval;
use crate::summarise::missing::MissingCells;
use crate::summarise::samples::Samples;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use weighbridge_schema::name::{ExperimentName, SubjectName, WorkloadName};
use weighbridge_schema::parameter::Parameter;
use weighbridge_schema::parse::{ParseError, nearest, parse};
use weighbridge_schema::plan::Cell;

/// Which way a claim's inequality points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Relation {
    /// The ratio is below the factor.
    Less,
    /// The ratio is above the factor.
    Greater,
}

/// One assertion: value(subject) / value(versus) is `relation` than `factor`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// Name for \wbverdict, kebab-case.
    pub name: String,
    /// The claim in words.
    pub sentence: String,
    /// The experiment it rests on.
    pub experiment: ExperimentName,
    /// Key of the quantity, as in numbers.tex.
    pub metric: String,
    /// The workload; `None` where the experiment has none.
    pub workload: Option<WorkloadName>,
    /// The parameter; `None` for `-`.
    pub parameter: Option<Parameter>,
    /// The subject on top of the ratio.
    pub subject: SubjectName,
    /// The subject below it.
    pub versus: SubjectName,
    /// Less or greater.
    pub relation: Relation,
    /// Than what.
    pub factor: f64,
}

impl Claim {
    /// The cell on top of the ratio.
    #[must_use]
    pub fn key(&self, architecture: &str) -> CellKey {
        CellKey {
            experiment: self.experiment.clone(),
            cell: Cell {
                subject: self.subject.clone(),
                workload: self.workload.clone(),
                architecture: architecture.to_owned(),
                parameter: self.parameter.unwrap_or(Parameter::None),
            },
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawClaims {
    #[serde(default)]
    claim: Vec<Claim>,
}

/// Reads claims.toml; `file` is the path shown in errors.
///
/// # Errors
/// Syntax, unknown keys and metrics, repeated names, a factor that is not positive.
pub fn parse_claims(file: &str, text: &str) -> Result<Vec<Claim>, ParseError> {
    let claims = parse::<RawClaims>(file, text)?.claim;
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
            let key = claim.key(architecture);
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

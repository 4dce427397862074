//! `analysis/claims.toml`: the paper's assertions, each an inequality over one ratio. The analysis judges them;
//! the runner spends a budget of time where they are still open.

use crate::name::{ExperimentName, SubjectName, WorkloadName};
use crate::parameter::Parameter;
use crate::parse::{ParseError, parse};
use crate::plan::Cell;
use serde::{Deserialize, Serialize};

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
    pub fn cell(&self, architecture: &str) -> Cell {
        Cell {
            subject: self.subject.clone(),
            workload: self.workload.clone(),
            architecture: architecture.to_owned(),
            parameter: self.parameter.unwrap_or(Parameter::None),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawClaims {
    #[serde(default)]
    claim: Vec<Claim>,
}

/// Reads claims.toml; what its metrics mean is not checked here. `file` is the path shown in errors.
///
/// # Errors
/// Syntax and unknown keys.
pub fn read_claims(file: &str, text: &str) -> Result<Vec<Claim>, ParseError> {
    Ok(parse::<RawClaims>(file, text)?.claim)
}

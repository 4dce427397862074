//! `analysis/claims.toml`: the paper's assertions, each an inequality over one ratio. The analysis judges them;
//! the runner spends a budget of time where they are still open.

use crate::name::{ExperimentName, SubjectName, WorkloadName};
use crate::parameter::Parameter;
use crate::parse::{ParseError, parse};
use crate::plan::{Cell, Trial};
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

/// Whether a claim was fixed before the run that it is judged on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClaimKind {
    /// Fixed before any result of the run was seen: corrected for the number of such claims. On a run that began before
    /// the claim was made, or last changed, it is exploratory all the same.
    Confirmatory,
    /// Found by looking at results, or changed after looking.
    Exploratory,
}

/// When a claim was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Since {
    /// The moment, RFC 3339: `2026-11-21T04:10:00Z`.
    pub at: String,
    /// The commit, where it is in the history already.
    pub revision: Option<String>,
}

/// One change of what a claim asserts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Changed {
    /// The moment, RFC 3339.
    pub at: String,
    /// The commit, where it is in the history already.
    pub revision: Option<String>,
    /// What it said before.
    pub from: String,
    /// Why it was changed.
    pub why: String,
    /// The first published run that it was judged on since.
    pub before_run: Option<String>,
}

/// One assertion: value(subject) / value(versus) is `relation` than `factor`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// Name for `\wbverdict`, kebab-case.
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
    /// Whether it was fixed before it was judged.
    pub kind: ClaimKind,
    /// When it was made.
    pub since: Since,
    /// What it said before, oldest first.
    #[serde(default)]
    pub changed: Vec<Changed>,
}

impl Claim {
    /// The moment since when it says what it says, RFC 3339.
    #[must_use]
    pub fn fixed_at(&self) -> &str {
        self.changed.last().map_or(&self.since.at, |changed| &changed.at)
    }

    /// Whether the claim is judged by what a trial shows: it is of one of the two sides, or of a twin of one
    /// (`twin_of`), since twins tell how far apart equal things seem to be. A claim about the slope over several
    /// instances has no parameter of its own, and is judged by all of them.
    #[must_use]
    pub fn rests_on(&self, trial: &Trial, twin_of: Option<&SubjectName>) -> bool {
        let cell = &trial.cell;
        let subject = twin_of.unwrap_or(&cell.subject);
        let has_parameter = match self.parameter.unwrap_or(Parameter::None) {
            Parameter::None => matches!(cell.parameter, Parameter::None | Parameter::Copies(_)),
            parameter => cell.parameter == parameter,
        };
        trial.experiment == self.experiment
            && cell.workload == self.workload
            && has_parameter
            && (*subject == self.subject || *subject == self.versus)
    }

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
    /// Each `[[claim]]`.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(parameter: &str) -> Claim {
        let text = format!(
            "[[claim]]\nname = \"c\"\nsentence = \"s\"\nexperiment = \"memory\"\nmetric = \"pss\"\nworkload = \"healthz\"\n\
             {parameter}\nsubject = \"a\"\nversus = \"b\"\nrelation = \"less\"\nfactor = 1.0\nkind = \"exploratory\"\n\
             since = {{ at = \"2026-01-01T00:00:00Z\" }}\n"
        );
        read_claims("claims.toml", &text).unwrap().remove(0)
    }

    fn trial(experiment: &str, subject: &str, workload: &str, parameter: Parameter) -> Trial {
        Trial {
            experiment: experiment.parse().unwrap(),
            cell: Cell {
                subject: subject.parse().unwrap(),
                workload: Some(workload.parse().unwrap()),
                architecture: "x86_64".to_owned(),
                parameter,
            },
            invocation: 0,
        }
    }

    #[test]
    fn a_claim_rests_on_its_two_sides_their_twins_and_nothing_else() {
        let claim = claim("parameter = \"idle\"");
        let rests = |subject: &str, twin_of: Option<&str>| {
            let twin_of = twin_of.map(|name| name.parse().unwrap());
            claim.rests_on(&trial("memory", subject, "healthz", Parameter::Idle), twin_of.as_ref())
        };
        assert!(rests("a", None) && rests("b", None));
        assert!(rests("t", Some("a")) && !rests("t", Some("c")) && !rests("c", None));
        for other in [
            trial("memory", "a", "healthz", Parameter::Loaded),
            trial("memory", "a", "thumbnail", Parameter::Idle),
            trial("latency", "a", "healthz", Parameter::Idle),
        ] {
            assert!(!claim.rests_on(&other, None), "{other:?}");
        }
    }

    #[test]
    fn a_claim_about_a_slope_rests_on_every_number_of_instances() {
        let claim = claim("");
        for count in [1, 4] {
            let trial = trial("memory", "a", "healthz", Parameter::Copies(count));
            assert!(claim.rests_on(&trial, None));
        }
        assert!(!claim.rests_on(&trial("memory", "a", "healthz", Parameter::Idle), None));
    }
}

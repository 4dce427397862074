//! `analysis/speed.toml`: how fast our own arms, the load generator and the harness must be. What a run shows stands
//! there as claims (a ratio of two subjects) and as bounds (a value of one); what no run shows, as readings.

use crate::claim::{Claim, ClaimKind, Relation, Since};
use crate::metric::Unit;
use crate::name::{ExperimentName, SubjectName, WorkloadName};
use crate::parameter::Parameter;
use crate::parse::{ParseError, parse};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How much a value may be, or must be; the unit stands in the key.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// So many nanoseconds at most.
    AtMostNs(u64),
    /// So many bytes at most.
    AtMostBytes(u64),
    /// So many times at least.
    AtLeast(f64),
}

impl Limit {
    /// The number, in its unit.
    #[must_use]
    pub fn value(self) -> f64 {
        match self {
            Limit::AtMostNs(value) | Limit::AtMostBytes(value) => value as f64,
            Limit::AtLeast(value) => value,
        }
    }

    /// Its unit; `None` of a ratio.
    #[must_use]
    pub fn unit(self) -> Option<Unit> {
        match self {
            Limit::AtMostNs(_) => Some(Unit::Nanoseconds),
            Limit::AtMostBytes(_) => Some(Unit::Bytes),
            Limit::AtLeast(_) => None,
        }
    }
}

/// A value of one subject that a run shows, and how much it may be.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bound {
    /// Its name among the lines of the file, kebab-case.
    pub name: String,
    /// The line in words.
    pub sentence: String,
    /// The experiment that shows it.
    pub experiment: ExperimentName,
    /// Key of the quantity, as in numbers.tex.
    pub metric: String,
    /// The workload; `None` where the experiment has none.
    pub workload: Option<WorkloadName>,
    /// The parameter; `None` for `-`.
    pub parameter: Option<Parameter>,
    /// The subject.
    pub subject: SubjectName,
    /// How much it may be.
    pub limit: Limit,
}

impl Bound {
    /// A claim of the subject beside itself: the form in which the runner takes what it is to visit. It is judged by
    /// nobody.
    #[must_use]
    pub fn as_claim(&self) -> Claim {
        Claim {
            name: self.name.clone(),
            sentence: self.sentence.clone(),
            experiment: self.experiment.clone(),
            metric: self.metric.clone(),
            workload: self.workload.clone(),
            parameter: self.parameter,
            subject: self.subject.clone(),
            versus: self.subject.clone(),
            relation: Relation::Less,
            factor: 1.0,
            kind: ClaimKind::Exploratory,
            since: Since { at: "1970-01-01T00:00:00Z".to_owned(), revision: None },
            changed: Vec::new(),
        }
    }
}

/// A value that no run shows and `cargo xtask calibrate speed` reads itself, and how much it may be or must be.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reading {
    /// Its name, by which the command knows what to read.
    pub name: String,
    /// The line in words.
    pub sentence: String,
    /// How much it may be, or must be.
    pub limit: Limit,
}

/// All lines of the file.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Thresholds {
    /// Each `[[claim]]`.
    #[serde(default)]
    pub claim: Vec<Claim>,
    /// Each `[[bound]]`.
    #[serde(default)]
    pub bound: Vec<Bound>,
    /// Each `[[reading]]`.
    #[serde(default)]
    pub reading: Vec<Reading>,
}

impl Thresholds {
    /// What a run must visit: the claims, and each bound in their form.
    #[must_use]
    pub fn asked(&self) -> Vec<Claim> {
        self.claim.iter().cloned().chain(self.bound.iter().map(Bound::as_claim)).collect()
    }
}

/// Reads speed.toml; a file of claims alone is one too. What metrics mean is not checked here. `file` is the path
/// shown in errors.
///
/// # Errors
/// Syntax and unknown keys.
pub fn read_thresholds(file: &str, text: &str) -> Result<Thresholds, ParseError> {
    parse(file, text)
}

/// What was read for one `[[reading]]`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Found {
    /// The values, in the unit of the limit's key, in their order; empty where it was not measured.
    pub values: Vec<f64>,
    /// Why it was not measured; or of what the values are.
    pub remark: Option<String>,
}

impl Found {
    /// That it was not measured, and why.
    #[must_use]
    pub fn nothing(why: impl Into<String>) -> Self {
        Self { values: Vec::new(), remark: Some(why.into()) }
    }
}

/// What was read, by the names of the readings: the file that the command hands to the analysis.
pub type Readings = BTreeMap<String, Found>;

#[cfg(test)]
mod tests {
    use super::*;

    const BOUND: &str = "[[bound]]\nname = \"b\"\nsentence = \"s\"\nexperiment = \"memory\"\n\
        metric = \"marginal_pss\"\nworkload = \"healthz\"\nsubject = \"a\"\nlimit = { at_most_bytes = 24576 }\n";

    #[test]
    fn the_unit_of_a_limit_stands_in_its_key() {
        let limit = |text: &str| {
            let text = BOUND.replace("{ at_most_bytes = 24576 }", text);
            read_thresholds("speed.toml", &text).map(|read| read.bound[0].limit)
        };
        assert_eq!(limit("{ at_most_ns = 6500 }").unwrap(), Limit::AtMostNs(6500));
        assert_eq!(limit("{ at_least = 1.5 }").unwrap(), Limit::AtLeast(1.5));
        let bytes = limit("{ at_most_bytes = 24576 }").unwrap();
        assert_eq!((bytes.value(), bytes.unit()), (24576.0, Some(Unit::Bytes)));
        for wrong in ["{ at_most = 3 }", "{ at_most_ns = 3, at_least = 1.5 }", "3", "{}"] {
            let error = limit(wrong).unwrap_err().to_string();
            assert!(error.starts_with("speed.toml:"), "{wrong}: {error}");
        }
    }

    #[test]
    fn a_typo_is_named_with_its_line() {
        let error = read_thresholds("speed.toml", &BOUND.replace("subject", "subjct")).unwrap_err();
        assert!(error.to_string().starts_with("speed.toml:"), "{error}");
        assert!(error.to_string().contains("did you mean `subject`?"), "{error}");
    }

    #[test]
    fn a_run_is_asked_for_the_cells_of_claims_and_bounds_and_for_no_reading() {
        let text = format!(
            "{BOUND}[[reading]]\nname = \"r\"\nsentence = \"s\"\nlimit = {{ at_most_ns = 1 }}\n\
             [[claim]]\nname = \"c\"\nsentence = \"s\"\nexperiment = \"throughput\"\nmetric = \"pss\"\n\
             subject = \"a\"\nversus = \"b\"\nrelation = \"less\"\nfactor = 1.7\nkind = \"exploratory\"\n\
             since = {{ at = \"2026-01-01T00:00:00Z\" }}\n"
        );
        let read = read_thresholds("speed.toml", &text).unwrap();
        assert_eq!((read.claim.len(), read.bound.len(), read.reading.len()), (1, 1, 1));
        let asked = read.asked();
        let names: Vec<&str> = asked.iter().map(|claim| claim.name.as_str()).collect();
        assert_eq!(names, ["c", "b"]);
        assert_eq!((asked[1].subject.as_str(), asked[1].versus.as_str()), ("a", "a"));
        assert_eq!(asked[1].experiment.as_str(), "memory");
    }
}

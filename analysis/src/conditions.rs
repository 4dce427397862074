//! When to use which: conditions, each with the claim that decides it.

use crate::judge::Verdict;
use serde::Deserialize;
use weighbridge_schema::parse::{ParseError, parse};

/// The rows that belong to this program.
const ROWS: &str = include_str!("../conditions.toml");

/// One condition.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// When it is met.
    pub when: String,
    /// The claim that decides it, by its name in claims.toml.
    pub claim: String,
    /// What to take where the claim holds.
    pub holds: String,
    /// What to take where the claim is contradicted.
    pub contradicted: String,
}

impl Condition {
    /// What to take by the claim's verdict; `None` where nothing was measured.
    #[must_use]
    pub fn take(&self, verdict: Verdict) -> Option<&str> {
        match verdict {
            Verdict::Holds => Some(&self.holds),
            Verdict::Contradicted => Some(&self.contradicted),
            Verdict::Undecided => Some("either: this run does not decide it"),
            Verdict::NotMeasured => None,
        }
    }
}

/// The conditions.
///
/// # Errors
/// The file is none.
pub fn read() -> Result<Vec<Condition>, ParseError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        condition: Vec<Condition>,
    }
    Ok(parse::<File>("analysis/conditions.toml", ROWS)?.condition)
}

//! The tempting number beside the careful one: how far a factor moves by a choice that is rarely stated.

use crate::answers::{Numbers, Pair};
use serde::Deserialize;
use weighbridge_schema::parse::{ParseError, parse};

/// The rows that belong to this program.
const ROWS: &str = include_str!("../pitfalls.toml");

/// One choice, and the factors that it decides between.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pitfall {
    /// What is not said.
    pub choice: String,
    /// What is then easily quoted.
    pub tempting: Pair,
    /// What answers the question.
    pub careful: Pair,
}

impl Pitfall {
    /// How many times the careful factor the tempting one is, whichever is the larger; `None` where the run has not
    /// both.
    #[must_use]
    pub fn off_by(&self, numbers: &Numbers<'_>) -> Option<f64> {
        let (tempting, careful) = (numbers.factor(&self.tempting)?, numbers.factor(&self.careful)?);
        let times = tempting.point / careful.point;
        Some(times.max(1.0 / times))
    }
}

/// The pitfalls.
///
/// # Errors
/// The file is none.
pub fn read() -> Result<Vec<Pitfall>, ParseError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        pitfall: Vec<Pitfall>,
    }
    Ok(parse::<File>("analysis/pitfalls.toml", ROWS)?.pitfall)
}

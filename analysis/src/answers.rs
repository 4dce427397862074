//! What others have published, beside the numbers of a run: which boundary or setting has the published size?

use crate::render::latex::numbers::stem;
use crate::results::Results;
use crate::summarise::Summary;
use serde::Deserialize;
use std::collections::BTreeMap;
use weighbridge_schema::parse::{ParseError, parse};
use weighbridge_statistics::bootstrap::Interval;

/// The rows that belong to this program.
const ROWS: &str = include_str!("../answers.toml");
/// Two factors within this factor of each other are of one size: what differs between the set-ups of two articles
/// (processor, version, kernel) is worth that much.
const ONE_SIZE: f64 = 1.5;

/// How much of a source was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Read {
    /// An article, whole.
    Article,
    /// Its raw data or its repository.
    Data,
    /// A thread of a repository.
    Thread,
    /// The abstract, or an excerpt.
    Abstract,
}

impl Read {
    /// The word a table uses.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Read::Article => "article",
            Read::Data => "data",
            Read::Thread => "thread",
            Read::Abstract => "abstract",
        }
    }
}

/// One published factor.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// Who published it.
    pub source: String,
    /// How much of that we read.
    pub read: Read,
    /// What it says, in its own figures.
    pub says: String,
    /// What is known of where its interval begins and ends.
    pub boundary: String,
    /// The least and the most of the published factor, in the direction of the pairs.
    pub published: [f64; 2],
    /// Our numbers, another boundary or setting each.
    #[serde(default)]
    pub pairs: Vec<Pair>,
    /// Why nothing of it is measured here; beside pairs, what is said by a run that has none of them.
    pub not_here: Option<String>,
}

/// Two numbers of ours, by their keys in numbers.tex, without the form.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pair {
    /// What is divided by what, from where to where.
    pub what: String,
    /// The number that is divided.
    pub of: String,
    /// The number that it is divided by.
    pub versus: String,
}

/// A factor of ours: the quotient of two medians.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Factor {
    /// The quotient.
    pub point: f64,
    /// Between the quotients of the far ends of both 95 % intervals: wider than an interval of the quotient would be,
    /// since the two may be of different experiments and have no blocks in common.
    pub interval: Option<Interval>,
}

/// How a published factor and one of ours stand to each other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Standing {
    /// Within a factor of one and a half, intervals included.
    OneSize,
    /// The same sign, and so many times the published factor.
    OtherSize(f64),
    /// One is above 1, and the other below.
    OtherSign,
}

impl Answer {
    /// How `factor` stands to what was published.
    #[must_use]
    pub fn standing(&self, factor: Factor) -> Standing {
        let [least, most] = self.published;
        let Interval { low, high } = factor.interval.unwrap_or(Interval::exact(factor.point));
        if low <= most * ONE_SIZE && high >= least / ONE_SIZE {
            Standing::OneSize
        } else if (least >= 1.0 && most > 1.0 && high < 1.0)
            || (most <= 1.0 && least < 1.0 && low > 1.0)
        {
            Standing::OtherSign
        } else {
            let nearest = if factor.point > most { most } else { least };
            Standing::OtherSize(factor.point / nearest)
        }
    }
}

/// The published answers.
///
/// # Errors
/// The file is none: a row is incomplete, has a factor that is not above 0, or has neither pairs nor a reason.
pub fn read() -> Result<Vec<Answer>, ParseError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        answer: Vec<Answer>,
    }
    let file = "analysis/answers.toml";
    let answers = parse::<File>(file, ROWS)?.answer;
    for answer in &answers {
        let fail = |why: &str| {
            let message = format!("{}, {}: {why}", answer.source, answer.says);
            Err(ParseError { file: file.to_owned(), line: None, message })
        };
        let [least, most] = answer.published;
        if !(least > 0.0 && least <= most && most.is_finite()) {
            return fail("published must hold the least and the most of a factor above 0");
        }
        if answer.pairs.is_empty() && answer.not_here.is_none() {
            return fail("it needs pairs or not_here");
        }
    }
    Ok(answers)
}

/// The numbers of a run, by their keys in numbers.tex.
pub struct Numbers<'a>(BTreeMap<String, &'a Summary>);

impl<'a> Numbers<'a> {
    /// All of them.
    #[must_use]
    pub fn of(results: &'a Results<'_>) -> Self {
        let all = results.summaries.iter();
        Self(
            all.map(|((key, quantity), summary)| (stem(results, key, *quantity), summary))
                .collect(),
        )
    }

    /// The quotient of a pair; `None` where the run has not both.
    #[must_use]
    pub fn factor(&self, pair: &Pair) -> Option<Factor> {
        let (of, versus) = (self.0.get(&pair.of)?, self.0.get(&pair.versus)?);
        let interval = of.interval.zip(versus.interval).map(|(above, below)| Interval {
            low: above.low / below.high,
            high: above.high / below.low,
        });
        let factor = Factor { point: of.point / versus.point, interval };
        let is_number = factor.point.is_finite() && factor.point > 0.0;
        let has_ends = interval.is_none_or(|ends| ends.low.is_finite() && ends.high.is_finite());
        (is_number && has_ends).then_some(factor)
    }
}

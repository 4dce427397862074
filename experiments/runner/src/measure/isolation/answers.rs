//! What an answer of the probe, or the lack of one, comes to.

use crate::failure::Cause;
use crate::http::Answer;
use crate::measure::maturity::shortened;
use weighbridge_schema::isolation::{Attempt, Confinement, Tried, Went};

/// What became of an instance after an attempt.
pub(super) struct After {
    /// Whether it answered the next request.
    pub(super) answers: bool,
    /// How it ended; `None` of one that did not, or of which that cannot be seen.
    pub(super) ended: Option<String>,
}

/// An answer of the probe: how it went, the names of two errors, and words.
pub(in crate::measure) type Line = (Went, Option<String>, Option<String>, String);

/// Reads an answer; `None` of what is none.
pub(in crate::measure) fn line(answer: &Answer) -> Option<Line> {
    let text = std::str::from_utf8(&answer.body).ok().filter(|_| answer.status == 200)?;
    let mut words = text.trim_end().splitn(4, ' ');
    let went = match words.next()? {
        "possible" => Went::Possible,
        "refused" => Went::Refused,
        "absent" => Went::Absent,
        _ => return None,
    };
    let named = |word: &str| (word != "-").then(|| word.to_owned());
    let (error, elsewhere) = (named(words.next()?), named(words.next()?));
    // What the error is must be known of what was refused.
    (went != Went::Refused || error.is_some()).then_some(())?;
    Some((went, error, elsewhere, shortened(words.next()?)))
}

/// What a process says of itself: `Uid=0,0,0,0 Seccomp=2 ...`.
pub(super) fn confined(answer: &Answer) -> Option<Confinement> {
    let (went, _, _, told) = line(answer)?;
    if went != Went::Possible {
        return None;
    }
    let value = |key: &str| {
        let mut pairs = told.split(' ').filter_map(|pair| pair.split_once('='));
        pairs.find(|(name, _)| *name == key).map(|(_, value)| value.to_owned())
    };
    Some(Confinement {
        user: value("Uid").and_then(|ids| ids.split(',').next()?.parse().ok()),
        capabilities: value("CapEff"),
        seccomp_mode: value("Seccomp").and_then(|mode| mode.parse().ok()),
        seccomp_filters_count: value("Seccomp_filters").and_then(|count| count.parse().ok()),
        kernel: value("kernel"),
    })
}

/// What was not tried, or gave no answer that tells.
pub(super) fn unknown(attempt: Attempt, seen: String) -> Tried {
    let (error, error_elsewhere) = (None, None);
    Tried { attempt, went: None, error, error_elsewhere, seen, answers_after: true }
}

/// What an attempt came to. Of those that never answer, what the instance does afterwards is the answer.
pub(super) fn judge(
    attempt: Attempt,
    asked: &Result<Answer, Cause>,
    is_waited_out: bool,
    after: &After,
) -> Tried {
    let ended = after.ended.iter().map(|how| format!("; {how}")).collect::<String>();
    let seen = format!("{}{ended}", shown(asked));
    let by_runner = |went: Went, error: Option<&str>| {
        let error = error.map(str::to_owned);
        let (seen, answers_after) = (seen.clone(), after.answers);
        Tried { attempt, went: Some(went), error, error_elsewhere: None, seen, answers_after }
    };
    // Nobody has tried anything then: another artifact than the probe answers.
    let is_unknown_path = asked.as_ref().is_ok_and(|answer| answer.status == 404);
    match attempt {
        _ if is_unknown_path => Tried { answers_after: after.answers, ..unknown(attempt, seen) },
        Attempt::Spin if is_waited_out || !after.answers => by_runner(Went::Possible, None),
        Attempt::Spin => by_runner(Went::Refused, Some("ended")),
        Attempt::Recurse | Attempt::Trap if after.answers => {
            by_runner(Went::Refused, Some("contained"))
        }
        Attempt::Recurse | Attempt::Trap => by_runner(Went::Possible, None),
        _ => match asked.as_ref().ok().and_then(line) {
            Some((went, error, error_elsewhere, words)) => {
                let (seen, answers_after) = (format!("{words}{ended}"), after.answers);
                Tried { attempt, went: Some(went), error, error_elsewhere, seen, answers_after }
            }
            // The kernel kills whoever takes more memory than its group may have.
            None if attempt == Attempt::Allocate && after.ended.is_some() => {
                by_runner(Went::Refused, Some("killed"))
            }
            None => Tried { answers_after: after.answers, ..unknown(attempt, seen) },
        },
    }
}

/// A status with the first words of the body, or why there is none.
pub(in crate::measure) fn shown(asked: &Result<Answer, Cause>) -> String {
    match asked {
        Ok(answer) => {
            let body = String::from_utf8_lossy(&answer.body);
            let first = body.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
            format!("{} {}", answer.status, shortened(first)).trim_end().to_owned()
        }
        Err(why) => shortened(&why.to_string()),
    }
}

#[cfg(test)]
#[path = "answers_tests.rs"]
mod tests;

//! Twenty attempts that a service has no need of, each tried once and within bounds: at most 1 GiB of memory, 64 MiB
//! of a disk, 1,000 processes that end at once, 10,000 descriptors. Nothing is changed that is not put back, and no
//! connection is waited for longer than 200 ms.
//!
//! A path `/isolation/NAME?KEY=VALUE` gives one [`Answer`]. What can be tried alike everywhere stands in `anywhere.rs`;
//! `native.rs` and `component.rs` hold what only a process can try, and that a component has no interface for it.

mod anywhere;
#[cfg(target_family = "wasm")]
#[path = "component.rs"]
mod here;
#[cfg(not(target_family = "wasm"))]
#[path = "native.rs"]
mod here;
mod name;

use std::fmt;
use std::io;

/// Where the attempts begin.
const PREFIX: &str = "/isolation/";

/// The argument by which the native server is started to end at once.
pub const ENDS_AT_ONCE: &str = "--end-at-once";

/// How a try went, as one line: `possible`, `refused` or `absent`, the name of an error or `-`, the same of the error
/// elsewhere, and words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    word: &'static str,
    error: Option<String>,
    elsewhere: Option<String>,
    seen: String,
}

impl Answer {
    /// It was done.
    pub fn possible(seen: impl Into<String>) -> Self {
        Self { word: "possible", error: None, elsewhere: None, seen: seen.into() }
    }

    /// It was refused with an error of that name.
    pub fn refused(error: impl Into<String>, seen: impl Into<String>) -> Self {
        Self { word: "refused", error: Some(error.into()), elsewhere: None, seen: seen.into() }
    }

    /// The system refused it.
    fn by_system(error: &io::Error, seen: &str) -> Self {
        Self::refused(name::of(error), format!("{seen}: {error}"))
    }

    /// There is no way to ask for it.
    #[cfg(any(test, target_family = "wasm"))]
    pub fn absent(seen: &str) -> Self {
        Self { word: "absent", error: None, elsewhere: None, seen: seen.to_owned() }
    }

    /// The same call was refused with another error where what it is about is not there: that far it came.
    #[cfg(not(target_family = "wasm"))]
    fn elsewhere(mut self, error: Option<String>) -> Self {
        self.elsewhere = error;
        self
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let or_dash = |name: &Option<String>| name.clone().unwrap_or_else(|| "-".to_owned());
        let one_line = self.seen.replace(['\n', '\r'], " ");
        write!(f, "{} {} {} ", self.word, or_dash(&self.error), or_dash(&self.elsewhere))?;
        f.write_str(&one_line)
    }
}

/// What stands behind the question mark of a request.
pub(crate) struct Query<'a>(&'a str);

impl Query<'_> {
    /// The value of a key; an empty text where there is none, which names no file, no process and no port.
    pub(crate) fn value(&self, key: &str) -> &str {
        let mut pairs = self.0.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|(name, _)| *name == key).map_or("", |(_, value)| value)
    }
}

/// Tries what a request's target names; `None` where it names nothing.
#[must_use]
pub fn answer(target: &str) -> Option<Answer> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let (attempt, query) = (path.strip_prefix(PREFIX)?, Query(query));
    anywhere::answer(attempt, &query).or_else(|| here::answer(attempt, &query))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_one_line_of_four_parts() {
        assert_eq!(Answer::possible("26\nbytes").to_string(), "possible - - 26 bytes");
        let refused = Answer::refused("EPERM", "mount").elsewhere(Some("ENOENT".to_owned()));
        assert_eq!(refused.to_string(), "refused EPERM ENOENT mount");
        assert_eq!(Answer::absent("no interface").to_string(), "absent - - no interface");
    }

    #[test]
    fn a_query_gives_the_value_of_a_key() {
        let query = Query("path=/a/b&process=7");
        assert_eq!((query.value("path"), query.value("process")), ("/a/b", "7"));
        assert_eq!(query.value("port"), "");
        assert!(answer("/isolation/nothing").is_none() && answer("/count").is_none());
    }
}

//! TOML to types, with errors that name the file, the line and the nearest valid key.

use serde::de::DeserializeOwned;
use std::fmt;

/// A definition file that could not be understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    /// The file, as the user would type it.
    pub file: String,
    /// 1-based line, where the parser knows it.
    pub line: Option<usize>,
    /// What is wrong, and what was probably meant.
    pub message: String,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.file, self.message),
            None => write!(f, "{}: {}", self.file, self.message),
        }
    }
}

impl std::error::Error for ParseError {}

/// Reads `text`, the content of `file`, as `T`.
///
/// # Errors
/// Names the line and, for an unknown key, the nearest valid one.
pub fn parse<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, ParseError> {
    toml::from_str(text).map_err(|error| {
        let line = error.span().map(|span| {
            text.bytes().take(span.start.min(text.len())).filter(|&b| b == b'\n').count() + 1
        });
        let mut message = error.message().trim().to_owned();
        if let Some(near) = nearest_expected(&message) {
            message = format!("{message}; did you mean `{near}`?");
        }
        ParseError { file: file.to_owned(), line, message }
    })
}

/// The candidate most like `wanted`, if any is alike enough to be a plausible typo.
#[must_use]
pub fn nearest<'a>(wanted: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(wanted, candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

/// serde says "unknown field `x`, expected one of `a`, `b`", and toml, within an enum's variant,
/// "unexpected keys in table: x, available keys: a, b": the first word is the typo, the rest are the
/// candidates.
fn nearest_expected(message: &str) -> Option<&str> {
    if let Some(rest) = message.strip_prefix("unexpected keys in table: ") {
        let (wanted, available) = rest.split_once(", available keys: ")?;
        return nearest(wanted.split(", ").next()?, available.split(", "));
    }
    if !message.starts_with("unknown ") {
        return None;
    }
    let mut quoted = message.split('`').skip(1).step_by(2);
    let wanted = quoted.next()?;
    nearest(wanted, quoted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Example {
        #[serde(rename = "invocations")]
        _invocations: u32,
        #[serde(rename = "question")]
        _question: Option<String>,
    }

    #[test]
    fn a_typo_names_file_line_and_nearest_key() {
        let error = parse::<Example>("definitions/x.toml", "question = \"q\"\ninvocatons = 3\n")
            .unwrap_err()
            .to_string();
        assert!(error.starts_with("definitions/x.toml:2: unknown field `invocatons`"), "{error}");
        assert!(error.ends_with("did you mean `invocations`?"), "{error}");
    }

    #[test]
    fn a_wrong_type_names_the_line() {
        let error = parse::<Example>("x.toml", "\n\ninvocations = \"three\"\n").unwrap_err();
        assert_eq!(error.line, Some(3));
    }

    #[test]
    fn nothing_alike_suggests_nothing() {
        assert_eq!(nearest("zzz", ["native", "docker"]), None);
    }
}

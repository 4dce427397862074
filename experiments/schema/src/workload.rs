//! `experiments/workloads.toml`: request shapes, each with the answer it must get.

use crate::name::WorkloadName;
use crate::parse::{ParseError, parse};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Where a request's body comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawBody {
    /// A file, relative to `experiments/`.
    pub file: Option<String>,
    /// Only the first N bytes of the file: a truncated image.
    pub truncate_bytes: Option<u64>,
    /// A literal text.
    pub text: Option<String>,
    /// N zero bytes: a body over the limit without a large file.
    pub zero_bytes: Option<u64>,
}

/// The answer a request must get.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// HTTP status.
    pub status: u16,
    /// Lower-case hexadecimal SHA-256 of the body.
    pub sha256: String,
}

/// One entry of `experiments/workloads.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawWorkload {
    method: String,
    path: String,
    content_type: Option<String>,
    body: Option<RawBody>,
    expect: Expect,
}

/// Where a request's body comes from, validated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// No body.
    Empty,
    /// A file relative to `experiments/`, cut after `truncate_bytes` if that is given.
    File {
        /// The path.
        path: String,
        /// Only so many bytes from the start.
        truncate_bytes: Option<u64>,
    },
    /// A literal text.
    Text(String),
    /// So many zero bytes.
    Zeros(u64),
}

/// A request shape, validated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workload {
    /// HTTP method, upper case.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// `Content-Type` header, where there is one.
    pub content_type: Option<String>,
    /// The body.
    pub body: Body,
    /// The answer it must get.
    pub expect: Expect,
}

/// All workloads by name.
pub type Workloads = BTreeMap<WorkloadName, Workload>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawWorkloads {
    workloads: BTreeMap<WorkloadName, RawWorkload>,
}

/// Reads `workloads.toml`.
///
/// # Errors
/// Syntax, unknown keys, a body with more than one source, a digest that is not one.
pub fn parse_workloads(file: &str, text: &str) -> Result<Workloads, ParseError> {
    let raw: RawWorkloads = parse(file, text)?;
    raw.workloads
        .into_iter()
        .map(|(name, workload)| match validate(workload) {
            Ok(workload) if is_above(&workload.body) => {
                Err(format!("workload `{name}`: the body's file must lie below experiments/"))
            }
            Ok(workload) => Ok((name, workload)),
            Err(why) => Err(format!("workload `{name}`: {why}")),
        })
        .collect::<Result<_, String>>()
        .map_err(|message| ParseError { file: file.to_owned(), line: None, message })
}

/// Whether a body comes from elsewhere: a definition may bring such a file along, our own corpus is all of ours.
fn is_above(body: &Body) -> bool {
    matches!(body, Body::File { path, .. } if path.split('/').any(|part| part == ".."))
}

/// What is the same for our workloads and for those that a definition brings along.
pub(crate) fn validate(raw: RawWorkload) -> Result<Workload, String> {
    if raw.method.is_empty() || !raw.method.bytes().all(|b| b.is_ascii_uppercase()) {
        return Err(format!("method `{}` is not an upper-case HTTP method", raw.method));
    }
    if !raw.path.starts_with('/') || raw.path.bytes().any(|b| b <= b' ') {
        return Err(format!("path `{}` must begin with / and hold no space", raw.path));
    }
    let digest = &raw.expect.sha256;
    if digest.len() != 64 || !digest.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        return Err(format!("sha256 `{digest}` is not 64 lower-case hexadecimal digits"));
    }
    Ok(Workload {
        method: raw.method,
        path: raw.path,
        content_type: raw.content_type,
        body: validate_body(raw.body)?,
        expect: raw.expect,
    })
}

fn validate_body(raw: Option<RawBody>) -> Result<Body, String> {
    let Some(raw) = raw else { return Ok(Body::Empty) };
    match raw {
        RawBody { file: Some(path), truncate_bytes, text: None, zero_bytes: None } => {
            if path.starts_with('/') {
                return Err(format!("body file `{path}` must be relative to the TOML file"));
            }
            Ok(Body::File { path, truncate_bytes })
        }
        RawBody { file: None, truncate_bytes: None, text: Some(text), zero_bytes: None } => {
            Ok(Body::Text(text))
        }
        RawBody { file: None, truncate_bytes: None, text: None, zero_bytes: Some(count) } => {
            Ok(Body::Zeros(count))
        }
        _ => Err("body needs exactly one of file (with truncate_bytes or not), text, zero_bytes"
            .to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "2689367b205c16ce32ed4200942b8b8b1e262dfc70d9bc9fbc77c49699a4f1df";

    fn check(body: &str) -> Result<Body, String> {
        let text = format!(
            "[workloads.a]\nmethod = \"POST\"\npath = \"/x\"\n{body}\nexpect = {{ status = 200, sha256 = \"{DIGEST}\" }}\n"
        );
        let mut all = parse_workloads("w.toml", &text).map_err(|e| e.to_string())?;
        Ok(all.pop_first().unwrap().1.body)
    }

    #[test]
    fn each_body_has_one_source() {
        assert_eq!(check(""), Ok(Body::Empty));
        assert_eq!(check("body = { zero_bytes = 3 }"), Ok(Body::Zeros(3)));
        assert!(check("body = { text = \"a\", zero_bytes = 3 }").is_err());
        assert!(check("body = { truncate_bytes = 3 }").is_err());
        assert!(check("body = { file = \"../secret\" }").is_err());
    }

    #[test]
    fn an_unknown_key_is_named() {
        let error = check("body = { txt = \"a\" }").unwrap_err();
        assert!(error.contains("w.toml:4") && error.contains("`txt`"), "{error}");
    }
}

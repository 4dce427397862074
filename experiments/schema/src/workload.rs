//! `experiments/workloads.toml`: request shapes, each with the answer it must get, and mixes of two of them.

use crate::invalid::{Invalid, invalid};
use crate::name::WorkloadName;
use crate::parse::{ParseError, nearest, parse};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Where a request's body comes from: one of `file`, `text` and `zero_bytes`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawBody {
    /// A file, relative to `experiments/`; of a definition's workload, relative to the definition.
    pub file: Option<String>,
    /// Only the first N bytes of the file: a truncated image.
    pub truncate_bytes: Option<u64>,
    /// A text, sent as it stands.
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

/// One entry of `experiments/workloads.toml`: a request with `method`, `path` and `expect`, or a `mix`.
///
/// One struct for both: an untagged enum would lose the line and the name of a mistyped key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawWorkload {
    /// HTTP method, upper case.
    method: Option<String>,
    /// Path and query, beginning with `/`.
    path: Option<String>,
    /// `Content-Type` header; none is sent when absent.
    content_type: Option<String>,
    /// The request's body; empty when absent.
    body: Option<RawBody>,
    /// The answer that counts as right.
    expect: Option<Expect>,
    /// Two other workloads whose requests are mixed. An entry with `mix` has no other key.
    mix: Option<Mix>,
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

/// A share of heavy requests among light ones, as a service meets them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mix {
    /// The workload whose requests are the rest; the latency of a cell is theirs.
    pub light: WorkloadName,
    /// The workload whose requests the others may have to wait for.
    pub heavy: WorkloadName,
    /// Heavy requests in a hundred, 1 to 99.
    pub heavy_percent: u32,
}

/// What is asked, validated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Workload {
    /// One request, again and again.
    Request(RequestShape),
    /// Two kinds of requests, both of which are workloads of their own.
    Mix(Mix),
}

impl Workload {
    /// The mix; `None` of a single request.
    #[must_use]
    pub fn mix(&self) -> Option<&Mix> {
        match self {
            Workload::Mix(mix) => Some(mix),
            Workload::Request(_) => None,
        }
    }

    /// The request; `None` of a mix.
    #[must_use]
    pub fn request(&self) -> Option<&RequestShape> {
        match self {
            Workload::Request(request) => Some(request),
            Workload::Mix(_) => None,
        }
    }
}

impl fmt::Display for Mix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { light, heavy, heavy_percent } = self;
        write!(f, "{light} beside {heavy_percent} % {heavy}")
    }
}

/// A request shape, validated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestShape {
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
    /// What is requested.
    workloads: BTreeMap<WorkloadName, RawWorkload>,
}

/// Reads `workloads.toml`.
///
/// # Errors
/// Syntax, unknown keys, a body with more than one source, a digest that is not one, a mix of what is no request.
pub fn parse_workloads(file: &str, text: &str) -> Result<Workloads, ParseError> {
    let raw: RawWorkloads = parse(file, text)?;
    let fail = |name: &WorkloadName, why: Invalid| ParseError {
        file: file.to_owned(),
        line: None,
        message: format!("workload `{name}`: {why}"),
    };
    let workloads = validate(raw.workloads).map_err(|(name, why)| fail(&name, why))?;
    let is_above = |workload: &Workload| workload.request().is_some_and(|r| is_above(&r.body));
    match workloads.iter().find(|(_, workload)| is_above(workload)) {
        Some((name, _)) => Err(fail(name, invalid!("the body's file must lie below experiments/"))),
        None => Ok(workloads),
    }
}

/// Whether a body comes from elsewhere: a definition may bring such a file along, our own corpus is all of ours.
fn is_above(body: &Body) -> bool {
    matches!(body, Body::File { path, .. } if path.split('/').any(|part| part == ".."))
}

/// What is the same for our workloads and for custom ones: each by itself, and that a mix is
/// one of two requests among them.
///
/// # Errors
/// The first workload that is wrong, and what is wrong with it.
pub(crate) fn validate(
    raw: BTreeMap<WorkloadName, RawWorkload>,
) -> Result<Workloads, (WorkloadName, Invalid)> {
    let each = raw.into_iter().map(|(name, workload)| match validate_one(workload) {
        Ok(workload) => Ok((name, workload)),
        Err(why) => Err((name, why)),
    });
    let workloads: Workloads = each.collect::<Result<_, _>>()?;
    for (name, mix) in workloads.iter().filter_map(|(name, w)| Some((name, w.mix()?))) {
        validate_mix(mix, &workloads).map_err(|why| (name.clone(), why))?;
    }
    Ok(workloads)
}

fn validate_mix(mix: &Mix, workloads: &Workloads) -> Result<(), Invalid> {
    if !(1..=99).contains(&mix.heavy_percent) {
        return Err(invalid!("mix.heavy_percent = {} is not within 1 to 99", mix.heavy_percent));
    }
    if mix.light == mix.heavy {
        return Err(invalid!("mix: `{}` is both the light and the heavy one", mix.light));
    }
    for (key, name) in [("light", &mix.light), ("heavy", &mix.heavy)] {
        match workloads.get(name) {
            Some(Workload::Request(_)) => {}
            Some(Workload::Mix(_)) => {
                return Err(invalid!("mix.{key}: `{name}` is a mix itself, not a request"));
            }
            None => {
                let near = nearest(name.as_str(), workloads.keys().map(WorkloadName::as_str));
                let hint = near.map(|near| format!("; did you mean `{near}`?"));
                return Err(invalid!(
                    "mix.{key}: unknown workload `{name}`{}",
                    hint.unwrap_or_default()
                ));
            }
        }
    }
    Ok(())
}

fn validate_one(raw: RawWorkload) -> Result<Workload, Invalid> {
    let RawWorkload { method, path, content_type, body, expect, mix } = raw;
    match (method, path, expect, mix) {
        (None, None, None, Some(mix)) if content_type.is_none() && body.is_none() => {
            Ok(Workload::Mix(mix))
        }
        (Some(method), Some(path), Some(expect), None) => {
            let body = validate_body(body)?;
            validate_request(RequestShape { method, path, content_type, body, expect })
                .map(Workload::Request)
        }
        (_, _, _, Some(_)) => Err(invalid!(
            "a mix has no other key: its requests are workloads of \
                                   their own"
        )),
        _ => {
            Err(invalid!("needs `method`, `path` and `expect`, or a `mix` of two other workloads"))
        }
    }
}

fn validate_request(request: RequestShape) -> Result<RequestShape, Invalid> {
    if request.method.is_empty() || !request.method.bytes().all(|b| b.is_ascii_uppercase()) {
        return Err(invalid!("method `{}` is not an upper-case HTTP method", request.method));
    }
    if !request.path.starts_with('/') || request.path.bytes().any(|b| b <= b' ') {
        return Err(invalid!("path `{}` must begin with / and hold no space", request.path));
    }
    let digest = &request.expect.sha256;
    if digest.len() != 64 || !digest.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        return Err(invalid!("sha256 `{digest}` is not 64 lower-case hexadecimal digits"));
    }
    Ok(request)
}

fn validate_body(raw: Option<RawBody>) -> Result<Body, Invalid> {
    let Some(raw) = raw else { return Ok(Body::Empty) };
    match raw {
        RawBody { file: Some(path), truncate_bytes, text: None, zero_bytes: None } => {
            if path.starts_with('/') {
                return Err(invalid!("body file `{path}` must be relative to the TOML file"));
            }
            Ok(Body::File { path, truncate_bytes })
        }
        RawBody { file: None, truncate_bytes: None, text: Some(text), zero_bytes: None } => {
            Ok(Body::Text(text))
        }
        RawBody { file: None, truncate_bytes: None, text: None, zero_bytes: Some(count) } => {
            Ok(Body::Zeros(count))
        }
        _ => Err(invalid!(
            "body needs exactly one of file (with truncate_bytes or not), text, zero_bytes"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "2689367b205c16ce32ed4200942b8b8b1e262dfc70d9bc9fbc77c49699a4f1df";

    fn check(body: &str) -> Result<Body, ParseError> {
        let text = format!(
            "[workloads.a]\nmethod = \"POST\"\npath = \"/x\"\n{body}\nexpect = {{ status = 200, sha256 = \"{DIGEST}\" }}\n"
        );
        let mut all = parse_workloads("w.toml", &text)?;
        Ok(all.pop_first().unwrap().1.request().unwrap().body.clone())
    }

    /// Two requests, `a` and `b`, beside the lines of `more`.
    fn beside(more: &str) -> Result<Workloads, ParseError> {
        let one = |name: &str| {
            format!(
                "[workloads.{name}]\nmethod = \"GET\"\npath = \"/x\"\n\
                 expect = {{ status = 200, sha256 = \"{DIGEST}\" }}\n"
            )
        };
        let text = [one("a").as_str(), &one("b"), more].concat();
        parse_workloads("w.toml", &text)
    }

    #[test]
    fn each_body_has_one_source() {
        assert_eq!(check("").unwrap(), Body::Empty);
        assert_eq!(check("body = { zero_bytes = 3 }").unwrap(), Body::Zeros(3));
        assert!(check("body = { text = \"a\", zero_bytes = 3 }").is_err());
        assert!(check("body = { truncate_bytes = 3 }").is_err());
        assert!(check("body = { file = \"../secret\" }").is_err());
    }

    #[test]
    fn an_unknown_key_is_named() {
        let error = check("body = { txt = \"a\" }").unwrap_err().to_string();
        assert!(error.contains("w.toml:4") && error.contains("`txt`"), "{error}");
    }
    #[test]
    fn a_mix_is_of_two_requests_that_are_there() {
        let mix = |words: &str| beside(&format!("[workloads.m]\nmix = {{ {words} }}\n"));
        let all = mix("light = \"a\", heavy = \"b\", heavy_percent = 5").unwrap();
        let found = all[&"m".parse::<WorkloadName>().unwrap()].mix().unwrap();
        assert_eq!(found.to_string(), "a beside 5 % b");
        for (words, why) in [
            ("light = \"a\", heavy = \"bb\", heavy_percent = 5", "did you mean `b`"),
            ("light = \"m\", heavy = \"b\", heavy_percent = 5", "`m` is a mix itself"),
            ("light = \"a\", heavy = \"a\", heavy_percent = 5", "both the light and the heavy"),
            ("light = \"a\", heavy = \"b\", heavy_percent = 0", "not within 1 to 99"),
            ("light = \"a\", heavy = \"b\", heavy_percent = 100", "not within 1 to 99"),
            ("light = \"a\", heavy = \"b\"", "heavy_percent"),
            ("light = \"a\", heavi = \"b\", heavy_percent = 5", "`heavi`"),
        ] {
            let error = mix(words).unwrap_err().to_string();
            assert!(error.contains(why), "{words}: {error}");
        }
    }

    #[test]
    fn an_entry_is_a_request_or_a_mix_and_not_half_of_either() {
        let mix = "mix = { light = \"a\", heavy = \"b\", heavy_percent = 5 }";
        let error =
            beside(&format!("[workloads.m]\nmethod = \"GET\"\n{mix}\n")).unwrap_err().to_string();
        assert!(error.contains("workload `m`: a mix has no other key"), "{error}");
        let error =
            beside("[workloads.m]\nmethod = \"GET\"\npath = \"/\"\n").unwrap_err().to_string();
        assert!(error.contains("needs `method`, `path` and `expect`, or a `mix`"), "{error}");
    }
}

//! Every workload of the experiments, against the library: golden statuses and digests.
//!
//! `WEIGHBRIDGE_BLESS=1` writes what the library answers into the file instead.

#![allow(clippy::unwrap_used, reason = "clippy knows test functions, not their helpers")]

use std::fmt::Write;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use toml::{Table, Value};
use weighbridge_transform::{Request, handle};

fn experiments() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../experiments")
}

/// The body that a workload describes.
fn body(workload: &Value) -> Vec<u8> {
    let Some(body) = workload.get("body") else { return Vec::new() };
    let number = |key: &str| body.get(key).map(|value| value.as_integer().unwrap() as usize);
    if let Some(text) = body.get("text") {
        return text.as_str().unwrap().as_bytes().to_vec();
    }
    if let Some(count) = number("zero_bytes") {
        return vec![0; count];
    }
    let file = experiments().join(body["file"].as_str().unwrap());
    let mut bytes = std::fs::read(&file).unwrap_or_else(|error| panic!("{file:?}: {error}"));
    bytes.truncate(number("truncate_bytes").unwrap_or(bytes.len()));
    bytes
}

/// Status and digest of the library's answer.
fn answer(workload: &Value) -> (i64, String) {
    let request = Request {
        method: workload["method"].as_str().unwrap(),
        path_and_query: workload["path"].as_str().unwrap(),
        content_type: workload.get("content_type").map(|text| text.as_str().unwrap()),
        body: &body(workload),
    };
    let response = handle(&request, &|| false);
    let digest = Sha256::digest(&response.body);
    let hex = digest.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    });
    (i64::from(response.status), hex)
}

/// The text with the answer of one workload written anew; comments and layout stay as they are.
fn blessed(text: &str, name: &str, status: i64, sha256: &str) -> String {
    let header = format!("[workloads.{name}]");
    let mut is_within = false;
    let mut blessed = String::new();
    for line in text.lines() {
        if line.starts_with('[') {
            is_within = line == header;
        }
        if is_within && line.starts_with("expect = ") {
            writeln!(blessed, "expect = {{ status = {status}, sha256 = \"{sha256}\" }}").unwrap();
        } else {
            writeln!(blessed, "{line}").unwrap();
        }
    }
    blessed
}

#[test]
fn every_workload_gets_the_expected_answer() {
    let path = experiments().join("workloads.toml");
    let mut text = std::fs::read_to_string(&path).unwrap();
    let document: Table = text.parse().unwrap();
    let bless = std::env::var_os("WEIGHBRIDGE_BLESS").is_some();
    let mut wrong = Vec::new();
    let all = document["workloads"].as_table().unwrap().iter();
    // A mix is of requests that stand here themselves.
    for (name, workload) in all.filter(|(_, workload)| workload.get("mix").is_none()) {
        let (status, sha256) = answer(workload);
        // Bodies that grow are zeros, and so refused.
        let is_refused = name.starts_with("bad-") || name.starts_with("grow-body-");
        assert_eq!(status == 200, !is_refused, "{name}: {status}");
        let expect = &workload["expect"];
        let expected =
            (expect["status"].as_integer().unwrap(), expect["sha256"].as_str().unwrap().to_owned());
        if bless {
            text = blessed(&text, name, status, &sha256);
        } else if expected != (status, sha256.clone()) {
            wrong.push(format!("{name}: expected {expected:?}, got ({status}, {sha256:?})"));
        }
    }
    if bless {
        std::fs::write(&path, text).unwrap();
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn blessing_changes_one_answer_and_nothing_else() {
    let text = "# one\n[workloads.a]\nexpect = { status = 1, sha256 = \"x\" }\n\n\
                [workloads.ab] # two\n[workloads.b]\nexpect = { status = 1, sha256 = \"x\" }\n";
    let (before, after) = text.split_at(text.find("[workloads.b]").unwrap());
    let expected = format!(
        "{before}{}",
        after.replace("status = 1, sha256 = \"x\"", "status = 2, sha256 = \"y\"")
    );
    assert_eq!(blessed(text, "b", 2, "y"), expected);
}

//! The answers that the definition expects are those that the library gives.

#![allow(clippy::unwrap_used, reason = "a test that cannot read the checkout has nothing to say")]

use json_api::{Request, answer};
use sha2::{Digest, Sha256};
use std::path::Path;
use toml::{Table, Value};

#[test]
fn every_expected_answer_is_given() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../experiments/examples");
    let text = std::fs::read_to_string(folder.join("json-api.toml")).unwrap();
    let definition: Table = text.parse().unwrap();
    let workloads = definition["workloads"].as_table().unwrap();
    assert!(workloads.len() >= 4);
    for (name, workload) in workloads {
        let word = |key: &str| workload.get(key).and_then(Value::as_str);
        let source = |key: &str| workload.get("body").and_then(|body| body.get(key)?.as_str());
        let body = match source("file") {
            Some(file) => std::fs::read(folder.join(file)).unwrap(),
            None => source("text").unwrap_or_default().as_bytes().to_vec(),
        };
        let response = answer(&Request {
            method: word("method").unwrap(),
            path: word("path").unwrap(),
            content_type: word("content_type"),
            body: Some(&body),
        });
        let digest: String =
            Sha256::digest(&response.body).iter().map(|byte| format!("{byte:02x}")).collect();
        let expect = &workload["expect"];
        let expected = (expect["status"].as_integer(), expect["sha256"].as_str());
        let given = (Some(i64::from(response.status)), Some(digest.as_str()));
        assert_eq!(given, expected, "{name}: {}", String::from_utf8_lossy(&response.body));
    }
}

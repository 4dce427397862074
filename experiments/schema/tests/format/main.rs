//! FORMAT.md is what the doc comments of the schema say, and names every key that really occurs in files.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "clippy's own exception reaches only functions marked #[test]"
)]

mod model;
mod page;
mod placeholders;
mod walk;

use model::{Kind, Sources};
use serde_json::Value;
use std::path::{Path, PathBuf};
use walk::Walk;

const SKELETON: &str = include_str!("skeleton.md");
/// The line that renews FORMAT.md.
const RENEW: &str = "WEIGHBRIDGE_BLESS=1 cargo test -p weighbridge-schema --test format";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn sources_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn committed() -> String {
    std::fs::read_to_string(root().join("FORMAT.md")).unwrap_or_default()
}

fn generated() -> String {
    page::write(SKELETON, &Sources::read(&sources_folder()))
}

#[test]
fn format_md_is_what_the_doc_comments_say() {
    let generated = generated();
    let before = committed();
    if generated == before {
        return;
    }
    if std::env::var_os("WEIGHBRIDGE_BLESS").is_some() {
        std::fs::write(root().join("FORMAT.md"), &generated).unwrap();
        return;
    }
    let mut lines = generated.lines().zip(before.lines()).enumerate();
    let (number, (now, was)) = lines.find(|(_, (now, was))| now != was).unwrap_or((
        generated.lines().count().min(before.lines().count()),
        ("one of the two ends here", "one of the two ends here"),
    ));
    panic!(
        "FORMAT.md, line {}, is not what experiments/schema says; renew it with\n    {RENEW}\n\
         the file:   {was}\nthe schema: {now}",
        number + 1
    );
}

#[test]
fn no_line_of_format_md_is_wider_than_100_columns() {
    let text = generated();
    let wide = text.lines().find(|line| line.chars().count() > 100);
    assert!(wide.is_none() && text.lines().count() > 300, "{wide:?}");
}

fn json(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap()
}

fn toml(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    toml::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The files and folders directly below `folder`.
fn entries(folder: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join(folder)).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// The published raw logs.
fn runs() -> Vec<PathBuf> {
    entries("paper/data").into_iter().filter(|path| path.is_dir()).collect()
}

fn named(name: &str) -> Kind {
    Kind::Named(name.to_owned())
}

#[test]
fn every_key_of_the_definitions_is_in_format_md() {
    let sources = Sources::read(&sources_folder());
    let mut walk = Walk::new(&sources);
    let definitions = entries("experiments/definitions").into_iter();
    let questions = definitions.chain(entries("experiments/examples"));
    for path in questions.filter(|path| path.extension().is_some_and(|ending| ending == "toml")) {
        walk.value(&toml(&path), &named("RawDefinition"), &path.display().to_string());
    }
    for (file, name) in [
        ("experiments/subjects.toml", "RawSubjects"),
        ("experiments/workloads.toml", "RawWorkloads"),
        ("analysis/claims.toml", "RawClaims"),
        ("analysis/speed.toml", "Thresholds"),
    ] {
        walk.value(&toml(&root().join(file)), &named(name), file);
    }
    walk.all_are_in(&generated(), 80);
}

#[test]
fn every_key_of_the_published_raw_logs_is_in_format_md() {
    let sources = Sources::read(&sources_folder());
    let mut walk = Walk::new(&sources);
    assert!(!runs().is_empty(), "no raw log below paper/data");
    for run in runs() {
        walk.value(&json(&run.join("manifest.json")), &named("Manifest"), "manifest.json");
        let stops = Kind::List(Box::new(named("Stop")));
        walk.value(&json(&run.join("stops.json")), &stops, "stops.json");
        let lines = std::fs::read_to_string(run.join("observations.jsonl")).unwrap();
        for line in lines.lines() {
            let mut value: Value = serde_json::from_str(line).unwrap();
            // No key of the type: the skeleton describes it by hand.
            value.as_object_mut().unwrap().remove("check");
            walk.value(&value, &named("Observation"), "observations.jsonl");
        }
    }
    for (file, name) in [
        ("paper/data/calibration.json", "Calibration"),
        ("paper/data/calibration-load.json", "LoadCalibration"),
    ] {
        walk.value(&json(&root().join(file)), &named(name), file);
    }
    assert!(generated().contains("* `check` "), "FORMAT.md does not describe the check of a line");
    walk.all_are_in(&generated(), 120);
}

#[test]
fn a_key_that_no_type_has_is_found() {
    let sources = Sources::read(&sources_folder());
    let of = |text: &str| {
        let value: Value = serde_json::from_str(text).unwrap();
        Walk::new(&sources).wrong(&value, &named("Stop"))
    };
    assert_eq!(of("{\"reason\": \"fixed\"}"), None);
    assert!(of("{\"raeson\": \"fixed\"}").unwrap().contains("`raeson`"));
    assert!(of("{\"reason\": \"tired\"}").unwrap().contains("`tired`"));
    assert!(of("{\"reason\": 3}").unwrap().contains('3'));
    assert!(of("{\"cell\": {\"subjects\": \"native\"}}").unwrap().contains("`subjects`"));
}

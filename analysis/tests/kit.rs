//! What a kit says about itself: its digests, its research object and its appendix.

#![allow(clippy::unwrap_used, reason = "clippy knows test functions, not their helpers")]

use crate::support::Fixture;
use serde_json::Value;
use std::collections::BTreeSet;
use std::process::Command;
use weighbridge_analysis::kit::{APPENDIX, RESEARCH_OBJECT, SUMS, describe};

/// The files of a described kit that holds little else.
fn described(folder: &std::path::Path) -> (Value, String) {
    std::fs::create_dir_all(folder.join("data/r")).unwrap();
    for (name, text) in [
        ("weighbridge", "#!/bin/sh\n"),
        ("weighbridge-runner", "program"),
        ("claims.toml", ""),
        ("data/r/observations.jsonl", "{}\n"),
    ] {
        std::fs::write(folder.join(name), text).unwrap();
    }
    Fixture::new(4).analysed(include_str!("../claims.toml"), |results| {
        describe(results, folder).unwrap();
    });
    let object = std::fs::read_to_string(folder.join(RESEARCH_OBJECT)).unwrap();
    let appendix = std::fs::read_to_string(folder.join(APPENDIX)).unwrap();
    (serde_json::from_str(&object).unwrap(), appendix)
}

fn checks(folder: &std::path::Path) -> bool {
    let mut check = Command::new("sha256sum");
    check.args(["--check", "--quiet", SUMS]).current_dir(folder);
    check.output().unwrap().status.success()
}

#[test]
fn the_digests_cover_every_file_and_find_a_changed_byte() {
    let folder = tempfile::tempdir().unwrap();
    described(folder.path());
    let sums = std::fs::read_to_string(folder.path().join(SUMS)).unwrap();
    for name in ["weighbridge", "data/r/observations.jsonl", APPENDIX, RESEARCH_OBJECT] {
        assert!(sums.lines().any(|line| line.ends_with(&format!("  {name}"))), "{name}: {sums}");
    }
    assert!(checks(folder.path()));
    std::fs::write(folder.path().join("weighbridge-runner"), "programs").unwrap();
    assert!(!checks(folder.path()));
}

#[test]
fn what_is_described_twice_is_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let first = described(folder.path());
    assert_eq!(described(folder.path()), first);
}

#[test]
fn the_research_object_names_every_file_and_nothing_that_it_does_not_describe() {
    let folder = tempfile::tempdir().unwrap();
    let (object, _) = described(folder.path());
    let graph = object["@graph"].as_array().unwrap();
    let known: BTreeSet<&str> =
        graph.iter().map(|entity| entity["@id"].as_str().unwrap()).collect();
    assert_eq!(known.len(), graph.len(), "an entity stands there twice");
    for file in ["weighbridge", "claims.toml", "data/r/observations.jsonl", APPENDIX] {
        assert!(known.contains(file), "{file} is not in {known:?}");
    }
    let mut referenced = Vec::new();
    for entity in graph {
        references(entity, true, &mut referenced);
    }
    // The format's own version is the one thing that lies elsewhere; so does the run's log here.
    referenced
        .retain(|id| !id.starts_with("https://w3id.org/ro/crate/") && !id.starts_with("data/"));
    let unknown: Vec<_> = referenced.iter().filter(|id| !known.contains(id.as_str())).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

/// The values of `@id` below the entity's own.
fn references(value: &Value, is_entity: bool, found: &mut Vec<String>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| references(value, false, found)),
        Value::Object(entries) => {
            for (key, value) in entries {
                match value {
                    Value::String(id) if key == "@id" && !is_entity => found.push(id.clone()),
                    value => references(value, false, found),
                }
            }
        }
        _ => {}
    }
}

#[test]
fn each_experiment_is_an_action_with_its_times() {
    let folder = tempfile::tempdir().unwrap();
    let (object, _) = described(folder.path());
    let graph = object["@graph"].as_array().unwrap();
    let actions: Vec<&Value> = graph.iter().filter(|e| e["@type"] == "CreateAction").collect();
    Fixture::new(4).analysed("", |results| {
        let experiments: BTreeSet<&str> =
            results.run.observations.iter().map(|o| o.trial.experiment.as_str()).collect();
        for name in experiments {
            let id = format!("#action/{name}");
            let action = actions.iter().find(|action| action["@id"] == id.as_str());
            let action = action.unwrap_or_else(|| panic!("{id} is not in {actions:?}"));
            assert!(action["startTime"].as_str() <= action["endTime"].as_str(), "{action}");
        }
    });
}

#[test]
fn the_appendix_has_a_row_for_each_claim_and_calls_unknown_what_is_unknown() {
    let folder = tempfile::tempdir().unwrap();
    let (_, appendix) = described(folder.path());
    Fixture::new(4).analysed(include_str!("../claims.toml"), |results| {
        for judged in &results.judged {
            let row = format!("| `{}` |", judged.claim.name);
            assert!(appendix.contains(&row), "{row} is not in {appendix}");
        }
        if results.run.manifest.fingerprint.cpu_model.is_none() {
            assert!(appendix.contains("processor unknown"), "{appendix}");
        }
    });
    assert!(!appendix.contains("NaN"), "{appendix}");
}

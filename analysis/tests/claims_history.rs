//! What claims.toml says of its own history, against the history itself.

#![allow(clippy::unwrap_used, reason = "clippy knows test functions, not their helpers")]

use jiff::Timestamp;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use weighbridge_analysis::judge::{Claim, ClaimKind, parse_claims};
use weighbridge_schema::claim::read_claims;
use weighbridge_statistics::holm::holm;
use weighbridge_statistics::sign::sign_test;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn claims() -> Vec<Claim> {
    parse_claims("claims.toml", include_str!("../claims.toml")).unwrap()
}

/// What git prints; `None` where there is no git, or no history of this checkout (a tarball, a shallow clone).
fn git(arguments: &[&str]) -> Option<String> {
    let root = root().canonicalize().unwrap();
    let run = |arguments: &[&str]| {
        let output = Command::new("git").current_dir(&root).args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let top = run(&["rev-parse", "--show-toplevel"])?;
    let is_ours = Path::new(top.trim()).canonicalize().is_ok_and(|top| top == root);
    let is_whole = run(&["rev-parse", "--is-shallow-repository"])?.trim() == "false";
    (is_ours && is_whole).then(|| run(arguments)).flatten()
}

/// What a claim asserts, without its words and history.
fn inequality(claim: &toml::Table) -> BTreeMap<String, String> {
    let keys = [
        "experiment",
        "metric",
        "workload",
        "parameter",
        "subject",
        "versus",
        "relation",
        "factor",
    ];
    let found =
        keys.iter().filter_map(|key| Some(((*key).to_owned(), claim.get(*key)?.to_string())));
    found.collect()
}

/// The claims of a version of the file, by name; older versions have fewer keys than [`Claim`] wants.
fn inequalities(text: &str) -> BTreeMap<String, BTreeMap<String, String>> {
    let file: toml::Table = text.parse().unwrap();
    let claims = file.get("claim").and_then(toml::Value::as_array).unwrap();
    let named = claims.iter().filter_map(toml::Value::as_table);
    named.map(|claim| (claim["name"].as_str().unwrap().to_owned(), inequality(claim))).collect()
}

/// Names of claims whose inequality in `now` is not the one that they had at the end of `before`.
fn changed_since(
    before: &BTreeMap<String, BTreeMap<String, String>>,
    now: &BTreeMap<String, BTreeMap<String, String>>,
    confirmatory: &[&str],
) -> Vec<String> {
    let differs = |name: &&&str| before.get(**name) != now.get(**name);
    confirmatory.iter().filter(differs).map(|name| (*name).to_owned()).collect()
}

/// When the published runs began.
fn published() -> Vec<(String, Timestamp)> {
    let folders = std::fs::read_dir(root().join("paper/data")).unwrap();
    let manifests = folders.map(|entry| entry.unwrap().path().join("manifest.json"));
    manifests
        .filter(|file| file.is_file())
        .map(|file| {
            let manifest: serde_json::Value =
                serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
            let began_ns = manifest["started_at_unix_ns"].as_u64().unwrap();
            let began = Timestamp::from_nanosecond(i128::from(began_ns)).unwrap();
            (manifest["run"].as_str().unwrap().to_owned(), began)
        })
        .collect()
}

/// Confirmatory on a run is what was fixed before it began: then the history has the same inequality at that moment.
#[test]
fn no_confirmatory_claim_was_changed_after_the_published_run() {
    let file = "analysis/claims.toml";
    for (run, began) in published() {
        let before = format!("--before={began}");
        let Some(commit) = git(&["log", "-1", "--format=%H", &before, "--", file]) else {
            eprintln!(
                "note: no git history here: the claims' own history was not compared with it"
            );
            return;
        };
        let fixed_before = |claim: &&Claim| {
            claim.kind == ClaimKind::Confirmatory
                && claim.fixed_at().parse::<Timestamp>().unwrap() < began
        };
        let all = claims();
        let confirmatory: Vec<&str> =
            all.iter().filter(fixed_before).map(|claim| claim.name.as_str()).collect();
        assert!(!confirmatory.is_empty(), "{run}");
        let then = git(&["show", &format!("{}:{file}", commit.trim())]).unwrap();
        let now = inequalities(include_str!("../claims.toml"));
        let changed = changed_since(&inequalities(&then), &now, &confirmatory);
        assert!(changed.is_empty(), "{changed:?} were changed after {run} had begun");
    }
}

/// How many blocks `quick` gives an experiment.
fn quick_invocations(experiment: &str) -> usize {
    let path = root().join(format!("experiments/definitions/{experiment}.toml"));
    let definition: toml::Table = std::fs::read_to_string(path).unwrap().parse().unwrap();
    let invocations = definition["profiles"]["quick"]["invocations"].as_integer();
    invocations.unwrap().try_into().unwrap()
}

/// A correction over so many claims that no run of `quick` could ever confirm them would call every one undecided,
/// whatever was measured. Sizes of files are read once and tested against nothing.
#[test]
fn the_published_profile_has_blocks_enough_for_what_is_to_be_confirmed() {
    let sampled = |claim: &&Claim| {
        claim.kind == ClaimKind::Confirmatory && claim.experiment.as_str() != "artifact-size"
    };
    let all = claims();
    let least: Vec<f64> = all
        .iter()
        .filter(sampled)
        .map(|claim| sign_test(&vec![1.0; quick_invocations(claim.experiment.as_str())]).unwrap())
        .collect();
    for (claim, p) in all.iter().filter(sampled).zip(holm(&least)) {
        assert!(p <= 0.05, "{}: where all its blocks agree, p is {p}", claim.name);
    }
}

#[test]
fn a_moved_threshold_is_found() {
    let now = inequalities(include_str!("../claims.toml"));
    let name = "container-thumbnail-throughput-as-process";
    let mut then = now.clone();
    then.get_mut(name).unwrap().insert("factor".to_owned(), "0.5".to_owned());
    assert_eq!(changed_since(&then, &now, &[name]), [name]);
    then.remove(name);
    assert_eq!(changed_since(&then, &now, &[name]), [name], "a claim that was not there then");
    assert!(changed_since(&now, &now, &[name]).is_empty());
}

/// What was changed after looking says so, and confirms nothing.
#[test]
fn the_moved_threshold_of_november_is_told() {
    let all = read_claims("claims.toml", include_str!("../claims.toml")).unwrap();
    let moved = all.iter().find(|claim| claim.factor == 0.333).unwrap();
    assert_eq!(moved.kind, ClaimKind::Exploratory);
    assert!(moved.changed[0].from.contains("0.5") && moved.changed[0].before_run.is_some());
}

/// A misspelt name would print "not judged" or "not measured" for ever.
#[test]
fn the_paper_names_no_claim_that_is_not_there() {
    let names: Vec<String> = claims().into_iter().map(|claim| claim.name).collect();
    let mut named_count = 0;
    for entry in std::fs::read_dir(root().join("paper/sections")).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        for command in ["\\wbclaim{", "\\wbverdict{", "\\wbjudged{"] {
            for after in text.split(command).skip(1) {
                let name = after.split('}').next().unwrap();
                assert!(names.iter().any(|known| known == name), "{}: {name}", path.display());
                named_count += 1;
            }
        }
    }
    assert!(named_count > 10, "{named_count}");
}

//! What ARCHITECTURE.md promises of crates and their directions, and that each of its invariants names a test.

#![allow(
    clippy::unwrap_used,
    reason = "clippy's own exception reaches only functions marked #[test]"
)]

mod sources;

use serde_json::{Map, Value};
use sources::{code, files, read, root, shown};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::parse::parse;

/// A crate of this repository.
#[derive(Debug, Default)]
struct Crate {
    /// Its folder below the root.
    folder: String,
    /// Our crates that it needs.
    needs: BTreeSet<String>,
    /// Our crates that its tests or its build need besides.
    tests_need: BTreeSet<String>,
}

/// `weighbridge-runner` is `runner`, as in ARCHITECTURE.md.
fn short(package: &str) -> String {
    let rest = package.strip_prefix("weighbridge-").or_else(|| package.strip_prefix("example-"));
    rest.unwrap_or(package).to_owned()
}

/// The content of a TOML file.
fn toml(path: &Path) -> Value {
    parse(&shown(path), &read(path)).unwrap()
}

/// Every crate, by its short name.
fn crates() -> BTreeMap<String, Crate> {
    let mut found = BTreeMap::new();
    let manifests: Vec<_> = files(root(), "Cargo.toml")
        .into_iter()
        .map(|path| (shown(&path), toml(&path)))
        .filter(|(_, manifest)| manifest.get("package").is_some())
        .collect();
    let name = |manifest: &Value| short(manifest["package"]["name"].as_str().unwrap());
    let names: BTreeSet<String> = manifests.iter().map(|(_, manifest)| name(manifest)).collect();
    for (path, manifest) in &manifests {
        let mut this =
            Crate { folder: path.trim_end_matches("/Cargo.toml").to_owned(), ..Crate::default() };
        let for_targets = manifest.get("target").and_then(Value::as_object);
        for part in for_targets.into_iter().flat_map(Map::values).chain([manifest]) {
            let of = |section: &str| {
                let entries = part.get(section).and_then(Value::as_object);
                let ours = entries.into_iter().flat_map(Map::keys).map(|key| short(key));
                ours.filter(|key| names.contains(key)).collect::<Vec<_>>()
            };
            this.needs.extend(of("dependencies"));
            this.tests_need.extend(of("dev-dependencies"));
            this.tests_need.extend(of("build-dependencies"));
        }
        found.insert(name(manifest), this);
    }
    assert!(found.len() > 15, "the search has lost its way: {:?}", found.keys());
    found
}

/// The crates of ours without which `name` and its tests cannot be built.
fn reachable(name: &str, crates: &BTreeMap<String, Crate>) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    let mut open = vec![name.to_owned()];
    while let Some(next) = open.pop() {
        let this = &crates[&next];
        for needed in this.needs.iter().chain(&this.tests_need) {
            if reached.insert(needed.clone()) {
                open.push(needed.clone());
            }
        }
    }
    reached
}

/// What stands between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn architecture_md_says_which_crate_depends_on_which() {
    let document = read(&root().join("ARCHITECTURE.md"));
    let section = document.split("\n## Which crate depends on which").nth(1).unwrap();
    let rows =
        section.split("\n## ").next().unwrap().lines().filter(|line| line.starts_with("| `"));
    let mut written: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in rows {
        let cells: Vec<&str> = row.split('|').collect();
        for name in quoted(cells[1]) {
            written.insert(name.to_owned(), quoted(cells[2]).map(str::to_owned).collect());
        }
    }
    for (name, this) in crates() {
        let row = written.get(&name);
        let is_left_out = row.is_none() && this.needs.is_empty();
        assert!(
            is_left_out || row == Some(&this.needs),
            "{name} depends on {:?}; ARCHITECTURE.md, \"Which crate depends on which\", has {row:?}",
            this.needs
        );
    }
    let known = crates();
    let gone: Vec<_> = written.keys().filter(|name| !known.contains_key(*name)).collect();
    assert!(gone.is_empty(), "ARCHITECTURE.md has a row for {gone:?}, which is no crate");
}

#[test]
fn runner_and_analysis_do_not_depend_on_each_other() {
    let crates = crates();
    for (one, other) in [("runner", "analysis"), ("analysis", "runner")] {
        let reached = reachable(one, &crates);
        assert!(!reached.contains(other), "{one} needs {other}, by way of {reached:?}");
        assert!(reached.contains("schema"), "{one} shares the schema: {reached:?}");
    }
}

/// Definitions, runner, raw log, analysis, paper: a crate needs none that comes after it, the harness none that is
/// measured, and what is measured none of the harness.
#[test]
fn nothing_is_needed_by_what_comes_before_it() {
    const FLOW: [&[&str]; 5] = [
        &["schema", "statistics", "instructions"],
        &["machine"],
        &["runner"],
        &["analysis"],
        &["xtask"],
    ];
    let crates = crates();
    let station = |name: &str| match crates[name].folder.starts_with("xtask/") {
        true => Some(FLOW.len() - 1),
        false => FLOW.iter().position(|names| names.contains(&name)),
    };
    for (name, this) in &crates {
        for needed in this.needs.iter().chain(&this.tests_need) {
            match (station(name), station(needed)) {
                (Some(here), Some(there)) => assert!(
                    there < here || (there == here && here == FLOW.len() - 1),
                    "{name} needs {needed}, which comes after it or stands beside it"
                ),
                (None, None) => {}
                _ => panic!("{name} needs {needed}: one measures and the other is measured"),
            }
        }
    }
}

#[test]
fn xtask_depends_on_no_heavy_crate() {
    const HEAVY: [&str; 12] = [
        "polars",
        "polars-core",
        "wasmtime",
        "bollard",
        "hyper",
        "tokio",
        "image",
        "statrs",
        "hdrhistogram",
        "rustls",
        "openssl-sys",
        "wat",
    ];
    /// `cargo xtask --help` compiles them all, tests' crates aside, before it says a word.
    const MOST: usize = 140;
    let lock = toml(&root().join("Cargo.lock"));
    let packages = lock["package"].as_array().unwrap();
    let of = |name: &str| {
        let same = packages.iter().filter(move |package| package["name"].as_str() == Some(name));
        same.filter_map(|package| package.get("dependencies")?.as_array())
            .flatten()
            .map(|needed| needed.as_str().unwrap().split(' ').next().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    for heavy in HEAVY.iter().filter(|name| !["openssl-sys", "rustls"].contains(name)) {
        let is_there = packages.iter().any(|package| package["name"].as_str() == Some(heavy));
        assert!(is_there, "{heavy} is in no crate of ours any more: take it off the list");
    }
    let mut reached = BTreeSet::new();
    let mut open = vec!["xtask".to_owned()];
    while let Some(next) = open.pop() {
        open.extend(of(&next).into_iter().filter(|needed| reached.insert(needed.clone())));
    }
    let heavy: Vec<_> = HEAVY.iter().filter(|name| reached.contains(**name)).collect();
    assert!(heavy.is_empty(), "xtask needs {heavy:?}");
    assert!((20..=MOST).contains(&reached.len()), "xtask needs {} crates", reached.len());
}

/// Lines of product code in which one of `words` occurs.
fn holding(folders: &[&str], words: &[&str]) -> Vec<String> {
    let lines = folders.iter().flat_map(|folder| code(folder));
    let found = lines.filter(|(_, line)| words.iter().any(|word| line.contains(word)));
    found.map(|(place, line)| format!("{place}: {}", line.trim())).collect()
}

#[test]
fn the_runner_reads_nothing_that_the_analysis_or_the_paper_holds() {
    let folders = ["experiments/runner/src", "experiments/machine/src", "service/server/src"];
    let words = ["paper/", "generated/", "analysis/", "report/", "numbers.tex", "calibration.json"];
    let found = holding(&folders, &words);
    assert!(found.is_empty(), "{found:#?}");
    // The search finds what it looks for where it may stand.
    assert!(!holding(&["xtask/src"], &words).is_empty());
}

#[test]
fn the_analysis_starts_no_program_and_opens_no_socket() {
    let words =
        ["process::Command", "Command::new", "std::net", "TcpStream", "UnixStream", "exec("];
    let found = holding(&["analysis/src"], &words);
    assert!(found.is_empty(), "{found:#?}");
    assert!(!holding(&["experiments/runner/src"], &words).is_empty());
}

#[test]
fn schema_statistics_and_transform_do_no_input_or_output() {
    let words = ["std::fs", "fs::", "std::net", "std::process", "File::", "stdin()", "println!"];
    let crates = crates();
    let folder = |name: &str| format!("{}/src", crates[name].folder);
    let folders = ["schema", "statistics", "transform"].map(folder);
    let found = holding(&folders.each_ref().map(String::as_str), &words);
    assert!(found.is_empty(), "{found:#?}");
    assert!(!holding(&["experiments/runner/src"], &words).is_empty());
}

#[test]
fn nothing_is_rounded_before_it_is_printed() {
    let words = [".round()", ".floor()", ".ceil()", ".trunc()"];
    let found = holding(&["analysis/src"], &words);
    let early: Vec<_> =
        found.iter().filter(|line| !line.starts_with("analysis/src/render/")).collect();
    assert!(early.is_empty(), "{early:#?}");
    assert!(found.iter().any(|line| line.starts_with("analysis/src/render/number.rs")));
}

#[test]
fn a_derived_metric_is_written_by_no_runner_and_is_in_no_published_log() {
    let derived: Vec<Metric> = Metric::ALL.iter().copied().filter(|m| m.is_derived()).collect();
    assert!(derived.len() >= 4, "{derived:?}");
    let variants: Vec<String> =
        derived.iter().map(|metric| format!("Metric::{metric:?}")).collect();
    let words: Vec<&str> = variants.iter().map(String::as_str).collect();
    let found = holding(&["experiments/runner/src"], &words);
    assert!(found.is_empty(), "{found:#?}");
    let logs = files(&root().join("paper/data"), "observations.jsonl");
    assert!(!logs.is_empty());
    for log in logs {
        let text = read(&log);
        for metric in &derived {
            let key = format!("\"{}\":", metric.key());
            assert!(!text.contains(&key), "{} holds {key}", shown(&log));
        }
    }
}

#[test]
fn every_invariant_names_a_test_that_exists() {
    // Checked by hand or by a tool, because it takes minutes or is no Rust.
    const BY_HAND: [&str; 3] =
        ["clippy.toml", "cargo xtask test --independent", "cargo xtask build --check-reproducible"];
    let document = read(&root().join("ARCHITECTURE.md"));
    let section = document.split("\n## Invariants").nth(1).unwrap().split("\n## ").next().unwrap();
    let sources: Vec<(String, String)> =
        files(root(), ".rs").iter().map(|path| (shown(path), read(path))).collect();
    let is_function = |name: &str| {
        let declaration = format!("fn {name}(");
        sources.iter().any(|(_, text)| text.contains(&declaration))
    };
    let is_test_file = |name: &str| {
        let ending = format!("/{}", name.trim_start_matches(".../"));
        name.contains("test")
            && sources.iter().any(|(path, _)| path.ends_with(&ending) || path == name)
    };
    let mut count = 0;
    for bullet in section.split("\n* ").skip(1) {
        let bullet = bullet.split("\n\n").next().unwrap();
        let title = bullet.split("**").nth(1).unwrap().replace('\n', " ");
        let names: Vec<String> = quoted(bullet)
            .map(|name| name.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        // Names of tests are sentences: three words at least.
        let is_sentence = |name: &&String| {
            name.matches('_').count() >= 2
                && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        };
        let unknown: Vec<_> =
            names.iter().filter(is_sentence).filter(|name| !is_function(name)).collect();
        assert!(unknown.is_empty(), "{title}\nnames {unknown:?}, which no source declares");
        let is_guarded = names.iter().any(|name| {
            is_sentence(&name) || is_test_file(name) || BY_HAND.contains(&name.as_str())
        });
        assert!(is_guarded, "{title}\nnames no test");
        let absent: Vec<_> = names
            .iter()
            .filter(|name| name.ends_with(".rs"))
            .filter(|name| {
                let ending = format!("/{name}");
                !sources.iter().any(|(path, _)| path == *name || path.ends_with(&ending))
            })
            .collect();
        assert!(absent.is_empty(), "{title}\nnames {absent:?}, which is no file");
        count += 1;
    }
    assert!(count > 30, "the search has lost its way: {count} invariants");
}

//! A tool built after the tests, or before them, must not compile a third-party crate a second time: polars
//! alone takes ten minutes. Nor must clippy.

#![allow(
    clippy::unwrap_used,
    reason = "clippy's own exception reaches only functions marked #[test]"
)]

use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// What cargo would compile of the registry's crates, with the profile and the features that it would use.
fn third_party_units(arguments: &[&str]) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
        // The graph of units is not a stable option; nothing is compiled here.
        .env("RUSTC_BOOTSTRAP", "1")
        .args(arguments)
        .args(["--locked", "--profile", "tools", "--unit-graph", "-Zunstable-options"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let graph: Value = serde_json::from_slice(&output.stdout).unwrap();
    let units = graph["units"].as_array().unwrap().iter();
    units
        .filter(|unit| unit["pkg_id"].as_str().unwrap().starts_with("registry"))
        .map(|unit| {
            let parts = ["pkg_id", "target", "profile", "platform", "mode", "features"];
            parts.map(|part| unit[part].to_string()).join(" ")
        })
        .collect()
}

/// The same for clippy, which compiles only what runs meanwhile: macros, build scripts and what these are made of.
#[test]
fn clippy_takes_what_runs_while_compiling_from_the_tests() {
    let tests = third_party_units(&["test", "--workspace", "--no-run"]);
    let clippy = third_party_units(&["check", "--workspace", "--all-targets"]);
    let compiled: BTreeSet<_> =
        clippy.into_iter().filter(|unit| !unit.contains(" \"check\" ")).collect();
    let alone: Vec<_> = compiled.difference(&tests).collect();
    assert!(compiled.len() > 50 && alone.is_empty(), "clippy alone has {alone:#?}");
}

#[test]
fn the_tools_share_every_dependency_with_the_tests() {
    let tests = third_party_units(&["test", "--workspace", "--no-run"]);
    for program in ["weighbridge-runner", "weighbridge-analysis"] {
        let tool = third_party_units(&["build", "--workspace", "--bin", program]);
        let alone: Vec<_> = tool.difference(&tests).collect();
        assert!(tool.len() > 50 && alone.is_empty(), "{program} alone has {alone:#?}");
    }
}

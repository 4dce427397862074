//! Evaluates the flake offline, on both systems, with stand-ins for nixpkgs and rust-overlay, and proves that
//! a missing target, component, attribute or output is noticed. Nothing is built: no store of packages can be
//! reached from here. Needs `nix` (2.8 or later); see `sandbox::Sandbox::new` for when it is missing.

#![allow(
    clippy::unwrap_used,
    reason = "clippy's own exception reaches only functions marked #[test]"
)]

#[path = "flake/audit.rs"]
mod audit;
#[path = "flake/lock.rs"]
mod lock;
#[path = "flake/sandbox.rs"]
mod sandbox;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use audit::{
    COMPONENTS, MUSL_TARGETS, OPTIONAL_TOOLS, SYSTEMS, WASM_TARGETS, audit, optional_tools,
};
use lock::check_lock;
use sandbox::{Sandbox, checkout};
use serde_json::{Value, json};

const FAULTS: &str = "nixpkgs/faults.nix";
const MANIFEST: &str = "rust-overlay/manifest.nix";

/// Breaks a fresh copy by one edit and demands that the audit fails and names the culprit.
fn check_caught(file: &str, from: &str, to: &str, culprit: &str) {
    let Some(sandbox) = Sandbox::new() else { return };
    sandbox.edit(file, from, to);
    match audit(&sandbox) {
        Ok(_) => panic!("nobody noticed that {file} has {to:?} instead of {from:?}"),
        Err(printed) => {
            assert!(printed.contains(culprit), "{culprit:?} is not named in: {printed}");
        }
    }
}

#[test]
fn every_output_evaluates_on_both_systems() {
    let Some(sandbox) = Sandbox::new() else { return };
    let messages = audit(&sandbox).unwrap();
    assert!(!messages.contains("weighbridge:"), "something was left out: {messages}");
    for system in SYSTEMS {
        assert_eq!(optional_tools(&sandbox, system), OPTIONAL_TOOLS);
    }
    sandbox.flake_check().unwrap();
}

#[test]
fn the_lock_is_complete_and_agrees_with_the_flake() {
    let Some(sandbox) = Sandbox::new() else { return };
    let lock: Value =
        serde_json::from_str(&fs::read_to_string(sandbox.path("flake/flake.lock")).unwrap())
            .unwrap();
    check_lock(&lock, &sandbox.declared_inputs()).unwrap();
    assert_eq!(sandbox.accepted_lock().unwrap(), lock, "Nix reads another lock than is written");
}

#[test]
fn a_lock_that_disagrees_with_the_flake_is_caught() {
    let Some(sandbox) = Sandbox::new() else { return };
    let lock: Value =
        serde_json::from_str(&fs::read_to_string(checkout().join("flake.lock")).unwrap()).unwrap();
    let inputs = sandbox.declared_inputs();
    for (pointer, wrong) in [
        ("/version", json!(6)),
        ("/nodes/root/inputs", json!({ "nixpkgs": "nixpkgs" })),
        ("/nodes/nixpkgs/original/ref", json!("nixos-unstable")),
        ("/nodes/nixpkgs/locked/owner", json!("someone")),
        ("/nodes/nixpkgs/locked/rev", json!("5880666f")),
        ("/nodes/nixpkgs/locked/narHash", json!("sha256-short=")),
        ("/nodes/rust-overlay/inputs", json!({ "nixpkgs": "nixpkgs" })),
        ("/nodes/rust-overlay/locked/lastModified", json!("today")),
    ] {
        let mut broken = lock.clone();
        *broken.pointer_mut(pointer).unwrap() = wrong;
        assert!(check_lock(&broken, &inputs).is_err(), "nobody noticed {pointer}");
    }
    let mut stray = lock.clone();
    stray["nodes"]["flake-utils"] = lock["nodes"]["nixpkgs"].clone();
    assert!(check_lock(&stray, &inputs).is_err(), "nobody noticed the stray node");
}

#[test]
fn a_target_that_the_flake_no_longer_adds_is_caught() {
    for target in WASM_TARGETS {
        check_caught("flake/nix/toolchain.nix", &format!("    \"{target}\"\n"), "", target);
    }
    for target in MUSL_TARGETS {
        check_caught("flake/nix/toolchain.nix", &format!("    {target} ="), "    other =", "other");
    }
    check_caught(
        "flake/nix/toolchain.nix",
        "override { inherit targets; }",
        "override { targets = wasmTargets; }",
        MUSL_TARGETS[0],
    );
}

#[test]
fn a_target_that_rust_overlay_no_longer_has_is_caught() {
    for target in WASM_TARGETS.into_iter().chain(MUSL_TARGETS) {
        check_caught(MANIFEST, &format!("    \"{target}\"\n"), "", target);
    }
}

#[test]
fn a_component_that_is_gone_is_caught() {
    for component in COMPONENTS {
        let quoted = format!("\"{component}\"");
        let wanted = format!("lacks the components: {component}");
        check_caught("flake/rust-toolchain.toml", &quoted, "\"rust-src\"", &wanted);
        check_caught(MANIFEST, &quoted, "", component);
    }
    check_caught("flake/rust-toolchain.toml", "1.95.0", "1.42.0", "1.42.0");
}

#[test]
fn a_required_attribute_that_is_gone_is_caught() {
    for name in
        ["cacert", "curl", "git", "mkShell", "nixfmt-tree", "pkgsCross", "runCommand", "stdenv"]
            .into_iter()
            .chain(["texliveSmall", "writeShellApplication"])
    {
        check_caught(FAULTS, "removed = [ ]", &format!("removed = [ \"{name}\" ]"), name);
    }
    check_caught(FAULTS, "broken = [ ]", "broken = [ \"curl\" ]", "curl is marked as broken");
    for name in ["acmart", "latexmk", "pgfplots", "siunitx"] {
        check_caught(FAULTS, "removedTex = [ ]", &format!("removedTex = [ \"{name}\" ]"), name);
    }
}

#[test]
fn an_optional_tool_that_is_gone_is_left_out_and_said_so() {
    for (fault, name, trace) in [
        ("removed", "wasmer", "the optional tool wasmer: nixpkgs has no such attribute"),
        ("broken", "youki", "the optional tool youki: it does not evaluate on x86_64-linux"),
        ("removedTex", "kastrup", "TeX Live has no package kastrup"),
    ] {
        let Some(sandbox) = Sandbox::new() else { return };
        sandbox.edit(FAULTS, &format!("{fault} = [ ]"), &format!("{fault} = [ \"{name}\" ]"));
        let messages = audit(&sandbox).unwrap();
        assert!(messages.contains(trace), "no trace of {name} in: {messages}");
        let others: Vec<&str> = OPTIONAL_TOOLS.into_iter().filter(|tool| *tool != name).collect();
        for system in SYSTEMS {
            assert_eq!(optional_tools(&sandbox, system), others);
        }
    }
}

#[test]
fn a_malformed_app_is_caught() {
    check_caught("flake/nix/all.nix", "type = \"app\"", "type = \"application\"", "its type is");
    check_caught("flake/nix/all.nix", "${program}/bin/", "/usr/bin/", "its program is");
    check_caught("flake/nix/all.nix", "meta.description", "meta.summary", "no description");
}

#[test]
fn an_output_that_is_gone_is_caught() {
    check_caught("flake/nix/shells.nix", "  ci = ", "  other = ", "no devShell ci");
    check_caught("flake/flake.nix", "inherit all;", "inherit tex;", "no app all");
    check_caught("flake/nix/checks.nix", "  format = ", "  other = ", "no check format");
    check_caught("flake/flake.nix", "        \"aarch64-linux\"\n", "", "aarch64-linux");
    check_caught("flake/nix/shells.nix", "env = toolchain.environment;", "env = { };", "CC_");
}

#[test]
fn the_shell_says_when_no_container_engine_answers() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("engine-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let curl = folder.join("curl");
    for (exit_code, speaks) in [(7, true), (0, false)] {
        fs::write(&curl, format!("#!/bin/sh\nexit {exit_code}\n")).unwrap();
        fs::set_permissions(&curl, fs::Permissions::from_mode(0o755)).unwrap();
        let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap_or_default());
        // The strict options are those of writeShellApplication, which embeds the same file.
        let output = Command::new("bash")
            .args(["-o", "errexit", "-o", "nounset", "-o", "pipefail"])
            .arg(checkout().join("nix/engine.sh"))
            .env("PATH", path)
            .output()
            .unwrap();
        assert!(output.status.success(), "the hook must never end the shell");
        let printed = String::from_utf8_lossy(&output.stderr);
        assert_eq!(printed.contains("no container engine answers"), speaks, "it said: {printed}");
    }
    fs::remove_dir_all(folder).unwrap();
}

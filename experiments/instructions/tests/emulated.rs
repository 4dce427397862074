//! The plugin at work: the same program gives the same digits, and each call costs the same.

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has nothing to say")]

use serde::Deserialize;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Counts {
    target: String,
    vcpus: u64,
    markers: Vec<u64>,
    total: u64,
}

impl Counts {
    fn calls(&self) -> Vec<u64> {
        self.markers.windows(2).map(|pair| pair[1] - pair[0]).collect()
    }
}

fn artifact(name: &str) -> PathBuf {
    let folder = std::env::var_os("WEIGHBRIDGE_ARTIFACTS");
    let folder = folder.unwrap_or_else(|| panic!("cargo xtask test sets WEIGHBRIDGE_ARTIFACTS"));
    let path = Path::new(&folder).join(name);
    assert!(path.is_file(), "{} was not built", path.display());
    path
}

/// Past the test harness, which keeps what a passing test prints to itself.
fn left_out(why: &str) {
    let _ = writeln!(std::io::stderr(), "not tested: instruction counts: {why}");
}

/// The emulator of the local architecture; a note in its place where it is not installed,
/// or cannot count.
fn emulator() -> Option<Command> {
    let name = format!("qemu-{}", std::env::consts::ARCH);
    let Ok(help) = Command::new(&name).arg("-h").output() else {
        left_out(&format!("{name} is not installed"));
        return None;
    };
    if !String::from_utf8_lossy(&help.stdout).contains("-plugin") {
        left_out(&format!("{name} was built without plugins"));
        return None;
    }
    // As the runner does: what an emulated program gets from mmap depends on the emulator's own addresses.
    let mut command = Command::new("setarch");
    command.args(["--addr-no-randomize", &name]);
    Some(command)
}

/// Runs `words` under the emulator with the plugin; the environment is the emulator's, and not given to the program.
fn run(words: &[&str], environment: &[(&str, &str)]) -> Option<(ExitStatus, Option<Counts>)> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("counts.json");
    let plugin = artifact("libweighbridge_instructions.so");
    let mut command = emulator()?;
    command.env_clear().envs(environment.iter().copied()).args(["-cpu", "max", "-seed", "1"]);
    command.args(["-E", "MIMALLOC_PURGE_DELAY=-1"]);
    for (name, _) in environment {
        command.args(["-U", name]);
    }
    command.arg("-plugin").arg(format!("{},out={}", plugin.display(), file.display()));
    command.arg(artifact("weighbridge-native")).args(words);
    let output = command.output().unwrap();
    let text = std::fs::read_to_string(&file).ok();
    Some((output.status, text.map(|text| serde_json::from_str(&text).unwrap())))
}

fn count(words: &[&str], environment: &[(&str, &str)]) -> Option<Counts> {
    let (status, counts) = run(words, environment)?;
    assert!(status.success(), "{status}");
    Some(counts.unwrap())
}

fn corpus(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus");
    folder.join(name).to_str().unwrap().to_owned()
}

#[test]
#[ignore = "needs built artifacts: cargo xtask test sets them"]
fn the_same_program_gives_the_same_digits() {
    let image = corpus("silhouette-alpha.png");
    let words = [
        "call",
        "--method=POST",
        "--path=/v1/images/transform?op=grayscale",
        "--content-type=image/png",
        "--iterations=6",
        "--body",
        &image,
    ];
    let Some(first) = count(&words, &[]) else { return };
    let second = count(&words, &[]).unwrap();
    let (calls, again) = (first.calls(), second.calls());
    // A start, a first call and, on a loaded machine, one later call may wait for something once, and then ask
    // again: 433 instructions of 5.9 million, in one of 24 runs. All others agree to the digit.
    let alike = |a: u64, b: u64| a.abs_diff(b) <= a / 1000;
    let differing = || calls.iter().zip(&again).skip(1).filter(|(a, b)| a != b);
    assert!(differing().count() <= 1, "{calls:?} {again:?}");
    assert!(differing().all(|(a, b)| alike(*a, *b)), "{calls:?} {again:?}");
    assert!(alike(first.markers[0], second.markers[0]), "{first:?} {second:?}");
    assert!(alike(calls[0], again[0]), "{calls:?} {again:?}");
    assert_eq!((first.target.as_str(), first.vcpus), (std::env::consts::ARCH, 1));
    assert_eq!(first.markers.len(), 7);
    assert!(first.total > *first.markers.last().unwrap());
}

/// Whatever the emulator takes for a block of code, and however often it enters an instruction that repeats itself.
#[test]
#[ignore = "needs built artifacts: cargo xtask test sets them"]
fn single_steps_add_up_to_the_same() {
    let words = ["call", "--path=/healthz", "--iterations=2"];
    let Some(blocks) = count(&words, &[]) else { return };
    // The name until QEMU 8.0, and the one since then.
    let steps = [("QEMU_SINGLESTEP", "1"), ("QEMU_ONE_INSN_PER_TB", "1")];
    let steps = count(&words, &steps).unwrap();
    assert_eq!(blocks.calls(), steps.calls());
    // A block that is left early, by a write to a page that holds translated code too, was counted whole.
    let (ready, stepped) = (blocks.markers[0], steps.markers[0]);
    assert!(ready >= stepped && ready - stepped <= ready / 1000, "{blocks:?} {steps:?}");
}

#[test]
#[ignore = "needs built artifacts: cargo xtask test sets them"]
fn each_call_costs_the_same_however_many_there_are() {
    let words = |iterations| ["call", "--path=/healthz", "--iterations", iterations];
    let Some(four) = count(&words("4"), &[]) else { return };
    let eight = count(&words("8"), &[]).unwrap();
    assert_eq!(eight.calls().len(), 8);
    assert_eq!(four.calls()[0], eight.calls()[0]);
    // Now and then the allocator has something to tidy up: the median is the call itself.
    let median = |counts: &Counts| {
        let mut steady = counts.calls()[1..].to_vec();
        steady.sort_unstable();
        steady[steady.len() / 2]
    };
    assert_eq!(median(&four), median(&eight), "{four:?} {eight:?}");
}

#[test]
#[ignore = "needs built artifacts: cargo xtask test sets them"]
fn a_program_without_markers_has_a_total() {
    let Some(counts) = count(&["--version"], &[]) else { return };
    assert!(counts.markers.is_empty() && counts.total > 0);
}

//! Runs that are killed: nothing is lost, nothing is measured twice, nothing is left behind.

use crate::common::*;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use weighbridge_schema::manifest::Availability;
use weighbridge_schema::plan::{Cell, Trial};
use weighbridge_schema::record::Outcome;

pub fn a_killed_run_leaves_no_bundle_to_the_next() {
    if !is_root() {
        return check_refused(
            &["cold-start", "--subject", "runc", "--profile", "smoke"],
            "needs root here",
        );
    }
    let subjects = ["crun", "containerd-runc", "runwasi"];
    let known = availabilities(&["memory"]);
    for subject in subjects {
        match &known[subject] {
            Availability::Installed { .. } => kill_a_run_of(subject),
            // Nobody has asked set-up for it.
            Availability::NotInstalled { reason, .. } => left_out(subject, reason),
        }
    }
}

/// Kills a run while a container of `subject` is there, and has the next one clear up. What the container was made
/// of stays as it was.
fn kill_a_run_of(subject: &str) {
    let before = made_of();
    let results = tempfile::tempdir().unwrap();
    let arguments = ["memory", "--profile", "quick", "--subject", subject, "--workload", "healthz"];
    let mut child = runner(results.path(), &arguments).stdout(Stdio::null()).spawn().unwrap();
    let running = || {
        let bundles = std::fs::read_dir("/run/weighbridge-bundles").into_iter().flatten().flatten();
        bundles.filter(|bundle| bundle.path().join("pid").exists()).count()
    };
    while running() == 0 {
        if let Some(status) = child.try_wait().unwrap() {
            panic!("{subject}: it ended before it could be killed ({status})");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(running() > 0, "{subject}: the container lives on by itself");
    let next = tempfile::tempdir().unwrap();
    let arguments = ["cold-start", "--profile", "smoke", "--subject", "native"];
    succeed(&runner(next.path(), &arguments).output().unwrap());
    assert_nothing_is_left();
    assert_eq!(processes(), 0, "{subject}");
    assert!(!Path::new("/run/weighbridge-containerd").exists(), "{subject}");
    assert_eq!(made_of(), before, "{subject}");
}

/// The files that a container is made of, with their sizes.
fn made_of() -> BTreeSet<(String, u64)> {
    let entries = std::fs::read_dir(artifacts()).unwrap().flatten();
    entries
        .map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            (name, entry.metadata().unwrap().len())
        })
        .collect()
}

/// Numbers that look random and are the same every time (Vigna's splitmix64).
fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Ends the runner by SIGKILL, SIGTERM and SIGINT in turn, at twenty moments that a seed chooses, and goes on
/// each time: the run ends with exactly the trials of its plan.
pub fn killed_twenty_times_a_run_ends_with_the_same_trials() {
    use rustix::process::{Pid, Signal, kill_process};
    let results = tempfile::tempdir().unwrap();
    let mut chosen = vec!["cold-start", "--profile", "quick", "--workload", "healthz", "--subject"];
    chosen.push(if engine_is_there() {
        "native,wasmtime-aot,docker-scratch"
    } else {
        "native,wasmtime-aot"
    });
    let mut random = 7;
    let mut run: Option<String> = None;
    let mut kills_count = 0;
    while kills_count < 20 {
        let arguments = match &run {
            Some(run) => vec!["--resume", run.as_str()],
            None => chosen.clone(),
        };
        let mut child = runner(results.path(), &arguments).stdout(Stdio::null()).spawn().unwrap();
        // Reading the artifacts takes some of it; the rest falls into the trials.
        std::thread::sleep(Duration::from_millis(20 + splitmix(&mut random) % 400));
        let signal = [Signal::KILL, Signal::TERM, Signal::INT][kills_count % 3];
        kill_process(Pid::from_child(&child), signal).unwrap();
        let status = child.wait().unwrap();
        kills_count += 1;
        let partial = std::fs::read_dir(results.path())
            .unwrap()
            .filter_map(|entry| Some(entry.ok()?.path()))
            .find(|path| path.extension().is_some_and(|e| e == "partial"));
        match partial {
            Some(path) => run = Some(path.file_stem().unwrap().to_string_lossy().into_owned()),
            // Complete before the signal came: the next one gets a run of its own.
            None if run.is_some() && status.success() => {
                check_complete(results.path());
                std::fs::remove_dir_all(only_run(results.path(), "quick")).unwrap();
                run = None;
            }
            // Ended before the manifest was written: nothing to resume.
            None => {}
        }
    }
    let rest = run.as_ref().map_or(chosen, |run| vec!["--resume", run.as_str()]);
    succeed(&runner(results.path(), &rest).output().unwrap());
    check_complete(results.path());
    assert_eq!(processes(), 0);
    // Nor the control groups of processes, whose runner could not remove them.
    assert_nothing_is_left();
}

/// The only run in `results` holds what an undisturbed one would: no visit twice, none missing.
fn check_complete(results: &Path) {
    let run = only_run(results, "quick");
    let (manifest, observations) = read(&run);
    let mut visits = BTreeSet::new();
    for observation in &observations {
        assert_eq!(observation.outcome, Outcome::Ok, "{}", observation.trial.cell);
        assert!(visits.insert((&observation.trial, observation.repeat)), "measured twice");
    }
    // Nothing is missing: the least invocations of each cell are there, and within a cell no number is left
    // out before the last one.
    let planned: BTreeSet<&Trial> = manifest.plan.iter().collect();
    let measured: BTreeSet<&Trial> = observations.iter().map(|o| &o.trial).collect();
    assert!(measured.is_subset(&planned));
    for trial in &measured {
        let before = planned
            .iter()
            .filter(|p| p.cell == trial.cell && p.invocation < trial.invocation)
            .all(|p| measured.contains(*p));
        assert!(before, "a visit to {} is missing before {}", trial.cell, trial.invocation);
    }
    let stops = std::fs::read_to_string(run.join("stops.json"));
    let stops: Vec<weighbridge_schema::stop::Stop> = serde_json::from_str(&stops.unwrap()).unwrap();
    let ended: BTreeSet<&Cell> = stops.iter().map(|stop| &stop.cell).collect();
    assert_eq!(ended, planned.iter().map(|trial| &trial.cell).collect(), "every cell ended");
    for stop in &stops {
        let count = measured.iter().filter(|t| t.cell == stop.cell).count();
        assert_eq!(count, stop.invocations_count as usize, "{}", stop.cell);
    }
}

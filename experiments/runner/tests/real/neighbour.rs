//! A victim beside an aggressor for real: every attack in every packing that needs no engine, and a run that is killed.

use crate::common::*;
use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::{Duration, Instant};
use weighbridge_schema::attack::Attack;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::parameter::Parameter;
use weighbridge_schema::record::{Observation, Outcome};

/// What starts and ends within milliseconds.
const SUBJECTS: &str = "native,crun,wasmtime-aot,wasmtime-tenants";

/// Looks at a visit of a smoke run, whose windows are too short for a p99.
fn check(subject: &str, attack: Attack, seen: &Observation) {
    let place = format!("{subject}, {attack}: {:?} {:?}", seen.outcome, seen.remarks);
    if let Outcome::Failed { reason, .. } = &seen.outcome
        && reason.starts_with("not asked: less than")
    {
        return left_out(&format!("{subject}, {attack}"), reason);
    }
    assert_eq!(seen.outcome, Outcome::Ok, "{place}");
    let metric = |metric: Metric| seen.metrics.get(&metric).copied();
    assert_eq!(metric(Metric::LatencyP99), None, "{place}");
    let is_wasm = subject.starts_with("wasmtime");
    if attack == Attack::Disk && is_wasm {
        // Nobody has handed a folder to it.
        assert_eq!(metric(Metric::AttackActs), Some(0), "{place}");
        assert_eq!(metric(Metric::LatencyP50), None, "{place}");
        assert!(seen.remarks.join(" ").contains("nothing to write to"), "{place}");
        return;
    }
    for known in [Metric::BeforeLatencyP50, Metric::LatencyP50, Metric::RequestsCompleted] {
        assert!(metric(known) > Some(0), "{known}: {place}");
    }
    let acts = metric(Metric::AttackActs);
    match attack {
        Attack::None => assert_eq!(acts, None, "{place}"),
        // All of its requests at once, whatever works on them.
        Attack::Spin => assert_eq!(acts, Some(32), "{place}"),
        Attack::Allocate | Attack::Connections | Attack::Disk => {
            assert!(acts > Some(0), "{place}");
        }
    }
}

pub fn a_victim_is_loaded_before_every_attack_and_during_it() {
    let results = tempfile::tempdir().unwrap();
    let arguments = ["neighbour", "--profile", "smoke", "--subject", SUBJECTS];
    succeed(&runner(results.path(), &arguments).output().unwrap());
    let (_, observations) = read(&only_run(results.path(), "smoke"));
    let mut seen: BTreeMap<(&str, Attack), &Observation> = BTreeMap::new();
    for observation in planned_visits(&observations) {
        let cell = &observation.trial.cell;
        let Parameter::Attack(attack) = cell.parameter else { panic!("{cell}") };
        seen.insert((cell.subject.as_str(), attack), observation);
    }
    for subject in SUBJECTS.split(',') {
        if subject == "crun" && !is_installed(subject) {
            left_out(subject, "not installed, or no root");
            continue;
        }
        for &attack in Attack::ALL {
            check(subject, attack, seen[&(subject, attack)]);
        }
    }
    assert_nothing_is_left();
    assert_eq!(processes(), 0);
}

/// Kills a run while victim and aggressor stand, and has the next one clear up.
pub fn a_neighbour_that_is_killed_leaves_nothing_to_the_next() {
    let results = tempfile::tempdir().unwrap();
    let arguments = ["neighbour", "--profile", "quick", "--subject", "native"];
    let mut child = runner(results.path(), &arguments).stdout(Stdio::null()).spawn().unwrap();
    let begun = Instant::now();
    while processes() < 2 {
        assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
        assert!(begun.elapsed() < Duration::from_secs(60), "{}", processes());
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(processes() > 0, "nobody lives on, so nothing is left to clear up");
    let next = tempfile::tempdir().unwrap();
    let arguments = ["cold-start", "--profile", "smoke", "--subject", "native"];
    succeed(&runner(next.path(), &arguments).output().unwrap());
    assert_nothing_is_left();
    assert_eq!(processes(), 0);
}

fn is_installed(subject: &str) -> bool {
    use weighbridge_schema::manifest::Availability;
    matches!(availabilities(&["neighbour"])[subject], Availability::Installed { .. })
}

//! Attempts that nobody should be able to do, with real parts: whatever of the definition's subjects is installed.

use crate::common::*;
use std::collections::BTreeMap;
use weighbridge_schema::isolation::{Attempt, Denial, Isolation, Verdict};
use weighbridge_schema::manifest::{Availability, Manifest};
use weighbridge_schema::metric::Metric;
use weighbridge_schema::record::Outcome;
use weighbridge_schema::subject::Technology;

/// What each installed subject showed.
fn visited() -> (Manifest, BTreeMap<String, Isolation>) {
    let results = tempfile::tempdir().unwrap();
    succeed(&runner(results.path(), &["isolation", "--profile", "smoke"]).output().unwrap());
    let (manifest, observations) = read(&only_run(results.path(), "smoke"));
    let mut seen = BTreeMap::new();
    for observation in planned_visits(&observations) {
        let subject = observation.trial.cell.subject.to_string();
        assert_eq!(observation.outcome, Outcome::Ok, "{subject}");
        let isolation = observation.isolation.clone().unwrap();
        let counted = |metric| observation.metrics[&metric];
        assert_eq!(counted(Metric::AttemptsPossible), isolation.possible_count(), "{subject}");
        assert_eq!(counted(Metric::AttemptsAnswered), isolation.answered_count(), "{subject}");
        seen.insert(subject, isolation);
    }
    (manifest, seen)
}

pub fn every_attempt_is_answered_and_a_process_can_do_what_a_guest_cannot() {
    let (manifest, seen) = visited();
    let installed = manifest
        .subjects
        .iter()
        .filter(|(_, entry)| matches!(entry.availability, Availability::Installed { .. }));
    for (name, entry) in installed {
        let isolation = &seen[name.as_str()];
        let tried: Vec<Attempt> = isolation.tried.iter().map(|tried| tried.attempt).collect();
        assert_eq!(tried, Attempt::ALL, "{name}");
        for tried in &isolation.tried {
            assert!(tried.went.is_some(), "{name}: {tried:?}");
        }
        let is_guest = entry.definition.technology == Technology::Wasm;
        assert_eq!(isolation.confinement.is_none(), is_guest, "{name}");
        for attempt in [Attempt::Fork, Attempt::Mount, Attempt::Trace] {
            let has_none = isolation.verdict(attempt) == Some(Verdict::Denied(Denial::Interface));
            assert_eq!(has_none, is_guest, "{name}: {attempt:?} of {:?}", isolation.tried);
        }
        let is_contained =
            |attempt| isolation.verdict(attempt) == Some(Verdict::Denied(Denial::Instance));
        assert!(is_guest || !is_contained(Attempt::Trap), "{name}: {:?}", isolation.tried);
    }
    let verdict = |subject: &str, attempt| seen[subject].verdict(attempt);
    for attempt in [Attempt::HostFile, Attempt::Processes, Attempt::SocketLoopback] {
        assert_eq!(verdict("native", attempt), Some(Verdict::Possible), "{attempt:?}");
    }
    for (attempt, denial) in [
        (Attempt::HostFile, Denial::Capability),
        (Attempt::SocketLoopback, Denial::Capability),
        (Attempt::SocketOut, Denial::Capability),
        (Attempt::Environment, Denial::Capability),
        (Attempt::Allocate, Denial::Limit),
        (Attempt::Spin, Denial::Limit),
        (Attempt::Recurse, Denial::Instance),
        (Attempt::Trap, Denial::Instance),
    ] {
        let expected = Some(Verdict::Denied(denial));
        assert_eq!(verdict("wasmtime-aot", attempt), expected, "{attempt:?}");
    }
    for container in ["docker-scratch", "podman", "crun", "runc"] {
        if !seen.contains_key(container) {
            left_out(container, "it is not installed here");
            continue;
        }
        for attempt in [Attempt::HostFile, Attempt::Processes, Attempt::Trace] {
            let expected = Some(Verdict::Denied(Denial::Namespace));
            assert_eq!(verdict(container, attempt), expected, "{container}: {attempt:?}");
        }
    }
    assert_nothing_is_left();
    assert_eq!(processes(), 0, "a process is left");
}

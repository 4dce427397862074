//! Operations that nobody should be able to do, with real parts: whatever of the definition's subjects is installed.

use crate::common::*;
use std::collections::BTreeMap;
use weighbridge_schema::isolation::{Denial, Isolation, Operation, Verdict};
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
        assert_eq!(counted(Metric::OperationsPossible), isolation.possible_count(), "{subject}");
        assert_eq!(counted(Metric::OperationsAnswered), isolation.answered_count(), "{subject}");
        seen.insert(subject, isolation);
    }
    (manifest, seen)
}

pub fn every_operation_is_answered_and_a_process_can_do_what_a_guest_cannot() {
    let (manifest, seen) = visited();
    let installed = manifest
        .subjects
        .iter()
        .filter(|(_, entry)| matches!(entry.availability, Availability::Installed { .. }));
    for (name, entry) in installed {
        let isolation = &seen[name.as_str()];
        let tried: Vec<Operation> = isolation.tried.iter().map(|tried| tried.operation).collect();
        assert_eq!(tried, Operation::ALL, "{name}");
        for tried in &isolation.tried {
            assert!(tried.went.is_some(), "{name}: {tried:?}");
        }
        let is_guest = entry.definition.technology == Technology::Wasm;
        assert_eq!(isolation.confinement.is_none(), is_guest, "{name}");
        for operation in [Operation::Fork, Operation::Mount, Operation::Trace] {
            let has_none = isolation.verdict(operation) == Some(Verdict::Denied(Denial::Interface));
            assert_eq!(has_none, is_guest, "{name}: {operation:?} of {:?}", isolation.tried);
        }
        let is_contained =
            |operation| isolation.verdict(operation) == Some(Verdict::Denied(Denial::Instance));
        assert!(is_guest || !is_contained(Operation::Trap), "{name}: {:?}", isolation.tried);
    }
    let verdict = |subject: &str, operation| seen[subject].verdict(operation);
    for operation in [Operation::HostFile, Operation::Processes, Operation::SocketLoopback] {
        assert_eq!(verdict("native", operation), Some(Verdict::Possible), "{operation:?}");
    }
    for (operation, denial) in [
        (Operation::HostFile, Denial::Capability),
        (Operation::SocketLoopback, Denial::Capability),
        (Operation::SocketOut, Denial::Capability),
        (Operation::Environment, Denial::Capability),
        (Operation::Allocate, Denial::Limit),
        (Operation::Spin, Denial::Limit),
        (Operation::Recurse, Denial::Instance),
        (Operation::Trap, Denial::Instance),
    ] {
        let expected = Some(Verdict::Denied(denial));
        assert_eq!(verdict("wasmtime-aot", operation), expected, "{operation:?}");
    }
    for container in ["docker-scratch", "podman", "crun", "runc"] {
        if !seen.contains_key(container) {
            left_out(container, "it is not installed here");
            continue;
        }
        for operation in [Operation::HostFile, Operation::Processes, Operation::Trace] {
            let expected = Some(Verdict::Denied(Denial::Namespace));
            assert_eq!(verdict(container, operation), expected, "{container}: {operation:?}");
        }
    }
    assert_nothing_is_left();
    assert_eq!(processes(), 0, "a process is left");
}

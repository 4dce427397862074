//! Operations within a process, from the definition to the observation: the program and the schema name the same ones.

use crate::common::*;
use std::collections::BTreeMap;
use weighbridge_schema::manifest::Availability;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::record::Outcome;

pub fn every_operation_is_timed_in_native_code_and_in_wasm() {
    let results = tempfile::tempdir().unwrap();
    let arguments = ["operations", "fib", "--profile", "smoke"];
    succeed(&runner_without_engines(results.path(), &arguments).output().unwrap());
    let (manifest, observations) = read(&only_run(results.path(), "smoke"));
    let planned = planned_visits(&observations);
    assert_eq!(planned.len(), manifest.plan.len());
    let mut cpu_ns = BTreeMap::new();
    for observation in planned {
        let cell = &observation.trial.cell;
        assert_eq!(observation.outcome, Outcome::Ok, "{cell}");
        let found = observation.metrics[&Metric::OperationCpu];
        assert!(found > 10_000, "{cell}: {found} ns is less than a call of the system");
        cpu_ns.insert((cell.parameter.to_string(), cell.subject.to_string()), found);
    }
    // A whole request holds its decoder, and fib is some hundred million calls, whatever runs them.
    let of = |operation: &str, subject: &str| {
        cpu_ns[&(format!("operation={operation}"), subject.to_owned())]
    };
    for subject in ["operations-native", "operations-wasm"] {
        assert!(of("thumbnail", subject) > of("resize", subject), "{subject}: {cpu_ns:?}");
        assert!(of("fib-40", subject) > 50_000_000, "{subject}: {cpu_ns:?}");
    }
    for ours in ["operations-native-128", "operations-wasm-unchecked"] {
        let entry = &manifest.subjects[&ours.parse().unwrap()];
        assert!(matches!(entry.availability, Availability::Installed { .. }), "{ours}");
    }
}

//! Instruction counts, from the definition to the observation, under an emulator of this machine's architecture.

use crate::common::*;
use std::collections::BTreeMap;
use std::process::Command;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::record::Outcome;

pub fn two_invocations_count_the_same() {
    let emulator = format!("qemu-{}", std::env::consts::ARCH);
    let Ok(help) = Command::new(&emulator).arg("-h").output() else {
        return left_out("instruction counts", &format!("{emulator} is not installed"));
    };
    // Debian links it statically since its version 13, and then it loads none.
    if !String::from_utf8_lossy(&help.stdout).contains("-plugin") {
        return left_out("instruction counts", &format!("{emulator} was built without plugins"));
    }
    let results = tempfile::tempdir().unwrap();
    let arguments = ["instructions", "--profile", "quick"];
    let workloads = ["--workload", "healthz", "--workload", "op-png"];
    let output = runner_without_engines(results.path(), &[&arguments[..], &workloads].concat())
        .output()
        .unwrap();
    succeed(&output);
    let (_, observations) = read(&only_run(results.path(), "quick"));
    let mut cells = BTreeMap::new();
    for observation in &observations {
        let cell = observation.trial.cell.clone();
        assert_eq!(observation.outcome, Outcome::Ok, "{cell}");
        assert!(observation.emulated, "{cell}");
        let of = |metric: Metric| observation.metrics[&metric];
        let calls = (of(Metric::InstructionsFirstCall), of(Metric::InstructionsPerCall));
        assert!(calls.0 > 0 && calls.1 > 0, "{cell}: {calls:?}");
        let ready = of(Metric::InstructionsToReady);
        let Some((calls_before, ready_before)) = cells.insert(cell.to_string(), (calls, ready))
        else {
            continue;
        };
        // To the digit nearly always; what the allocator tidies up has a clock, and once a pair differed by 38 of 3.1
        // million on a busy machine.
        let nearly = calls.1.abs_diff(calls_before.1) <= calls.1 / 1000;
        assert!(nearly, "{cell}: {calls:?} {calls_before:?}");
        // Hash tables of the Wasm engine are seeded by the time.
        let alike = |a: u64, b: u64| a.abs_diff(b) <= a / 100;
        assert!(alike(calls.0, calls_before.0), "{cell}: {calls:?} {calls_before:?}");
        assert!(alike(ready, ready_before), "{cell}: {ready} {ready_before}");
    }
    assert_eq!((observations.len(), cells.len()), (8, 4), "two subjects, two workloads, twice");
}

//! A service that waits for a backend, for real: whatever of the definition's subjects is installed.

use crate::common::*;
use std::collections::BTreeMap;
use weighbridge_schema::manifest::Availability;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::parameter::Parameter;
use weighbridge_schema::record::{Observation, Outcome};

/// The longest delay of the definition, microseconds.
const LONGEST_US: u32 = 50_000;

pub fn what_a_backend_answers_is_answered_after_its_delay_by_every_arm() {
    let results = tempfile::tempdir().unwrap();
    succeed(&runner(results.path(), &["waiting", "--profile", "smoke"]).output().unwrap());
    let (manifest, observations) = read(&only_run(results.path(), "smoke"));
    let mut longest: BTreeMap<&str, &Observation> = BTreeMap::new();
    for seen in planned_visits(&observations) {
        let subject = seen.trial.cell.subject.as_str();
        let Parameter::Delay(delay_us) = seen.trial.cell.parameter else { panic!("{seen:?}") };
        assert_eq!(seen.outcome, Outcome::Ok, "{subject} {delay_us}: {:?}", seen.remarks);
        let metric = |metric: Metric| seen.metrics[&metric];
        // Each answer was compared with the one that only the backend knew.
        assert!(metric(Metric::RequestsCompleted) >= 64, "{subject} {delay_us}");
        assert_eq!(metric(Metric::RequestsFailed), 0, "{subject}: {:?}", seen.remarks);
        let delay_ns = u64::from(delay_us) * 1_000;
        assert!(metric(Metric::BackendDelay) >= delay_ns, "{subject} {delay_us}");
        assert!(metric(Metric::LatencyP50) >= delay_ns, "{subject} {delay_us}");
        assert!(metric(Metric::WaitingShare) <= 100, "{subject} {delay_us}");
        assert!(metric(Metric::ServerCpu) > 0 && metric(Metric::ClientCpu) > 0, "{subject}");
        if delay_us == LONGEST_US {
            longest.insert(subject, seen);
        }
    }
    for subject in ["native", "wasmtime-aot"] {
        let seen = longest[subject];
        // 64 requests wait at once, by default twice as many as our host has instances.
        assert!(seen.metrics[&Metric::WaitingPss] > 0, "{subject}: {:?}", seen.remarks);
        assert!(seen.metrics[&Metric::WaitingShare] > 0, "{subject}");
    }
    for (name, entry) in &manifest.subjects {
        if let Availability::NotInstalled { reason, .. } = &entry.availability {
            left_out(name.as_str(), reason);
        }
    }
    assert_nothing_is_left();
    assert_eq!(processes(), 0, "a process is left");
}

/// Without the option the host refuses the request of the guest, and the visit says so.
pub fn a_host_that_lets_nothing_out_is_a_failure_and_not_a_number() {
    let questions = Questions::copy();
    questions.change("definitions/waiting.toml", |text| {
        text.replace("[\"--allow-loopback\", ", "[")
            .replace("delays_us = [0, 100, 1000, 10000, 50000]", "delays_us = [0]")
            .lines()
            .filter(|line| !line.starts_with("\"delay-us="))
            .map(|line| format!("{line}\n"))
            .collect()
    });
    succeed(&questions.run(&["waiting", "--profile", "smoke", "--subject", "wasmtime-aot"]));
    let (_, observations) = read(&only_run(&questions.results(), "smoke"));
    let mut refused = 0;
    for seen in planned_visits(&observations) {
        let is_host = seen.trial.cell.subject.as_str() == "wasmtime-aot";
        match &seen.outcome {
            Outcome::Ok => assert!(!is_host, "{seen:?}"),
            Outcome::Failed { stage, reason } => {
                assert!(is_host && stage == "first response", "{seen:?}");
                assert!(reason.contains("502") && reason.contains("Denied"), "{reason}");
                refused += 1;
            }
        }
    }
    assert_eq!(refused, 1);
    assert_nothing_is_left();
    assert_eq!(processes(), 0);
}

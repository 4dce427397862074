//! Loads that are replayed for real: to instances that are always on, to some that scale to zero, and to one host of
//! all of them.

use crate::common::*;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::parameter::Parameter;
use weighbridge_schema::record::Outcome;

/// What starts and ends within milliseconds, in each packing that needs no engine.
const SUBJECTS: &str = "native,wasmtime-aot,wasmtime-tenants";

/// Two loads: always on, and ended after 50 ms, in a window in which each tenant is asked some twenty times.
const LOADS: &str = r#"
loads = [
    { workload = "healthz", tenants = 3, rate_per_minute = 1200, arrivals = "bursts" },
    { workload = "healthz", tenants = 3, rate_per_minute = 1200, arrivals = "poisson", idle_timeout_ms = 50 },
]
loads_most"#;

pub fn loads_are_replayed_under_both_policies_and_what_they_took_is_in_the_log() {
    let questions = Questions::copy();
    questions.change("definitions/replay.toml", |text| {
        let (before, rest) = text.split_once("\nloads = [").unwrap();
        let (_, after) = rest.split_once("\nloads_most").unwrap();
        let text = format!("{before}{LOADS}{after}");
        text.replace("on_ms = 500, off_ms = 1500", "on_ms = 50, off_ms = 50")
            .replace("measure_ms = 300 }", "measure_ms = 1000 }")
            .replace("[\"healthz\", \"thumbnail\"]", "[\"healthz\"]")
    });
    succeed(&questions.run(&["replay", "--profile", "smoke", "--subject", SUBJECTS]));
    let (_, observations) = read(&only_run(&questions.results(), "smoke"));
    let seen = planned_visits(&observations);
    assert_eq!(seen.len(), 3 * 2, "three subjects, two loads");
    let mut requests_count = [Vec::new(), Vec::new()];
    for observation in seen {
        let cell = &observation.trial.cell;
        let (subject, place) = (cell.subject.as_str(), format!("{cell}"));
        assert_eq!(observation.outcome, Outcome::Ok, "{place}: {:?}", observation.remarks);
        let metric = |metric: Metric| observation.metrics.get(&metric).copied();
        let known = |of: Metric| metric(of).unwrap_or_else(|| panic!("{place}: no {of}"));
        assert_eq!(known(Metric::RequestsFailed), 0, "{place}: {:?}", observation.remarks);
        assert!(known(Metric::PackingCpu) > 0 && known(Metric::PackingPss) > 0, "{place}");
        assert!(known(Metric::PackingPssPeak) >= known(Metric::PackingPss), "{place}");
        assert!(known(Metric::LatencyP99) >= known(Metric::LatencyP50), "{place}");
        assert_eq!(known(Metric::Measured), 1_000_000_000, "{place}");
        let completed_count = known(Metric::RequestsCompleted);
        let starts_count = metric(Metric::StartsMet);
        match (cell.parameter, subject) {
            (Parameter::Replay(1), _) => assert_eq!(starts_count, Some(0), "{place}"),
            (_, "wasmtime-tenants") => assert_eq!(starts_count, None, "{place}: it does not say"),
            // A gap is longer than 50 ms in 37 of a hundred cases.
            _ => assert!(starts_count.is_some_and(|n| 0 < n && n < completed_count), "{place}"),
        }
        let Parameter::Replay(number) = cell.parameter else { panic!("{place}") };
        requests_count[number as usize - 1].push(completed_count);
    }
    for of_load in requests_count {
        assert!(of_load[0] > 0);
        assert!(of_load.iter().all(|count| *count == of_load[0]), "all are asked the same");
    }
    assert_nothing_is_left();
    assert_eq!(processes(), 0);
}

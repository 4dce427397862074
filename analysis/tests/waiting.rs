//! A service that waits for a backend: what its table and figure show of a difference that shrinks by the clock, stays
//! in CPU time and grows in memory, and what is unknown.

#![allow(clippy::unwrap_used, reason = "clippy knows test functions, not their helpers")]

use crate::support::rendered::rendered;
use crate::support::{Fixture, analyse, key};
use std::collections::BTreeMap;
use weighbridge_analysis::explain::explain;
use weighbridge_analysis::load::load;
use weighbridge_schema::manifest::ExperimentEntry;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::parameter::Parameter;
use weighbridge_schema::quantity::Quantity;
use weighbridge_schema::record::Observation;

const DEFINITION: &str = r#"
question = "What of waiting?"
[asked_of]
"delay-us=10000" = ["native", "wasmtime-aot"]
[method.waiting]
in_place_of = {}
delays_us = [0, 10000]
backend_requests = 1
connections = 64
rest_ms = 1
warmup_ms = 1
"#;
const NAMES: [&str; 3] = ["native", "docker-scratch", "wasmtime-aot"];
const SECOND_NS: u64 = 1_000_000_000;

/// One window: three times the CPU time for each request, and twenty times the memory, of a guest.
fn metrics(subject: &str, delay_us: u32) -> BTreeMap<Metric, u64> {
    let is_guest = subject == "wasmtime-aot";
    let (each_ns, memory_bytes) = if is_guest { (90_000, 327_680) } else { (30_000, 16_384) };
    let (rate, percent, client_cpu_ns) = match (delay_us, is_guest) {
        (0, false) => (30_000, 0, SECOND_NS / 10 * 8),
        (0, true) => (10_000, 0, SECOND_NS / 10 * 3),
        (_, false) => (6_400, 99, SECOND_NS / 10),
        (_, true) => (6_080, 95, SECOND_NS / 10),
    };
    BTreeMap::from([
        (Metric::RequestsCompleted, rate + 1),
        (Metric::CompletionsSpan, SECOND_NS),
        (Metric::Measured, SECOND_NS),
        (Metric::ServerCpu, (rate + 1) * each_ns),
        (Metric::ClientCpu, client_cpu_ns),
        (Metric::BackendDelay, u64::from(delay_us) * 1_000 + 50),
        (Metric::WaitingShare, percent),
        (Metric::Pss, 4 << 20),
        (Metric::WaitingPss, memory_bytes),
    ])
}

/// The fixture, and a service that waits beside; a container under no delay alone.
fn waited(invocations: u32) -> Fixture {
    let mut fixture = Fixture::new(invocations);
    let entry = ExperimentEntry {
        question: "What of waiting?".to_owned(),
        baseline: "native".parse().unwrap(),
        subjects: NAMES.iter().map(|name| name.parse().unwrap()).collect(),
        workloads: Vec::new(),
        definition_toml: DEFINITION.to_owned(),
    };
    fixture.manifest.experiments.insert("waiting".parse().unwrap(), entry);
    let loads = |seen: &&Observation| {
        let trial = &seen.trial;
        trial.experiment.as_str() == "throughput"
            && trial.cell.parameter == Parameter::Concurrency(1)
            && trial.cell.workload.as_ref().is_some_and(|name| name.as_str() == "healthz")
            && NAMES.contains(&trial.cell.subject.as_str())
    };
    let loads: Vec<Observation> = fixture.observations.iter().filter(loads).cloned().collect();
    for (delay_us, seen) in [0, 10_000].into_iter().flat_map(|n| loads.iter().map(move |o| (n, o)))
    {
        let mut seen = seen.clone();
        let subject = seen.trial.cell.subject.to_string();
        if subject == "docker-scratch" && delay_us > 0 {
            continue;
        }
        seen.position = fixture.manifest.plan.len() as u64;
        seen.trial.experiment = "waiting".parse().unwrap();
        seen.trial.cell.workload = None;
        seen.trial.cell.parameter = Parameter::Delay(delay_us);
        seen.metrics = metrics(&subject, delay_us);
        seen.histogram = None;
        fixture.manifest.plan.push(seen.trial.clone());
        fixture.observations.push(seen);
    }
    fixture
}

#[test]
fn a_difference_shrinks_by_the_clock_and_neither_in_cpu_time_nor_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    waited(8).write(folder.path());
    let run = load(folder.path()).unwrap();
    let results = analyse(&run, &[]);
    let ratio = |parameter: &str, metric: Metric| {
        let cell = key("waiting", "wasmtime-aot", None, parameter);
        results.comparison(&cell, Quantity::Metric(metric)).unwrap().ratio.unwrap()
    };
    let third = 1.0 / 3.0;
    for (parameter, by_clock) in [("delay-us=0", third), ("delay-us=10000", 0.95)] {
        for (metric, expected) in [
            (Metric::RequestsPerSecond, by_clock),
            (Metric::RequestsPerCpuSecond, third),
            (Metric::WaitingPss, 20.0),
        ] {
            let found = ratio(parameter, metric);
            assert!((found - expected).abs() < 1e-9, "{parameter} {metric}: {found}");
        }
    }
    let share = key("waiting", "wasmtime-aot", None, "delay-us=10000");
    let share_of = Quantity::Metric(Metric::WaitingShare);
    assert!(results.comparison(&share, share_of).is_none(), "a share has no ratio");
    let name = "waiting/-/delay-us=10000/wasmtime-aot/waiting_pss";
    assert!(explain(&run, &results, name).unwrap().contains("20.0"));
}

#[test]
fn the_table_and_the_figure_have_the_share_of_waiting_beside_the_ratios() {
    let files = rendered(&waited(8));
    let table = &files["paper/table-waiting.tex"];
    let (at_once, later) = table.split_once("backend answers after 10 ms").unwrap();
    assert!(at_once.contains("backend answers at once"), "{table}");
    let row = |text: &str, subject: &str| {
        let begin = format!("{subject} & ");
        let row = text.lines().find(|line| line.starts_with(&begin));
        row.unwrap_or_else(|| panic!("{subject} is not in {text}")).to_owned()
    };
    // The baseline kept its client busy for 80 % of the window.
    assert!(row(at_once, "wasmtime-aot").contains("generator-limited"), "{at_once}");
    let guest = row(later, "wasmtime-aot");
    assert!(guest.contains("0.95") && !guest.contains("generator-limited"), "{guest}");
    assert!(guest.contains("320"), "{guest}");
    assert!(!later.contains("docker-scratch"), "nobody asked for it: {later}");
    let figure = &files["paper/figure-waiting.tex"];
    for expected in ["backend answers after 10 ms: 99 \\%", "requests per CPU second", "PSS per"] {
        assert!(figure.contains(expected), "{expected}: {figure}");
    }
}

#[test]
fn what_was_not_measured_is_no_number() {
    let files = rendered(&Fixture::new(6));
    assert!(files["paper/table-waiting.tex"].contains("not part of this run"));
    assert!(files["paper/figure-waiting.tex"].contains("not measured"));
    // Memory that could not be read is a dash, and not 0.
    let mut fixture = waited(6);
    for seen in fixture.of("waiting", "wasmtime-aot") {
        seen.metrics.remove(&Metric::WaitingPss);
    }
    let files = rendered(&fixture);
    let table = &files["paper/table-waiting.tex"];
    let row = table.lines().rfind(|line| line.starts_with("wasmtime-aot & ")).unwrap();
    let cells: Vec<&str> = row.trim_end_matches(" \\\\").split(" & ").collect();
    assert_eq!(cells.len(), 9, "{row}");
    assert!(!cells[7].contains(|c: char| c.is_ascii_digit()), "{row}");
}

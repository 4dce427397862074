//! How the CPU time of a request grows: the exponents, their table and figure, and what is unknown.

#![allow(clippy::unwrap_used, reason = "clippy knows test functions, not their helpers")]

use crate::support::rendered::rendered;
use crate::support::{Fixture, analyse, key};
use weighbridge_analysis::explain::explain;
use weighbridge_analysis::load::load;
use weighbridge_schema::manifest::ExperimentEntry;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::parameter::Parameter;
use weighbridge_schema::quantity::Quantity;
use weighbridge_schema::record::Observation;

const DEFINITION: &str = r#"
question = "What of growth?"
table = "growth"
[growth]
connections = {}
[method.throughput]
concurrency = [1, 16, 256]
warmup_ms = 1
"#;
const NAMES: [&str; 3] = ["native", "docker-scratch", "wasmtime-aot"];

/// CPU time of a request over so many connections: that of a process stays the same, a container's falls with the
/// square root, a host's grows in proportion.
fn cpu_ns(subject: &str, connections: u32) -> f64 {
    let power = match subject {
        "docker-scratch" => -0.5,
        "wasmtime-aot" => 1.0,
        _ => 0.0,
    };
    10_000.0 * f64::from(connections).powf(power)
}

/// The fixture, and loads of 1, 16 and 256 connections beside.
fn grown(invocations: u32) -> Fixture {
    let mut fixture = Fixture::new(invocations);
    let entry = ExperimentEntry {
        question: "What of growth?".to_owned(),
        baseline: "native".parse().unwrap(),
        subjects: NAMES.iter().map(|name| name.parse().unwrap()).collect(),
        workloads: vec!["healthz".parse().unwrap()],
        definition_toml: DEFINITION.to_owned(),
    };
    fixture.manifest.experiments.insert("growth-connections".parse().unwrap(), entry);
    let loads = |seen: &&Observation| {
        let trial = &seen.trial;
        trial.experiment.as_str() == "throughput"
            && trial.cell.parameter == Parameter::Concurrency(1)
            && trial.cell.workload.as_ref().is_some_and(|name| name.as_str() == "healthz")
            && NAMES.contains(&trial.cell.subject.as_str())
    };
    let loads: Vec<Observation> = fixture.observations.iter().filter(loads).cloned().collect();
    for (count, seen) in [1u32, 16, 256].into_iter().flat_map(|n| loads.iter().map(move |o| (n, o)))
    {
        let mut seen = seen.clone();
        seen.position = fixture.manifest.plan.len() as u64;
        seen.trial.experiment = "growth-connections".parse().unwrap();
        seen.trial.cell.parameter = Parameter::Concurrency(count);
        let each_ns = cpu_ns(seen.trial.cell.subject.as_str(), count);
        seen.metrics.insert(Metric::RequestsCompleted, 1_000);
        seen.metrics.insert(Metric::ServerCpu, (each_ns * 1_000.0).round() as u64);
        seen.histogram = None;
        fixture.manifest.plan.push(seen.trial.clone());
        fixture.observations.push(seen);
    }
    fixture
}

#[test]
fn the_exponent_is_that_of_the_cpu_time() {
    let folder = tempfile::tempdir().unwrap();
    grown(8).write(folder.path());
    let run = load(folder.path()).unwrap();
    let results = analyse(&run, &[]);
    for (subject, expected) in NAMES.into_iter().zip([0.0, -0.5, 1.0]) {
        let mut cell = key("growth-connections", subject, None, "-");
        cell.cell.workload = None;
        let quantity = Quantity::Metric(Metric::GrowthExponent);
        let summary = results.summary(&cell, quantity).unwrap();
        assert!((summary.point - expected).abs() < 1e-4, "{subject}: {summary:?}");
        assert_eq!(summary.n, 8);
        assert!(results.comparison(&cell, quantity).is_none(), "an exponent has no ratio");
    }
    let name = "growth-connections/-/-/wasmtime-aot/growth_exponent";
    assert!(explain(&run, &results, name).unwrap().contains("derived"));
}

#[test]
fn the_table_says_who_grows_faster_than_its_work() {
    let files = rendered(&grown(8));
    let table = &files["paper/table-growth-exponents.tex"];
    let row = |subject: &str| {
        let begin = format!("{subject} & ");
        table.lines().find(|line| line.starts_with(&begin)).unwrap().to_owned()
    };
    assert!(table.contains("connections, 1 to 256"), "{table}");
    assert!(row("wasmtime-aot").contains("& faster than its work & 8"), "{table}");
    assert!(row("docker-scratch").contains("& more slowly than its work & 8"), "{table}");
    assert!(row("native").contains("& as its work & 8"), "{table}");
    let figure = &files["paper/figure-growth.tex"];
    assert!(figure.contains("connections") && figure.contains("256"), "{figure}");
    assert!(files["paper/table-growth.tex"].contains("256 connections"));
}

#[test]
fn nothing_is_said_of_what_was_not_measured() {
    let files = rendered(&Fixture::new(6));
    assert!(files["paper/table-growth.tex"].contains("not part of this run"));
    assert!(files["paper/table-growth-exponents.tex"].contains("not part of this run"));
    // Too few blocks for an interval: the exponent stands there, and no verdict.
    let few = rendered(&grown(3));
    let table = &few["paper/table-growth-exponents.tex"];
    let row = table.lines().find(|line| line.starts_with("wasmtime-aot & ")).unwrap();
    assert!(row.contains("too few invocations") && !row.contains("its work"), "{row}");
}

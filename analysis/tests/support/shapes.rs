//! What the fixtures ask, and what their subjects would have shown.

use super::SUBJECTS;
use hdrhistogram::Histogram;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::parameter::Parameter;
use weighbridge_schema::plan::{Cell, Trial};
use weighbridge_schema::record::Stage;

/// Experiment, method table, workloads, parameters.
pub type Shape = (&'static str, &'static str, &'static [&'static str], Vec<Parameter>);

pub fn shapes() -> Vec<Shape> {
    let rates = "latency = { rates_per_second = { healthz = [200, 2000] }, connections = 16, warmup_ms = 1 }";
    let search = "highest-rate = { p99_bound_us = { healthz = 9000 }, first_rate_per_second = { healthz = 100 }, \
                  connections = 16, warmup_ms = 1 }";
    vec![
        ("equivalence", "equivalence = {}", &[], vec![Parameter::None]),
        (
            "cold-start",
            "cold-start = { page_cache = [\"warm\", \"dropped\"] }",
            &["healthz", "thumbnail"],
            vec![Parameter::None, Parameter::PageCacheDropped],
        ),
        ("instantiation", "instantiation = { iterations = 100 }", &[], vec![Parameter::None]),
        ("warm-up", "warm-up = { iterations = 200 }", &["healthz"], vec![Parameter::None]),
        (
            "throughput",
            "throughput = { concurrency = [1, 8], warmup_ms = 1 }",
            &["healthz", "thumbnail"],
            vec![Parameter::Concurrency(1), Parameter::Concurrency(8)],
        ),
        ("latency", rates, &["healthz"], vec![Parameter::Rate(200), Parameter::Rate(2000)]),
        ("highest-rate", search, &["healthz"], vec![Parameter::None]),
        (
            "memory",
            "memory = { concurrency = 8, settle_ms = 1, copies = [1, 2, 4] }",
            &["healthz"],
            vec![
                Parameter::Idle,
                Parameter::Loaded,
                Parameter::Copies(1),
                Parameter::Copies(2),
                Parameter::Copies(4),
            ],
        ),
        ("artifact-size", "artifact-size = {}", &[], vec![Parameter::None]),
    ]
}

pub fn plan(invocations: u32) -> Vec<Trial> {
    let mut plan = Vec::new();
    for invocation in 0..invocations {
        for (experiment, _, workloads, parameters) in shapes() {
            let workloads: Vec<Option<&str>> = if workloads.is_empty() {
                vec![None]
            } else {
                workloads.iter().copied().map(Some).collect()
            };
            for workload in workloads {
                for &parameter in &parameters {
                    for name in SUBJECTS.iter().filter(|name| **name != "spin") {
                        plan.push(Trial {
                            experiment: experiment.parse().unwrap(),
                            cell: Cell {
                                subject: name.parse().unwrap(),
                                workload: workload.map(|w| w.parse().unwrap()),
                                architecture: "x86_64".to_owned(),
                                parameter,
                            },
                            invocation,
                        });
                    }
                }
            }
        }
    }
    plan
}

/// How much slower or larger a subject is than native.
fn factor(subject: &str, start: bool) -> f64 {
    match (subject, start) {
        ("docker-scratch", true) => 180.0,
        ("wasmtime-aot", true) => 3.0,
        ("wasmtime-jit", true) => 120.0,
        ("docker-scratch", false) => 1.03,
        ("wasmtime-aot", false) => 1.6,
        ("wasmtime-jit", false) => 1.7,
        _ => 1.0,
    }
}

/// What an invocation of `trial` would have shown.
pub fn metrics(trial: &Trial, generator: &mut ChaCha8Rng) -> BTreeMap<Metric, u64> {
    let subject = trial.cell.subject.as_str();
    let mut noisy = |value: f64| (value * generator.random_range(0.95..1.05)) as u64;
    let cost = factor(subject, false);
    match trial.experiment.as_str() {
        "equivalence" => BTreeMap::from([(Metric::CasesSent, 34), (Metric::CasesEqual, 34)]),
        "cold-start" => {
            let from_disk = trial.cell.parameter == Parameter::PageCacheDropped;
            let disk = if from_disk { 9e6 } else { 0.0 };
            let time = noisy(800_000.0 * factor(subject, true) + disk);
            BTreeMap::from([(Metric::TimeToFirstResponse, time)])
        }
        "instantiation" if subject.starts_with("wasmtime") => BTreeMap::from([
            (Metric::Instantiation, noisy(9_000.0 * cost)),
            (Metric::InstanceUss, noisy(23_000.0)),
        ]),
        "highest-rate" => BTreeMap::from([(Metric::HighestRate, noisy(12_000.0 / cost))]),
        "throughput" => BTreeMap::from([
            (Metric::RequestsCompleted, noisy(20_000.0 / cost)),
            (Metric::Measured, 600_000_000),
            (Metric::ServerCpu, noisy(550_000_000.0)),
        ]),
        "memory" => {
            // What is shared is there once, however many instances there are.
            let copies = match trial.cell.parameter {
                Parameter::Copies(n) => f64::from(n),
                _ => 1.0,
            };
            let of = |once: f64, each: f64| (once + each * copies) * cost * cost;
            let mut all = BTreeMap::from([
                (Metric::Pss, noisy(of(3e6, 1e6))),
                (Metric::Uss, noisy(of(2.2e6, 0.8e6))),
            ]);
            if subject == "docker-scratch" {
                all.insert(Metric::ShimPss, noisy(4.3e6 * copies));
                all.insert(Metric::CgroupPeak, noisy(5.1e6));
                all.insert(Metric::EnginePss, noisy(130e6));
            }
            all
        }
        "artifact-size" => BTreeMap::from([
            (Metric::Shipped, (3.1e6 * cost) as u64),
            (Metric::ShippedGzip, (1.2e6 * cost) as u64),
            (Metric::ShippedZstd, (1.0e6 * cost) as u64),
        ]),
        _ => BTreeMap::new(),
    }
}

pub fn histogram(trial: &Trial, generator: &mut ChaCha8Rng) -> Option<Histogram<u64>> {
    if trial.experiment.as_str() != "latency" {
        return None;
    }
    let mut histogram = Histogram::new(3).unwrap();
    for _ in 0..200 {
        let tail: f64 = generator.random_range(0.001..1.0f64);
        let value = 120_000.0 * factor(trial.cell.subject.as_str(), false) / tail.powf(0.4);
        histogram.record(value as u64).unwrap();
    }
    Some(histogram)
}

pub fn stages(metrics: &BTreeMap<Metric, u64>) -> BTreeMap<Stage, u64> {
    let Some(&end) = metrics.get(&Metric::TimeToFirstResponse) else { return BTreeMap::new() };
    BTreeMap::from([
        (Stage::Spawned, end / 10),
        (Stage::Main, end / 4),
        (Stage::Listening, end / 2),
        (Stage::Connected, end / 10 * 6),
        (Stage::FirstByte, end / 10 * 9),
        (Stage::Response, end),
    ])
}

/// Durations of the first requests: every subject warms up but the process, and the pace of one Wasm subject never
/// becomes steady.
pub fn series(trial: &Trial, generator: &mut ChaCha8Rng) -> Option<Vec<u64>> {
    if trial.experiment.as_str() != "warm-up" {
        return None;
    }
    let level = |i: usize| match (trial.cell.subject.as_str(), i) {
        ("docker-scratch" | "wasmtime-aot", 0..20) => 250_000.0,
        ("wasmtime-jit", 190..) => 400_000.0,
        _ => 120_000.0,
    };
    let noisy = |i: usize| (level(i) * generator.random_range(0.95..1.05)) as u64;
    Some((0..200).map(noisy).collect())
}

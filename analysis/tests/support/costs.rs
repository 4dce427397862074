//! A run that has all parameters of the cost model: raises, idle instances and single starts beside the fixture's load.

use super::Fixture;
use std::collections::BTreeMap;
use weighbridge_schema::manifest::ExperimentEntry;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::parameter::Parameter;
use weighbridge_schema::raise::{Level, Raise, Wall, levels};
use weighbridge_schema::record::Observation;
use weighbridge_schema::storm::{Storm, TenantStart};
use weighbridge_schema::subject::Start;

pub const MIB: u64 = 1 << 20;
pub const MS: u64 = 1_000_000;

const DENSITY: &str = r#"
question = "What of density?"
[method.density]
memory_budget_mib = 1
p99_bound_us = 1
probe_rate_per_second = 1
connections = 1
rest_ms = 1
tenants_most = {}
"#;
const IDLE: &str = "question = \"What of idleness?\"\n[method.idle]\nrest_ms = 1\n";
const STORM: &str = r#"
question = "What of storms?"
[method.storm]
starts = [1]
[method.storm.tenants_most]
quick = { native = 1, docker-scratch = 1, wasmtime-jit = 1 }
"#;

/// A process, a container, and a host that serves many.
pub const PACKINGS: [&str; 3] = ["native", "docker-scratch", "wasmtime-jit"];

/// MiB once and of each tenant; CPU milliseconds of an idle hour, and of its shim; CPU and all milliseconds of a start.
pub type Costs = ((u64, u64), (u64, Option<u64>), (u64, u64));

pub fn of(subject: &str) -> Costs {
    match subject {
        "docker-scratch" => ((130, 8), (2, Some(5)), (60, 200)),
        "wasmtime-jit" => ((20, 1), (1, None), (1, 1)),
        _ => ((2, 2), (0, None), (2, 3)),
    }
}

/// The blocks differ by a thousandth.
fn varied(value: u64, invocation: u32) -> u64 {
    value + value / 1_000 * u64::from(invocation)
}

fn raise(subject: &str, invocation: u32) -> Raise {
    let ((once, each), ..) = of(subject);
    let level = |tenants_count: u32| {
        let held = varied((once + each * u64::from(tenants_count)) * MIB, invocation);
        Level { tenants_count, metrics: BTreeMap::from([(Metric::PackingPss, held)]) }
    };
    let levels = levels(8).into_iter().map(level).collect();
    Raise { levels, wall: Wall::NoMoreAsked, reason: None }
}

fn filled_in(experiment: &str, mut seen: Observation) -> Observation {
    let (subject, invocation) = (seen.trial.cell.subject.to_string(), seen.trial.invocation);
    let (_, (idle_ms, shim_ms), (cpu_ms, start_ms)) = of(&subject);
    let ms = |ms: u64| varied(ms * MS, invocation);
    seen.trial.experiment = experiment.parse().unwrap();
    seen.stages_ns.clear();
    seen.metrics = match experiment {
        "density" => {
            seen.raise = Some(raise(&subject, invocation));
            BTreeMap::from([(Metric::TenantsRaised, 8)])
        }
        "idle" => {
            let shim = shim_ms.map(|shim_ms| (Metric::IdleShimCpu, ms(shim_ms)));
            [(Metric::IdleCpu, ms(idle_ms))].into_iter().chain(shim).collect()
        }
        _ => {
            seen.trial.cell.parameter = Parameter::Starts(1);
            let tenant =
                TenantStart { asked_ns: Some(0), answered_ns: Some(ms(start_ms)), failure: None };
            seen.storm = Some(Storm { tenants: vec![tenant] });
            BTreeMap::from([
                (Metric::LastAnswer, ms(start_ms)),
                (Metric::StartsAnswered, 1),
                (Metric::StartCpu, ms(cpu_ms)),
            ])
        }
    };
    seen
}

/// The fixture with all that a cost is computed of. One of its subjects becomes a host of many tenants.
pub fn costed() -> Fixture {
    let mut fixture = Fixture::new(8);
    let host = fixture.manifest.subjects.get_mut(&"wasmtime-jit".parse().unwrap()).unwrap();
    let Start::Process { arguments, .. } = &mut host.definition.start else { panic!("a process") };
    arguments.push("{tenants:component.wasm}".parse().unwrap());
    let is_taken = |seen: &&Observation| {
        let cell = &seen.trial.cell;
        seen.trial.experiment.as_str() == "cold-start"
            && cell.parameter == Parameter::None
            && cell.workload.as_ref().is_some_and(|name| name.as_str() == "healthz")
            && PACKINGS.contains(&cell.subject.as_str())
    };
    let begun: Vec<Observation> = fixture.observations.iter().filter(is_taken).cloned().collect();
    for (experiment, definition) in [("density", DENSITY), ("idle", IDLE), ("storm", STORM)] {
        let entry = ExperimentEntry {
            question: format!("What of {experiment}?"),
            baseline: "native".parse().unwrap(),
            subjects: PACKINGS.iter().map(|name| name.parse().unwrap()).collect(),
            workloads: vec!["healthz".parse().unwrap()],
            definition_toml: definition.to_owned(),
        };
        fixture.manifest.experiments.insert(experiment.parse().unwrap(), entry);
        for seen in &begun {
            let mut seen = filled_in(experiment, seen.clone());
            seen.position = fixture.manifest.plan.len() as u64;
            fixture.manifest.plan.push(seen.trial.clone());
            fixture.observations.push(seen);
        }
    }
    fixture
}

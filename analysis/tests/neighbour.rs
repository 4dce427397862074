//! A tenant beside another one that attacks: what the table and the figure show, and what an attack that nobody could
//! make leaves unknown.

#![allow(clippy::unwrap_used, reason = "clippy knows test functions, not their helpers")]

use crate::support;
use crate::support::Fixture;
use crate::support::rendered::rendered;
use std::collections::BTreeMap;
use weighbridge_analysis::explain::explain;
use weighbridge_analysis::load::load;
use weighbridge_schema::attack::Attack;
use weighbridge_schema::manifest::ExperimentEntry;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::parameter::Parameter;
use weighbridge_schema::record::Observation;

const DEFINITION: &str = r#"
question = "What of neighbours?"
[method.neighbour]
attacks = ["none", "spin", "disk"]
in_place_of = { a = "b" }
rate_per_second = 3000
connections = 16
warmup_ms = 50
spins_count = 32
held_connections_count = 1000
"#;
const NAMES: [&str; 3] = ["native", "docker-scratch", "wasmtime-aot"];
const ATTACKS: [Attack; 3] = [Attack::None, Attack::Spin, Attack::Disk];
const US: u64 = 1_000;

/// By how much an attack multiplies the p99; `None` where the aggressor has no way to make it.
fn times(subject: &str, attack: Attack) -> Option<u64> {
    match (subject, attack) {
        (_, Attack::None) => Some(2),
        ("native", Attack::Spin) => Some(40),
        ("docker-scratch", Attack::Spin) => Some(10),
        ("wasmtime-aot", Attack::Spin) => Some(20),
        ("wasmtime-aot", _) => None,
        _ => Some(4),
    }
}

/// What the runner would write. The blocks differ a little.
fn metrics(subject: &str, attack: Attack, invocation: u32) -> BTreeMap<Metric, u64> {
    let before_ns = 100 * US + u64::from(invocation) * 10;
    let mut metrics = BTreeMap::from([
        (Metric::BeforeLatencyP50, before_ns / 2),
        (Metric::BeforeLatencyP99, before_ns),
        (Metric::BeforeFailed, 0),
    ]);
    let Some(times) = times(subject, attack) else {
        return BTreeMap::from([(Metric::AttackActs, 0)]);
    };
    if attack != Attack::None {
        metrics.insert(Metric::AttackActs, 32);
    }
    // One request of one block fails while a process beside spins.
    let failed = (subject, attack, invocation) == ("native", Attack::Spin, 3);
    metrics.extend([
        (Metric::RequestsCompleted, 1_035 - u64::from(failed)),
        (Metric::RequestsFailed, failed.into()),
        (Metric::LatencyP50, before_ns / 2 * 3),
        (Metric::LatencyP99, before_ns * times),
    ]);
    metrics
}

/// The fixture with victims and their neighbours beside.
fn attacked() -> Fixture {
    let mut fixture = Fixture::new(8);
    let entry = ExperimentEntry {
        question: "What of neighbours?".to_owned(),
        baseline: "native".parse().unwrap(),
        subjects: NAMES.iter().map(|name| name.parse().unwrap()).collect(),
        workloads: vec!["healthz".parse().unwrap()],
        definition_toml: DEFINITION.to_owned(),
    };
    fixture.manifest.experiments.insert("neighbour".parse().unwrap(), entry);
    let cold_start = |seen: &&Observation| {
        let trial = &seen.trial;
        trial.experiment.as_str() == "cold-start"
            && trial.cell.parameter == Parameter::None
            && trial.cell.workload.as_ref().is_some_and(|name| name.as_str() == "healthz")
            && NAMES.contains(&trial.cell.subject.as_str())
    };
    let begun: Vec<Observation> = fixture.observations.iter().filter(cold_start).cloned().collect();
    for (attack, seen) in ATTACKS.into_iter().flat_map(|a| begun.iter().map(move |o| (a, o))) {
        let mut seen = seen.clone();
        seen.position = fixture.manifest.plan.len() as u64;
        seen.trial.experiment = "neighbour".parse().unwrap();
        seen.trial.cell.parameter = Parameter::Attack(attack);
        let subject = seen.trial.cell.subject.to_string();
        seen.metrics = metrics(&subject, attack, seen.trial.invocation);
        seen.stages_ns.clear();
        fixture.manifest.plan.push(seen.trial.clone());
        fixture.observations.push(seen);
    }
    fixture
}

fn row(text: &str, subject: &str) -> String {
    let begin = format!("{subject} & ");
    let row = text.lines().find(|line| line.starts_with(&begin));
    row.unwrap_or_else(|| panic!("{subject} is not in {text}")).to_owned()
}

#[test]
fn the_table_shows_what_an_attack_makes_of_a_latency_and_what_nobody_could_try() {
    let files = rendered(&attacked());
    let table = &files["paper/table-neighbour.tex"];
    let (control, rest) = table.split_once("the neighbour spins").unwrap();
    let (spins, disk) = rest.split_once("the neighbour fills a disk").unwrap();
    assert!(control.contains("healthz, no attack"), "{table}");
    assert!(row(control, "native").contains("& 0 of 8280 & 8 "), "{control}");
    // Times before: 40; vs native: 1; times the control's: 20; p50: 3.
    for expected in ["& 40", "& 1 &", "& 20", "& 3", "& 1 of 8280 & 8 "] {
        assert!(row(spins, "native").contains(expected), "{expected}: {spins}");
    }
    for expected in ["& 20", "& 0.50", "& 10"] {
        assert!(row(spins, "wasmtime-aot").contains(expected), "{expected}: {spins}");
    }
    let none = row(disk, "wasmtime-aot");
    assert!(none.contains("nothing to write to") && !none.contains(" of 8"), "{none}");
    let figure = &files["paper/figure-neighbour.tex"];
    assert!(figure.contains("before") && figure.contains("the neighbour spins"), "{figure}");
}

#[test]
fn a_run_without_neighbours_and_one_of_too_short_windows_say_so() {
    let files = rendered(&Fixture::new(6));
    assert!(files["paper/table-neighbour.tex"].contains("not part of this run"));
    let mut short = attacked();
    for seen in &mut short.observations {
        if seen.trial.experiment.as_str() == "neighbour" {
            seen.metrics.remove(&Metric::LatencyP99);
            seen.metrics.remove(&Metric::BeforeLatencyP99);
        }
    }
    let table = rendered(&short).remove("paper/table-neighbour.tex").unwrap();
    let native = row(&table, "native");
    assert_eq!(native.matches("1000 requests each").count(), 2, "{native}");
}

#[test]
fn times_are_compared_within_the_blocks_and_lead_to_their_lines() {
    let folder = tempfile::tempdir().unwrap();
    attacked().write(folder.path());
    let run = load(folder.path()).unwrap();
    let results = support::analyse(&run, &[]);
    let ratio = |subject: &str, quantity: &str| {
        let found = results.comparisons.iter().find(|((key, of), _)| {
            key.experiment.as_str() == "neighbour"
                && key.cell.subject.as_str() == subject
                && key.cell.parameter == Parameter::Attack(Attack::Spin)
                && of.key() == quantity
        });
        found.and_then(|(_, comparison)| comparison.ratio)
    };
    for quantity in ["p99_times_before", "p99_times_control"] {
        assert_eq!(ratio("docker-scratch", quantity), Some(0.25), "{quantity}");
        assert_eq!(ratio("wasmtime-aot", quantity), Some(0.5), "{quantity}");
    }
    assert_eq!(ratio("docker-scratch", "attack_acts"), None, "it explains, and is not compared");

    let explained = |quantity: &str| {
        let key = format!("neighbour/healthz/attack=spin/native/{quantity}");
        explain(&run, &results, &key).unwrap()
    };
    let is_of = |seen: &Observation| {
        let cell = &seen.trial.cell;
        let attack = Parameter::Attack(Attack::Spin);
        (cell.subject.as_str(), cell.parameter) == ("native", attack)
    };
    let line = run.observations.iter().position(is_of).unwrap() + 1;
    let text = explained("p99_times_before");
    assert!(text.contains(&line.to_string()) && !text.contains("derived"), "{text}");
    let text = explained("p99_times_control");
    assert!(text.contains(&line.to_string()) && text.contains("20.0"), "{text}");
}

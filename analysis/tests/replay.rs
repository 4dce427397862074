//! The cost model held against a replay whose true costs are known: what it foretells, whether its choices are right,
//! and what is said where they are not, or where a parameter lacks.

#![allow(clippy::unwrap_used, reason = "clippy knows test functions, not their helpers")]

use crate::support;
use crate::support::Fixture;
use crate::support::costs::{MIB, PACKINGS, costed, of};
use crate::support::rendered::rendered;
use std::collections::BTreeMap;
use weighbridge_analysis::decide::replay::{By, Foretold, Replayed, Verdict, replayed};
use weighbridge_analysis::decide::score::{Score, says};
use weighbridge_analysis::load::load;
use weighbridge_analysis::results::Results;
use weighbridge_schema::manifest::ExperimentEntry;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::parameter::Parameter;
use weighbridge_schema::record::Observation;

const DEFINITION: &str = r#"
question = "What of loads?"
[method.replay]
warmup_ms = 1
idle_argument = "--idle-timeout"
bursts = { on_ms = 5, off_ms = 5 }
loads_most = { smoke = 1, quick = 3, paper = 3 }
loads = [
    { workload = "healthz", tenants = 4, rate_per_minute = 120, arrivals = "poisson" },
    { workload = "healthz", tenants = 4, rate_per_minute = 120, arrivals = "poisson", idle_timeout_ms = 500 },
    { workload = "healthz", tenants = 64, rate_per_minute = 30, arrivals = "bursts" },
]
"#;
/// Tenants, requests per second to each, and the idle timeout in seconds.
const LOADS: [(f64, f64, Option<f64>); 3] =
    [(4.0, 2.0, None), (4.0, 2.0, Some(0.5)), (64.0, 0.5, None)];
const WINDOW_S: f64 = 3.0;
/// Answers of the closed loop of every packing within 550 ms of CPU time, by block.
fn answers_count(subject: &str, invocation: u32) -> u64 {
    match (subject, invocation % 2) {
        // The same code as the process: what it takes is known to a tenth.
        ("docker-scratch", 0) => 18_000,
        ("docker-scratch", _) => 22_000,
        ("wasmtime-jit", _) => 12_500,
        _ => 20_000,
    }
}

/// CPU seconds of a request.
fn request_cpu_s(subject: &str) -> f64 {
    0.55 / if subject == "wasmtime-jit" { 12_500.0 } else { 20_000.0 }
}

/// What a load truly takes in the fixture's machine.
struct Truth {
    cpu_s: f64,
    memory_bytes: f64,
    latency_s: f64,
    starts_count: f64,
    requests_count: f64,
}

fn truth(subject: &str, (tenants, rate_per_s, idle_timeout_s): (f64, f64, Option<f64>)) -> Truth {
    let ((once_mib, each_mib), (idle_ms, shim_ms), (start_cpu_ms, start_ms)) = of(subject);
    let idle_cores = (idle_ms + shim_ms.unwrap_or(0)) as f64 / 3_600_000.0;
    let request_s = request_cpu_s(subject);
    let started = idle_timeout_s.map_or(0.0, |timeout_s| (-rate_per_s * timeout_s).exp());
    let first_s = start_ms as f64 / 1e3 + request_s;
    let up = 1.0 - started + started * (rate_per_s * first_s).min(1.0);
    let start_cpu_s = start_cpu_ms as f64 / 1e3;
    let cores = rate_per_s * (request_s + started * start_cpu_s) + up * idle_cores;
    let requests_count = tenants * rate_per_s * WINDOW_S;
    Truth {
        cpu_s: WINDOW_S * tenants * cores,
        memory_bytes: (once_mib as f64 + tenants * up * each_mib as f64) * MIB as f64,
        latency_s: if started > 0.02 { first_s } else { request_s },
        starts_count: started * requests_count,
        requests_count,
    }
}

/// What the runner would write.
fn metrics(subject: &str, number: usize) -> BTreeMap<Metric, u64> {
    let truth = truth(subject, LOADS[number - 1]);
    let ns = |seconds: f64| (seconds * 1e9) as u64;
    let mut metrics = BTreeMap::from([
        (Metric::RequestsCompleted, truth.requests_count as u64),
        (Metric::RequestsFailed, 0),
        (Metric::Measured, ns(WINDOW_S)),
        (Metric::PackingCpu, ns(truth.cpu_s)),
        (Metric::PackingPss, truth.memory_bytes as u64),
        (Metric::PackingPssPeak, truth.memory_bytes as u64 + MIB),
        // Twice the least: requests wait for each other.
        (Metric::LatencyP99, ns(2.0 * truth.latency_s)),
    ]);
    if subject != "wasmtime-jit" {
        metrics.insert(Metric::StartsMet, truth.starts_count as u64);
    }
    metrics
}

/// The fixture of all parameters, with three loads in each packing.
fn with_replay() -> Fixture {
    let mut fixture = costed();
    for subject in PACKINGS {
        for seen in fixture.of("throughput", subject) {
            let count = answers_count(subject, seen.trial.invocation);
            seen.metrics.insert(Metric::RequestsCompleted, count);
            seen.metrics.insert(Metric::ServerCpu, 550_000_000);
        }
    }
    let entry = ExperimentEntry {
        question: "What of loads?".to_owned(),
        baseline: "native".parse().unwrap(),
        subjects: PACKINGS.iter().map(|name| name.parse().unwrap()).collect(),
        workloads: vec!["healthz".parse().unwrap()],
        definition_toml: DEFINITION.to_owned(),
    };
    fixture.manifest.experiments.insert("replay".parse().unwrap(), entry);
    let idle = |seen: &&Observation| seen.trial.experiment.as_str() == "idle";
    let begun: Vec<Observation> = fixture.observations.iter().filter(idle).cloned().collect();
    for (number, seen) in (1..=LOADS.len()).flat_map(|n| begun.iter().map(move |o| (n, o))) {
        let mut seen = seen.clone();
        seen.position = fixture.manifest.plan.len() as u64;
        seen.trial.experiment = "replay".parse().unwrap();
        seen.trial.cell.parameter = Parameter::Replay(number as u32);
        seen.metrics = metrics(seen.trial.cell.subject.as_str(), number);
        fixture.manifest.plan.push(seen.trial.clone());
        fixture.observations.push(seen);
    }
    fixture
}

/// Analyses a fixture and hands its results and replays to `check`.
fn replays(fixture: &Fixture, check: impl FnOnce(&Results<'_>, &[Replayed<'_>])) {
    let folder = tempfile::tempdir().unwrap();
    fixture.write(folder.path());
    let run = load(folder.path()).unwrap();
    let results = support::analyse(&run, &[]);
    check(&results, &replayed(&results));
}

fn foretold<'a>(
    all: &'a [Replayed<'_>],
    number: u32,
    subject: &str,
) -> &'a Result<Foretold, String> {
    let one = all.iter().find(|one| one.number == number).unwrap();
    let mut configurations = one.configurations.iter();
    &configurations.find(|of| of.key.cell.subject.as_str() == subject).unwrap().foretold
}

/// By CPU time and by memory: what is taken, and how that stands.
fn held<'a>(one: &'a Replayed<'_>) -> [(&'a str, Verdict); 2] {
    one.held.each_ref().map(|held| (held.taken.first().map_or("", String::as_str), held.verdict))
}

#[test]
fn the_model_foretells_what_its_own_machine_takes() {
    replays(&with_replay(), |_, all| {
        assert_eq!(all.iter().map(|one| one.configurations.len()).sum::<usize>(), 9);
        for (number, subject) in (1..=3).flat_map(|n| PACKINGS.map(|subject| (n, subject))) {
            let (found, truth) =
                (foretold(all, number, subject), truth(subject, LOADS[number as usize - 1]));
            let found = found.as_ref().unwrap();
            let off = |found: f64, truth: f64| (found / truth - 1.0).abs();
            let place = format!("{number} {subject}: {found:?}");
            // The fixture's blocks differ by thousandths.
            assert!(off(found.cpu_ns.point, truth.cpu_s * 1e9) < 0.01, "{place}");
            assert!(off(found.memory_bytes.point, truth.memory_bytes) < 0.01, "{place}");
            assert!(off(found.p99_least_ns.point, truth.latency_s * 1e9) < 0.01, "{place}");
            assert!(found.peak_bytes.point >= found.memory_bytes.point, "{place}");
            assert_eq!(found.starts_count.is_some(), number == 2, "{place}");
            let starts_count = found.starts_count.unwrap_or(0.0);
            assert!((starts_count - truth.starts_count).abs() < 1e-6, "{place}");
        }
    });
}

#[test]
fn choices_are_right_where_the_machine_is_that_of_the_model_and_open_where_it_says_so() {
    use Verdict::{Open, Right};
    replays(&with_replay(), |results, all| {
        let found: Vec<_> = all.iter().map(held).collect();
        // Process and container run the same code, and many idle containers are seen all the same; a start of a tenant
        // in the host is the cheapest one, and many tenants pay for its memory.
        assert_eq!(found[0], [("native", Open), ("native", Right)]);
        assert_eq!(found[1], [("wasmtime-jit", Right), ("native", Right)]);
        assert_eq!(found[2], [("native", Right), ("wasmtime-jit", Right)]);
        assert_eq!(all[0].held[0].taken, ["native", "docker-scratch"]);
        let memory = Score::of(By::Memory, all);
        assert_eq!((memory.right_count, memory.decided_count(), memory.open_count), (3, 3, 0));
        let says = says(results);
        let expected = "A replay of 3 loads in this run has tested which packing the model takes: by CPU time it was \
                        right in 2 of 2, and left 1 open; by memory it was right in 3 of 3, and left 0 open.";
        assert_eq!(says, expected);
    });
}

#[test]
fn another_packing_that_took_less_is_a_miss_with_its_size() {
    let mut fixture = with_replay();
    for seen in fixture.of("replay", "wasmtime-jit") {
        *seen.metrics.get_mut(&Metric::PackingCpu).unwrap() *= 10;
    }
    replays(&fixture, |results, all| {
        let miss = &all[1].held[0];
        assert_eq!((miss.verdict, miss.least.as_deref()), (Verdict::Wrong, Some("native")));
        let cpu_s = |subject| truth(subject, LOADS[1]).cpu_s;
        let expected = 10.0 * cpu_s("wasmtime-jit") / cpu_s("native");
        assert!((miss.times.unwrap() / expected - 1.0).abs() < 1e-3, "{miss:?}");
        let cpu = Score::of(By::CpuTime, all);
        assert_eq!((cpu.right_count, cpu.wrong_count, cpu.open_count), (1, 1, 1));
        assert!(says(results).contains("by CPU time it was right in 1 of 2"));
    });
    let files = rendered(&fixture);
    let plain = |name: &str| files[name].replace("\\allowbreak{}", "");
    let choices = plain("paper/table-replay-choices.tex");
    let expected = "2: healthz, 4 tenants, 120/min each, Poisson, ended after 500 ms & CPU time & wasmtime-jit & \
                    native & 5.";
    let row = choices.lines().find(|line| line.starts_with(expected));
    assert!(row.is_some_and(|row| row.contains("& wrong")), "{choices}");
    let table = plain("paper/table-replay.tex");
    let (_, of_second) = table.split_once("healthz, load 2").unwrap();
    let row = of_second.lines().find(|line| line.starts_with("wasmtime-jit & ")).unwrap();
    let times = row.split(" & ").nth(3).unwrap();
    assert!(times.starts_with("9.9") || times.starts_with("10.0"), "ten times the model's: {row}");
    let score = plain("paper/table-replay-score.tex");
    assert!(score.contains("CPU time & 1 & 1 & 1 & 0 & "), "{score}");
}

#[test]
fn a_parameter_that_lacks_is_named_and_the_other_packings_are_judged() {
    let mut fixture = with_replay();
    for seen in fixture.of("storm", "docker-scratch") {
        seen.metrics.remove(&Metric::StartCpu);
    }
    replays(&fixture, |_, all| {
        let why = foretold(all, 2, "docker-scratch").as_ref().unwrap_err();
        assert_eq!(why, "lacks CPU time of a start: no visit showed it");
        assert!(foretold(all, 1, "docker-scratch").is_ok(), "what is always on starts nothing");
        assert_eq!(held(&all[1])[0], ("wasmtime-jit", Verdict::Right));
    });
    let table = &rendered(&fixture)["paper/table-replay.tex"];
    assert!(table.contains("lacks CPU time of a start: no visit showed it"), "{table}");

    // Without raises the model knows no memory of any packing.
    let mut fixture = with_replay();
    fixture.manifest.experiments.remove(&"density".parse().unwrap());
    let is_other = |experiment: &str| experiment != "density";
    fixture.manifest.plan.retain(|trial| is_other(trial.experiment.as_str()));
    fixture.observations.retain(|seen| is_other(seen.trial.experiment.as_str()));
    replays(&fixture, |results, all| {
        assert!(all.iter().all(|one| held(one) == [("", Verdict::NotJudged); 2]));
        let says = says(results);
        assert!(
            says.starts_with("The replay in this run does not test the model: lacks memory"),
            "{says}"
        );
    });
}

#[test]
fn a_run_without_a_replay_says_so_in_each_table() {
    let files = rendered(&Fixture::new(6));
    for name in ["replay", "replay-memory", "replay-choices", "replay-score"] {
        let table = &files[&format!("paper/table-{name}.tex")];
        assert!(table.contains("not part of this run"), "{name}");
    }
}

//! `decide` on runs: the parameters that it reads from them, what it says where one lacks, and the program's words.

#![allow(clippy::unwrap_used, reason = "clippy knows test functions, not their helpers")]

use crate::support;
use crate::support::Fixture;
use crate::support::costs::{MIB, costed};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};
use weighbridge_analysis::decide::measured::{Known, Measured, measured};
use weighbridge_analysis::decide::prices::PriceList;
use weighbridge_analysis::load::load;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::record::Outcome;

fn read(fixture: &Fixture) -> Measured {
    let folder = tempfile::tempdir().unwrap();
    fixture.write(folder.path());
    let run = load(folder.path()).unwrap();
    measured(&support::analyse(&run, &[]))
}

fn near(known: &Known, expected: f64) {
    let found = known.as_ref().unwrap();
    let ends = found.interval.unwrap();
    assert!((found.point / expected - 1.0).abs() < 0.01, "{found:?} and not {expected}");
    assert!(ends.low <= found.point && found.point <= ends.high, "{found:?}");
}

#[test]
fn the_parameters_are_those_that_the_run_measured() {
    let found = read(&costed());
    assert_eq!(found.baseline, "native");
    let names: Vec<_> = found.packings.iter().map(|p| (p.subject.as_str(), p.is_shared)).collect();
    let expected = [("native", false), ("docker-scratch", false), ("wasmtime-jit", true)];
    assert_eq!(names, expected);
    let [native, docker, host] = found.packings.as_slice() else { panic!("{names:?}") };
    near(&docker.once_bytes, (130 * MIB) as f64);
    near(&docker.tenant_bytes, (8 * MIB) as f64);
    near(&host.once_bytes, (20 * MIB) as f64);
    // An instance's 2 ms in an hour, and its shim's 5.
    near(&docker.idle_cores, 0.007 / 3600.0);
    let idle = native.idle_cores.as_ref().unwrap();
    assert_eq!((idle.point, idle.interval.unwrap().high), (0.0, 0.0), "nothing is known to be 0");
    near(&docker.start_cpu_s, 0.06);
    near(&docker.start_latency_s, 0.2);
    // The fixture's container takes 1.03 times the CPU time of the process, and the host 1.7 times, but for noise.
    let factor = |known: &Known| known.as_ref().unwrap().point;
    assert_eq!(factor(&native.cpu_factors["healthz"]), 1.0);
    assert!((factor(&docker.cpu_factors["healthz"]) - 1.03).abs() < 0.05);
    assert!((factor(&host.cpu_factors["thumbnail"]) - 1.7).abs() < 0.1);
    assert_eq!(found.workloads.len(), 2);
}

#[test]
fn what_was_not_measured_is_named_with_its_cell_and_its_line() {
    let mut fixture = costed();
    for seen in fixture.of("storm", "docker-scratch") {
        seen.metrics.remove(&Metric::StartCpu);
    }
    for seen in fixture.of("idle", "native") {
        let (stage, reason) = ("idle".to_owned(), "no /proc".to_owned());
        (seen.outcome, seen.metrics) = (Outcome::Failed { stage, reason }, BTreeMap::new());
    }
    let found = read(&fixture);
    let lacking = found.packings[1].start_cpu_s.as_ref().unwrap_err();
    assert_eq!(lacking.cell, "storm/healthz/starts=1/docker-scratch/start_cpu");
    assert_eq!(lacking.why, "no visit showed it");
    assert_eq!(lacking.command, "cargo xtask run storm --subject docker-scratch,native");
    let lacking = found.packings[0].idle_cores.as_ref().unwrap_err();
    assert!(lacking.why.contains("all 8 invocations failed"), "{lacking:?}");
    assert_eq!(lacking.command, "cargo xtask run idle --subject native");
}

#[test]
fn a_packing_that_an_experiment_is_not_asked_of_needs_a_line_in_its_definition() {
    let mut fixture = costed();
    let entry = fixture.manifest.experiments.get_mut(&"idle".parse().unwrap()).unwrap();
    entry.subjects.retain(|name| name.as_str() != "docker-scratch");
    fixture.manifest.plan.retain(|trial| {
        (trial.experiment.as_str(), trial.cell.subject.as_str()) != ("idle", "docker-scratch")
    });
    fixture.observations.retain(|seen| {
        (seen.trial.experiment.as_str(), seen.trial.cell.subject.as_str())
            != ("idle", "docker-scratch")
    });
    let found = read(&fixture);
    let lacking = found.packings[1].idle_cores.as_ref().unwrap_err();
    assert_eq!(lacking.why, "idle is not asked of docker-scratch");
    assert_eq!(
        lacking.command,
        "add \"docker-scratch\" to `subjects` of experiments/definitions/idle.toml: \
         cargo xtask run idle --subject docker-scratch,native"
    );
}

fn program(run: &Path, words: &str) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_weighbridge-analysis"));
    program.arg("decide").arg("--run").arg(run).args(words.split(' ')).output().unwrap()
}

fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&output.stdout) + &text(&output.stderr)).replace('\u{202f}', " ")
}

const LOAD: &str = "--rate 3/min --cpu-per-request 12ms --tenants 200 --bound 250ms";

#[test]
fn the_program_shows_every_packing_the_answer_and_what_would_change_it() {
    let folder = tempfile::tempdir().unwrap();
    costed().write(folder.path());
    let output = program(folder.path(), LOAD);
    let text = said(&output);
    for expected in [
        "Load    200 tenants, 3.00/min to each, 12.0 ms of CPU time a request on native; p99 within 250 ms",
        "a tenant that scales to zero is ended after 60.0 s",
        // The fixture's machine has two cores and 24 GiB.
        "in GiB-hours: 12.0 a vCPU-hour, 1.00 a GiB-hour (weights and no prices",
        "No prices were given",
        "wasmtime-jit   | instance per request |",
        "docker-scratch | scale to zero        |",
        "What would change the answer\n  rate ",
        "No replay in this run has tested the model: cargo xtask run density idle storm throughput replay.",
    ] {
        assert!(text.contains(expected), "{expected} is not in\n{text}");
    }
    // Three requests a minute and a timeout of one: exp(-3) of them meet a start.
    assert_eq!(text.matches("4.98 % |").count(), 3, "{text}");
    let is_open = text.contains("\nOpen    ");
    assert_ne!(is_open, text.contains("\nTake    "), "{text}");
    assert_eq!(output.status.code(), Some(if is_open { 4 } else { 0 }), "{text}");
}

#[test]
fn prices_and_workload_are_taken_as_they_are_given() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    costed().write(&run);
    let file = folder.path().join("mine.toml");
    let prices = "unit = \"EUR\"\nsource = \"a bill\"\ndate = \"2026-01-31\"\nvcpu_hour = 0.04\ngib_hour = 0.005\n";
    std::fs::write(&file, prices).unwrap();
    let words = format!("{LOAD} --workload healthz --prices {}", file.display());
    let text = said(&program(&run, &words));
    assert!(
        text.contains("in EUR: 0.0400 a vCPU-hour, 0.00500 a GiB-hour (a bill; 2026-01-31)"),
        "{text}"
    );
    assert!(text.contains("EUR a month |") && !text.contains("No prices were given"), "{text}");
    assert!(text.contains("compared by `healthz`"), "{text}");
}

#[test]
fn words_that_mean_nothing_are_told_what_would() {
    let folder = tempfile::tempdir().unwrap();
    costed().write(folder.path());
    for (from, to, expected) in [
        ("3/min", "3/mn", "`mn` is no unit here; did you mean `min`?"),
        ("12ms", "12", "a time needs a unit, such as 12ms"),
        ("200", "0", "at least one tenant"),
        ("250ms", "0ms", "no time at all"),
        ("3/min", "3/min --workload thumnail", "did you mean `thumbnail`?"),
        ("3/min", "3/min --prices no-such.toml", "reading no-such.toml"),
    ] {
        let output = program(folder.path(), &LOAD.replace(from, to));
        assert_eq!(output.status.code(), Some(2), "{to}");
        let text = said(&output);
        assert!(text.contains(expected), "{expected} is not in\n{text}");
    }
}

#[test]
fn a_run_without_tenants_has_no_answer_and_the_line_that_gives_one() {
    let folder = tempfile::tempdir().unwrap();
    Fixture::new(6).write(folder.path());
    let output = program(folder.path(), LOAD);
    let text = said(&output);
    assert_eq!(output.status.code(), Some(3), "{text}");
    assert!(text.contains("no packing was measured"), "{text}");
    assert!(text.contains("cargo xtask run density idle storm throughput"), "{text}");
    assert!(!text.contains("What would change the answer"), "{text}");
}

#[test]
fn where_the_machine_is_unknown_prices_are_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let mut fixture = costed();
    fixture.manifest.fingerprint.memory_bytes = None;
    fixture.write(folder.path());
    let output = program(folder.path(), LOAD);
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("give prices, --prices FILE"), "{}", said(&output));
    assert!(PriceList::weights().unwrap().vcpu_hour.is_none());
}

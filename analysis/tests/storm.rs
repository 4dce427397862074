//! Tenants that were started at once: what their tables show, and what is unknown when one of them failed.

#![allow(clippy::unwrap_used, reason = "clippy knows test functions, not their helpers")]

use crate::support;
use crate::support::Fixture;
use crate::support::rendered::rendered;
use std::collections::BTreeMap;
use weighbridge_analysis::answers::{self, Numbers};
use weighbridge_analysis::explain::explain;
use weighbridge_analysis::load::load;
use weighbridge_schema::manifest::ExperimentEntry;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::parameter::Parameter;
use weighbridge_schema::record::Observation;
use weighbridge_schema::storm::{FailedStart, Storm, TenantStart};

const DEFINITION: &str = r#"
question = "What of storms?"
[method.storm]
starts = [4, 16]
[method.storm.tenants_most]
quick = { native = 16, docker-scratch = 4, wasmtime-aot = 16 }
"#;
const NAMES: [&str; 3] = ["native", "docker-scratch", "wasmtime-aot"];
const MS: u64 = 1_000_000;

/// How long each answer takes after the one before, milliseconds.
fn each_ms(subject: &str) -> u64 {
    match subject {
        "docker-scratch" => 200,
        "wasmtime-aot" => 4,
        _ => 2,
    }
}

/// In the last block one container does not start.
fn fails(subject: &str, invocation: u32) -> bool {
    (subject, invocation) == ("docker-scratch", 7)
}

fn storm(subject: &str, count: u64, invocation: u32) -> Storm {
    let tenant = |number: u64| {
        let failed = || FailedStart { stage: "start".to_owned(), reason: "no room".to_owned() };
        let is_failed = fails(subject, invocation) && number == 0;
        let answered_ns = (number + 1) * each_ms(subject) * MS + u64::from(invocation) * 1_000;
        TenantStart {
            asked_ns: Some(number),
            answered_ns: (!is_failed).then_some(answered_ns),
            failure: is_failed.then(failed),
        }
    };
    Storm { tenants: (0..count).map(tenant).collect() }
}

/// What the runner would write.
fn metrics(storm: &Storm, subject: &str) -> BTreeMap<Metric, u64> {
    let count = storm.tenants.len();
    let failed_count = storm.failures().count();
    let cpu_ns = (failed_count == 0).then_some(each_ms(subject) * MS);
    let known = [
        (Metric::FirstAnswer, storm.answer_ns(1)),
        (Metric::MedianAnswer, storm.answer_ns(count.div_ceil(2))),
        (Metric::LastAnswer, storm.answer_ns(count)),
        (Metric::StartsAnswered, Some((count - failed_count) as u64)),
        (Metric::StartsFailed, Some(failed_count as u64)),
        (Metric::StartCpu, cpu_ns),
    ];
    known.into_iter().filter_map(|(metric, value)| Some((metric, value?))).collect()
}

/// The fixture with storms of 4 and of 16 tenants beside; nobody starts 16 containers.
fn stormed() -> Fixture {
    let mut fixture = Fixture::new(8);
    let entry = ExperimentEntry {
        question: "What of storms?".to_owned(),
        baseline: "native".parse().unwrap(),
        subjects: NAMES.iter().map(|name| name.parse().unwrap()).collect(),
        workloads: vec!["healthz".parse().unwrap()],
        definition_toml: DEFINITION.to_owned(),
    };
    fixture.manifest.experiments.insert("storm".parse().unwrap(), entry);
    let cold_start = |seen: &&Observation| {
        let trial = &seen.trial;
        trial.experiment.as_str() == "cold-start"
            && trial.cell.parameter == Parameter::None
            && trial.cell.workload.as_ref().is_some_and(|name| name.as_str() == "healthz")
            && NAMES.contains(&trial.cell.subject.as_str())
    };
    let begun: Vec<Observation> = fixture.observations.iter().filter(cold_start).cloned().collect();
    for (count, seen) in [4u32, 16].into_iter().flat_map(|n| begun.iter().map(move |o| (n, o))) {
        let mut seen = seen.clone();
        let subject = seen.trial.cell.subject.to_string();
        if subject == "docker-scratch" && count == 16 {
            continue;
        }
        seen.position = fixture.manifest.plan.len() as u64;
        seen.trial.experiment = "storm".parse().unwrap();
        seen.trial.cell.parameter = Parameter::Starts(count);
        let storm = storm(&subject, count.into(), seen.trial.invocation);
        seen.metrics = metrics(&storm, &subject);
        seen.stages_ns.clear();
        seen.storm = Some(storm);
        fixture.manifest.plan.push(seen.trial.clone());
        fixture.observations.push(seen);
    }
    fixture
}

#[test]
fn the_table_shows_the_answers_and_counts_who_failed() {
    let files = rendered(&stormed());
    let table = &files["paper/table-storm.tex"];
    let (few, many) = table.split_once("16 starts at once").unwrap();
    assert!(few.contains("4 starts at once"), "{table}");
    let row = |text: &str, subject: &str| {
        let begin = format!("{subject} & ");
        let row = text.lines().find(|line| line.starts_with(&begin));
        row.unwrap_or_else(|| panic!("{subject} is not in {text}")).to_owned()
    };
    let containers = row(few, "docker-scratch");
    assert!(
        containers.contains("& 1 of 32 & 7 "),
        "the failed visit has no last answer: {containers}"
    );
    let hosts = row(few, "wasmtime-aot");
    // Four answers in 16.003 ms (a block takes 1 µs longer than the one before), twice as long as those of processes.
    for expected in ["16.0", "249.95", "& 0 of 32 & 8 "] {
        assert!(hosts.contains(expected), "{expected}: {hosts}");
    }
    assert!(!many.contains("docker-scratch"), "nobody asked for it: {many}");
    let figure = &files["paper/figure-storm.tex"];
    assert!(figure.contains("16 starts at once") && figure.contains("last answer"), "{figure}");
}

#[test]
fn a_run_without_storms_says_so_in_its_table_and_in_the_published_answers() {
    let files = rendered(&Fixture::new(6));
    assert!(files["paper/table-storm.tex"].contains("not part of this run"));
    let answers = &files["paper/table-published-answers.tex"];
    assert_eq!(answers.matches("starts at once are not measured").count(), 1);
}

#[test]
fn starts_per_second_are_compared_and_each_number_leads_to_its_line() {
    let folder = tempfile::tempdir().unwrap();
    stormed().write(folder.path());
    let run = load(folder.path()).unwrap();
    let results = support::analyse(&run, &[]);
    let ratio = |subject: &str, quantity: &str| {
        let found = results.comparisons.iter().find(|((key, of), _)| {
            key.experiment.as_str() == "storm"
                && key.cell.subject.as_str() == subject
                && key.cell.parameter == Parameter::Starts(4)
                && of.key() == quantity
        });
        found.and_then(|(_, comparison)| comparison.ratio).unwrap()
    };
    assert!((ratio("wasmtime-aot", "storm_last_answer") - 2.0).abs() < 0.01);
    assert!((ratio("wasmtime-aot", "starts_per_second") - 0.5).abs() < 0.01);
    assert!((ratio("docker-scratch", "start_cpu") - 100.0).abs() < 0.01);

    let text = explain(&run, &results, "storm/healthz/starts=16/native/starts_per_second").unwrap();
    let is_of = |seen: &Observation| {
        let cell = &seen.trial.cell;
        seen.storm.is_some()
            && (cell.subject.as_str(), cell.parameter) == ("native", Parameter::Starts(16))
    };
    let at = run.observations.iter().position(is_of).unwrap();
    assert!(text.contains(&format!("{}", at + 1)), "{text}");

    let rows = answers::read().unwrap();
    let mut pairs = rows.iter().flat_map(|answer| &answer.pairs);
    let pair = pairs.find(|pair| pair.of.ends_with("runwasi/starts_per_second")).unwrap();
    assert!(Numbers::of(&results).factor(pair).is_none(), "not in this run");
}

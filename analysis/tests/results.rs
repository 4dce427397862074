//! From a raw log to statistics and verdicts: what must never get in, and what must never vanish.

#![allow(clippy::unwrap_used, reason = "clippy knows test functions, not their helpers")]

use crate::support::{Fixture, key};
use weighbridge_analysis::compare::Effect;
use weighbridge_analysis::judge::Verdict;
use weighbridge_analysis::summarise::missing::Cause;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::parameter::Parameter;
use weighbridge_schema::quantity::{Latency, Quantity};
use weighbridge_schema::record::Outcome;
use weighbridge_statistics::quantile::median;

const START: Quantity = Quantity::Metric(Metric::TimeToFirstResponse);

fn claim(subject: &str, relation: &str, factor: f64) -> String {
    format!(
        "[[claim]]\nname = \"c\"\nsentence = \"s\"\nexperiment = \"cold-start\"\n\
         metric = \"time_to_first_response\"\nworkload = \"healthz\"\nsubject = \"{subject}\"\n\
         versus = \"native\"\nrelation = \"{relation}\"\nfactor = {factor}\n\
         kind = \"confirmatory\"\nsince = {{ at = \"2026-11-21T04:10:00Z\" }}\n"
    )
}

#[test]
fn a_summary_is_the_median_of_its_invocations() {
    let mut fixture = Fixture::new(10);
    let values: Vec<f64> = fixture
        .of("cold-start", "wasmtime-aot")
        .iter()
        .filter(|o| o.trial.cell.workload.as_ref().unwrap().as_str() == "healthz")
        .filter(|o| o.trial.cell.parameter == Parameter::None)
        .map(|o| o.metrics[&Metric::TimeToFirstResponse] as f64)
        .collect();
    fixture.analysed("", |results| {
        let cell = key("cold-start", "wasmtime-aot", Some("healthz"), "-");
        let summary = results.summary(&cell, START).unwrap();
        assert_eq!((summary.n, summary.n_failed), (10, 0));
        assert_eq!(Some(summary.point), median(&values));
        let interval = summary.interval.unwrap();
        assert!(interval.low <= summary.point && summary.point <= interval.high);
        assert_eq!(results.comparison(&cell, START).unwrap().effect, Effect::Slower);
    });
}

#[test]
fn rates_are_derived_per_invocation() {
    let mut fixture = Fixture::new(3);
    for (index, observation) in fixture.of("throughput", "native").into_iter().enumerate() {
        observation.metrics.insert(Metric::RequestsCompleted, 1000 * (index as u64 / 4 + 1));
        observation.metrics.insert(Metric::Measured, 500_000_000);
        observation.metrics.insert(Metric::ServerCpu, 250_000_000);
    }
    fixture.analysed("", |results| {
        let cell = key("throughput", "native", Some("healthz"), "concurrency=8");
        let of = |metric| results.summary(&cell, Quantity::Metric(metric)).unwrap().point;
        assert_eq!(of(Metric::RequestsPerSecond), 4000.0);
        assert_eq!(of(Metric::RequestsPerCpuSecond), 8000.0);
    });
}

#[test]
fn a_smuggled_emulated_time_never_enters() {
    let mut fixture = Fixture::new(3);
    for observation in fixture.of("cold-start", "wasmtime-aot") {
        // One says that it was emulated; another claims not to be, but is of another architecture.
        if observation.trial.invocation == 0 {
            observation.emulated = true;
            observation.metrics.insert(Metric::TimeToFirstResponse, 1);
        }
        if observation.trial.invocation == 1 {
            observation.trial.cell.architecture = "aarch64".to_owned();
            observation.metrics.insert(Metric::TimeToFirstResponse, 1);
        }
    }
    for observation in fixture.of("latency", "native") {
        observation.emulated = true;
    }
    for observation in fixture.of("artifact-size", "native") {
        observation.emulated = true;
    }
    fixture.analysed("", |results| {
        for summary in results.summaries.values().filter(|s| s.quantity == START) {
            assert!(summary.point > 1.0, "{summary:?}");
            assert_eq!(summary.key.cell.architecture, "x86_64");
        }
        let cell = key("cold-start", "wasmtime-aot", Some("healthz"), "-");
        assert_eq!(results.summary(&cell, START).unwrap().n, 1);
        let cell = key("latency", "native", Some("healthz"), "rate=200");
        assert_eq!(results.summary(&cell, Quantity::Latency(Latency::P50)), None);
        assert_eq!(results.missing[&cell].cause, Cause::Emulated);
        // The size of a file is the same under emulation.
        let cell = key("artifact-size", "native", None, "-");
        assert!(results.summary(&cell, Quantity::Metric(Metric::Shipped)).is_some());
    });
}

#[test]
fn a_subject_that_is_not_installed_keeps_its_place() {
    Fixture::new(2).analysed(&claim("spin", "less", 2.0), |results| {
        let cell = key("cold-start", "spin", Some("thumbnail"), "-");
        let missing = &results.missing[&cell];
        assert_eq!(missing.cause, Cause::NotInstalled);
        assert_eq!(missing.remedy.as_deref(), Some("cargo xtask setup --only spin_cli"));
        assert_eq!(results.judged[0].verdict, Verdict::NotMeasured);
        assert!(results.judged[0].reason.as_ref().unwrap().contains("not on PATH"));
    });
}

#[test]
fn one_invocation_has_no_interval_and_decides_nothing() {
    Fixture::new(1).analysed(&claim("wasmtime-aot", "less", 1000.0), |results| {
        let cell = key("cold-start", "wasmtime-aot", Some("healthz"), "-");
        let summary = results.summary(&cell, START).unwrap();
        assert_eq!((summary.n, summary.interval), (1, None));
        let comparison = results.comparison(&cell, START).unwrap();
        assert!(comparison.ratio.is_some());
        assert_eq!((comparison.interval, comparison.effect), (None, Effect::Undecided));
        assert_eq!(results.judged[0].verdict, Verdict::Undecided);
        // A file's size is not sampled: one reading decides.
        let cell = key("artifact-size", "docker-scratch", None, "-");
        let comparison = results.comparison(&cell, Quantity::Metric(Metric::Shipped)).unwrap();
        assert_eq!(comparison.effect, Effect::Higher);
    });
}

#[test]
fn failures_are_counted_and_explained() {
    let mut fixture = Fixture::new(3);
    let fail = || Outcome::Failed { stage: "start".to_owned(), reason: "no such image".to_owned() };
    for observation in fixture.of("cold-start", "docker-scratch") {
        observation.outcome = fail();
    }
    fixture.of("cold-start", "native")[0].outcome = fail();
    fixture.analysed("", |results| {
        let missing = &results.missing[&key("cold-start", "docker-scratch", Some("healthz"), "-")];
        assert_eq!(missing.cause, Cause::Failed);
        assert!(missing.reason.contains("all 3 invocations"), "{missing:?}");
        assert!(missing.reason.contains("start: no such image"), "{missing:?}");
        let native = key("cold-start", "native", Some("healthz"), "-");
        let summary = results.summary(&native, START).unwrap();
        assert_eq!((summary.n, summary.n_failed), (2, 1));
    });
}

#[test]
fn a_run_that_ended_early_says_so() {
    let mut fixture = Fixture::new(1);
    fixture.observations.clear();
    fixture.analysed("", |results| {
        assert!(results.summaries.is_empty());
        let missing = &results.missing[&key("cold-start", "native", Some("healthz"), "-")];
        assert_eq!(missing.cause, Cause::NotReached);
        assert!(missing.reason.contains("ended before"), "{missing:?}");
    });
}

#[test]
fn what_a_run_was_not_asked_for_is_told_from_what_it_did_not_reach() {
    let mut fixture = Fixture::new(1);
    let is_other = |subject: &str| subject != "docker-scratch";
    fixture.manifest.plan.retain(|trial| is_other(trial.cell.subject.as_str()));
    fixture.observations.retain(|o| is_other(o.trial.cell.subject.as_str()));
    fixture.analysed("", |results| {
        let docker = key("cold-start", "docker-scratch", Some("healthz"), "-");
        assert!(results.missing[&docker].reason.contains("not asked"), "{:?}", results.missing);
    });
}

/// A run of one invocation, whose open loop had so many arrivals.
fn with_arrivals(arrivals_count: u64) -> Fixture {
    let mut fixture = Fixture::new(1);
    let mut files = Vec::new();
    for observation in fixture.of("latency", "native") {
        let histogram = observation.histogram.as_mut().unwrap();
        histogram.samples_count = arrivals_count;
        files.push(histogram.file.clone());
    }
    for file in files {
        let histogram = fixture.histograms.get_mut(&file).unwrap();
        histogram.reset();
        histogram.record_n(1_000_000, arrivals_count).unwrap();
    }
    fixture
}

#[test]
fn tails_need_enough_requests_in_each_invocation() {
    let has = |arrivals_count: u64| {
        let mut found = Vec::new();
        with_arrivals(arrivals_count).analysed("", |results| {
            let cell = key("latency", "native", Some("healthz"), "rate=200");
            found = [Latency::P50, Latency::P99, Latency::P999]
                .map(|quantile| results.summary(&cell, Quantity::Latency(quantile)).is_some())
                .to_vec();
        });
        found
    };
    assert_eq!(has(999), [true, false, false]);
    assert_eq!(has(1_000), [true, true, false]);
    assert_eq!(has(10_000), [true, true, true]);
}

#[test]
fn claims_are_judged_by_the_whole_interval() {
    let fixture = Fixture::new(10);
    for (relation, factor, expected) in [
        ("less", 10.0, Verdict::Holds),
        ("less", 1.0, Verdict::Contradicted),
        ("greater", 1.0, Verdict::Holds),
        ("greater", 3.0, Verdict::Undecided),
    ] {
        fixture.analysed(&claim("wasmtime-aot", relation, factor), |results| {
            let judged = &results.judged[0];
            assert_eq!(judged.verdict, expected, "{relation} {factor}: {judged:?}");
        });
    }
}

#[test]
fn the_same_seed_gives_the_same_numbers() {
    let fixture = Fixture::new(4);
    let mut first = None;
    for _ in 0..2 {
        fixture.analysed("", |results| {
            let summaries = results.summaries.clone();
            assert_eq!(*first.get_or_insert(summaries.clone()), summaries);
        });
    }
}

#[test]
fn a_late_or_busy_generator_is_told() {
    let mut fixture = Fixture::new(2);
    for observation in fixture.of("throughput", "native") {
        observation.metrics.insert(Metric::ClientCpu, 420_000_001);
    }
    for observation in fixture.of("throughput", "docker-scratch") {
        observation.metrics.insert(Metric::ClientCpu, 420_000_000);
    }
    for late in fixture.of("latency", "native") {
        late.metrics.insert(Metric::SendLagP99, 51);
        late.metrics.insert(Metric::LatencyP99, 1000);
    }
    fixture.analysed("", |results| {
        let reported = results.notes.iter().filter(|note| note.contains("load generator")).count();
        assert_eq!(reported, 2, "{:?}", results.notes);
        let native_alone = "cells the load generator may have set the pace (native)";
        let begins = |note: &str, experiment: &str| {
            note.starts_with(experiment) && note.contains(native_alone)
        };
        assert!(begins(&results.notes[0], "latency: in most visits of 2 "), "{:?}", results.notes);
        assert!(
            begins(&results.notes[1], "throughput: in most visits of 4 "),
            "{:?}",
            results.notes
        );
    });
}

#[test]
fn one_wrong_answer_or_one_contradicted_claim_does_not_hold() {
    let answered = |equal: u64| {
        let mut fixture = Fixture::new(6);
        for observation in &mut fixture.observations {
            if observation.metrics.contains_key(&Metric::CasesSent) {
                observation.metrics.insert(Metric::CasesSent, 61);
                observation.metrics.insert(Metric::CasesEqual, 61);
            }
        }
        fixture.of("equivalence", "wasmtime-aot")[0].metrics.insert(Metric::CasesEqual, equal);
        fixture
    };
    answered(61).analysed("", |results| assert!(results.hold()));
    answered(60).analysed("", |results| assert!(!results.hold()));
    let contradicted = claim("wasmtime-aot", "greater", 1000.0);
    answered(61).analysed(&contradicted, |results| assert!(!results.hold()));
}

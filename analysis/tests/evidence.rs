//! What makes a number count, and a comparison decided: repeats, stops, blocks, families and calibration.

#![allow(clippy::unwrap_used, reason = "clippy knows test functions, not their helpers")]

use crate::support::{Fixture, calibration, key, stop};
use weighbridge_analysis::compare::{Doubt, Effect};
use weighbridge_analysis::judge::Verdict;
use weighbridge_analysis::load::load;
use weighbridge_analysis::load::question::CellKey;
use weighbridge_analysis::render::beside;
use weighbridge_analysis::results::Results;
use weighbridge_analysis::two_runs::{Beside, Change, beside as put_beside};
use weighbridge_schema::metric::Metric;
use weighbridge_schema::quantity::{Latency, Quantity};
use weighbridge_schema::record::{Observation, Outcome};
use weighbridge_schema::stop::StopReason;
use weighbridge_statistics::steady::Steady;

const START: Quantity = Quantity::Metric(Metric::TimeToFirstResponse);

fn start_of(subject: &str) -> CellKey {
    key("cold-start", subject, Some("healthz"), "-")
}

/// The observations of one subject's cold start of healthz with a warm page cache, by invocation.
fn starts<'a>(fixture: &'a mut Fixture, subject: &str) -> Vec<&'a mut Observation> {
    let cell = start_of(subject).cell;
    let all = fixture.observations.iter_mut();
    all.filter(|o| o.trial.experiment.as_str() == "cold-start" && o.trial.cell == cell).collect()
}

fn set(observation: &mut Observation, value: f64) {
    observation.metrics.insert(Metric::TimeToFirstResponse, value as u64);
}

#[test]
fn of_several_visits_the_last_undisturbed_one_counts() {
    let mut fixture = Fixture::new(1);
    let disturbed = vec!["steal 4 %".to_owned()];
    let first = &mut *starts(&mut fixture, "native").remove(0);
    first.disturbed.clone_from(&disturbed);
    set(first, 1_000.0);
    let mut second = Fixture::repeat(first);
    set(&mut second, 2_000.0);
    let mut third = Fixture::repeat(&second);
    third.disturbed.clear();
    set(&mut third, 3_000.0);
    let check = |visits: Vec<Observation>, value: f64, note: &str| {
        let mut fixture = Fixture::new(1);
        fixture.observations.retain(|o| o.trial != visits[0].trial);
        fixture.observations.extend(visits);
        fixture.analysed("", |results| {
            let summary = results.summary(&start_of("native"), START).unwrap();
            assert_eq!((summary.point, summary.n), (value, 1));
            assert_eq!(results.counts(&start_of("native")), (1, 0));
            assert!(results.notes[0].contains(note), "{:?}", results.notes);
        });
    };
    let first = starts(&mut fixture, "native").remove(0).clone();
    check(vec![first.clone(), second.clone(), third.clone()], 3_000.0, "2 were made again");
    // The order of the lines is not the order of the visits.
    check(vec![third.clone(), second.clone(), first.clone()], 3_000.0, "0 trials count although");
    check(vec![first.clone(), second.clone()], 2_000.0, "1 trials count although");
    // An undisturbed visit stands, whatever was measured after it.
    let calm = Observation { disturbed: Vec::new(), ..first };
    check(vec![calm, second], 1_000.0, "disturbed 1 visits");
}

/// The runner visits what failed for the machine's sake again when a run is resumed.
#[test]
fn a_failure_whose_trial_was_measured_later_is_passed_over_and_a_later_one_is_not() {
    let mut fixture = Fixture::new(1);
    let measured = starts(&mut fixture, "native").remove(0).clone();
    let failed = |observation: &Observation| {
        let outcome = Outcome::Failed { stage: "start".to_owned(), reason: "gone".to_owned() };
        Observation { outcome, metrics: Default::default(), ..observation.clone() }
    };
    let check = |visits: Vec<Observation>, counts: (usize, usize)| {
        let mut fixture = Fixture::new(1);
        fixture.observations.retain(|o| o.trial != visits[0].trial);
        fixture.observations.extend(visits);
        fixture.analysed("", |results| assert_eq!(results.counts(&start_of("native")), counts));
    };
    let again = Fixture::repeat(&measured);
    check(vec![failed(&measured), again.clone()], (1, 0));
    check(vec![measured.clone(), failed(&again)], (1, 1));
}

#[test]
fn a_cell_that_was_precise_wanted_no_more() {
    let mut fixture = Fixture::new(8);
    let cell = start_of("native");
    fixture.stops = vec![stop(&cell, StopReason::Precise, 6)];
    fixture.observations.retain(|o| CellKey::of(&o.trial) != cell || o.trial.invocation < 6);
    let planned = fixture.manifest.plan.len();
    fixture.analysed("", |results| {
        assert_eq!(results.run.wanted_count(), planned - 2);
        assert!(!results.missing.contains_key(&cell));
        assert_eq!(results.summary(&cell, START).unwrap().n, 6);
        // The baseline has six blocks, and so has every comparison with it.
        let comparison = results.comparison(&start_of("wasmtime-aot"), START).unwrap();
        assert!(comparison.interval.is_some());
    });
}

#[test]
fn a_cell_that_the_budget_did_not_reach_says_so() {
    let mut fixture = Fixture::new(2);
    let cell = start_of("wasmtime-jit");
    fixture.stops = vec![stop(&cell, StopReason::Budget, 0)];
    fixture.observations.retain(|o| CellKey::of(&o.trial) != cell);
    fixture.analysed("", |results| {
        assert!(results.missing[&cell].reason.contains("budget"), "{:?}", results.missing[&cell]);
    });
}

/// A machine that becomes four times slower: within each block the ratio is 1.1.
#[test]
fn a_drift_that_both_arms_share_cancels() {
    let mut fixture = Fixture::new(10);
    let pace = |invocation: u32| 1e6 * 4f64.powf(f64::from(invocation) / 9.0);
    for (subject, factor) in [("native", 1.0), ("docker-scratch", 1.1)] {
        for observation in starts(&mut fixture, subject) {
            let value = factor * pace(observation.trial.invocation);
            set(observation, value);
        }
    }
    fixture.analysed("", |results| {
        let comparison = results.comparison(&start_of("docker-scratch"), START).unwrap();
        let interval = comparison.interval.unwrap();
        assert!((comparison.ratio.unwrap() - 1.1).abs() < 1e-3, "{comparison:?}");
        assert!(interval.low > 1.09 && interval.high < 1.11, "{comparison:?}");
    });
}

#[test]
fn blocks_that_one_arm_lacks_are_left_out() {
    let mut fixture = Fixture::new(7);
    fixture
        .observations
        .retain(|o| CellKey::of(&o.trial) != start_of("wasmtime-aot") || o.trial.invocation != 3);
    fixture.observations.retain(|o| {
        o.trial.experiment.as_str() != "latency"
            || o.trial.cell.subject.as_str() != "native"
            || o.trial.invocation != 2
    });
    fixture.analysed("", |results| {
        let interval =
            |key: &CellKey, quantity| results.comparison(key, quantity).unwrap().interval.unwrap();
        let found = interval(&start_of("wasmtime-aot"), START);
        assert!(2.7 < found.low && found.high < 3.4, "{found:?}");
        let latency = key("latency", "wasmtime-aot", Some("healthz"), "rate=200");
        let found = interval(&latency, Quantity::Latency(Latency::P50));
        assert!(1.4 < found.low && found.high < 1.8, "{found:?}");
    });
}

/// Every block has a ratio above 1, and yet the values overlap: by ranks the arms cannot be told apart.
#[test]
fn what_chance_would_give_is_undecided() {
    let mut fixture = Fixture::new(8);
    for (subject, factor) in [("native", 1.0), ("docker-scratch", 1.02)] {
        for observation in starts(&mut fixture, subject) {
            let value = factor * 1e6 * (1.0 + 0.1 * f64::from(observation.trial.invocation));
            set(observation, value);
        }
    }
    let claim = "[[claim]]\nname = \"c\"\nsentence = \"s\"\nexperiment = \"cold-start\"\n\
                 metric = \"time_to_first_response\"\nworkload = \"healthz\"\n\
                 subject = \"docker-scratch\"\nversus = \"native\"\nrelation = \"greater\"\n\
                 factor = 1.0\nkind = \"confirmatory\"\n\
                 since = { at = \"2026-11-21T04:10:00Z\" }\n";
    fixture.analysed(claim, |results| {
        let comparison = results.comparison(&start_of("docker-scratch"), START).unwrap();
        assert!(comparison.interval.unwrap().low > 1.0);
        assert!(comparison.p.unwrap() < comparison.p_adjusted.unwrap() + 1e-12);
        assert!(matches!(comparison.doubt, Some(Doubt::Chance(p)) if p > 0.05), "{comparison:?}");
        assert_eq!(comparison.effect, Effect::Undecided);
        assert_eq!(results.judged[0].verdict, Verdict::Undecided);
        assert!(results.judged[0].reason.as_ref().unwrap().contains("adjusted p"));
        let clear = results.comparison(&start_of("wasmtime-aot"), START).unwrap();
        assert_eq!((clear.effect, clear.doubt, clear.a12), (Effect::Slower, None, Some(1.0)));
    });
}

fn with_smallest_effect(percent: Option<f64>, check: impl FnOnce(&Results<'_>)) {
    let mut fixture = Fixture::new(12);
    for (subject, factor) in [("native", 1.0), ("docker-scratch", 1.03)] {
        for observation in starts(&mut fixture, subject) {
            let value = factor * 1e6 * (1.0 + 0.001 * f64::from(observation.trial.invocation));
            set(observation, value);
        }
    }
    fixture.calibration = percent.map(calibration);
    fixture.analysed("", check);
}

#[test]
fn what_equal_subjects_show_is_undecided() {
    let effect = |results: &Results<'_>| {
        let found = results.comparison(&start_of("docker-scratch"), START).unwrap();
        (found.effect, found.doubt)
    };
    with_smallest_effect(None, |results| {
        assert_eq!(effect(results), (Effect::Slower, None));
        assert!(results.notes.iter().any(|note| note.starts_with("no calibration")));
    });
    with_smallest_effect(Some(2.0), |results| {
        assert_eq!(effect(results), (Effect::Slower, None));
        assert!(results.notes.is_empty(), "{:?}", results.notes);
    });
    with_smallest_effect(Some(4.0), |results| {
        assert_eq!(effect(results), (Effect::Undecided, Some(Doubt::BelowFloor(4.0))));
        let far = results.comparison(&start_of("wasmtime-aot"), START).unwrap();
        assert_eq!(far.effect, Effect::Slower);
        // Nothing was calibrated for memory.
        let pss = key("memory", "wasmtime-aot", Some("healthz"), "idle");
        let pss = results.comparison(&pss, Quantity::Metric(Metric::Pss)).unwrap();
        assert_eq!(pss.effect, Effect::Higher);
    });
}

#[test]
fn a_calibration_of_another_machine_is_not_used() {
    let mut fixture = Fixture::new(6);
    let mut foreign = calibration(50.0);
    foreign.fingerprint.cpu_model = Some("Another".to_owned());
    fixture.calibration = Some(foreign);
    fixture.analysed("", |results| {
        assert!(results.calibration.is_none());
        assert!(results.notes[0].contains("another machine (cpu model Another, here Processor_9"));
    });
    let mut updated = calibration(50.0);
    updated.fingerprint.kernel = Some("6.2.0".to_owned());
    updated.effects[0].false_positives_count = 60;
    fixture.calibration = Some(updated);
    fixture.analysed("", |results| {
        assert!(results.calibration.is_some());
        assert!(
            results.notes[0].ends_with("changed on the machine: kernel"),
            "{:?}",
            results.notes
        );
        assert!(results.notes[1].contains("60 of 400"), "{:?}", results.notes);
        assert!(results.notes[1].contains("narrower"), "{:?}", results.notes);
    });
}

#[test]
fn additional_instances_are_weighed_by_the_slope() {
    Fixture::new(8).analysed("", |results| {
        let cell = key("memory", "native", Some("healthz"), "-");
        let summary = results.summary(&cell, Quantity::Metric(Metric::MarginalPss)).unwrap();
        // The fixture adds 1e6 bytes per instance to 3e6 that are there once, with noise of 5 %.
        assert!((0.8e6..1.2e6).contains(&summary.point), "{summary:?}");
        assert_eq!(summary.n, 8);
        let interval = summary.interval.unwrap();
        assert!(interval.low < 1e6 && 1e6 < interval.high, "{interval:?}");
        let aot = key("memory", "wasmtime-aot", Some("healthz"), "-");
        let ratio = results.comparison(&aot, Quantity::Metric(Metric::MarginalUss)).unwrap();
        assert!((1.8..3.4).contains(&ratio.ratio.unwrap()), "{ratio:?}");
    });
}

#[test]
fn the_pace_of_fresh_instances_is_classified() {
    Fixture::new(6).analysed("", |results| {
        let cell = |subject| key("warm-up", subject, Some("healthz"), "-");
        for pace in &results.paces[&cell("wasmtime-aot")] {
            assert_eq!(pace.steady, Steady::WarmUp { steady_from: 20 });
        }
        assert!(results.paces[&cell("native")].iter().all(|pace| pace.steady == Steady::Flat));
        let never = &results.paces[&cell("wasmtime-jit")];
        assert!(never.iter().all(|pace| pace.steady == Steady::NoSteadyState));
        let median = results.summary(&cell("wasmtime-aot"), Quantity::SteadyLatency).unwrap();
        assert!((118e3..122e3).contains(&median.point) && median.n == 6, "{median:?}");
        assert_eq!(results.summary(&cell("wasmtime-jit"), Quantity::SteadyLatency), None);
    });
}

/// Two runs of the fixture beside each other, the second changed.
fn two_runs(change: impl FnOnce(&mut Fixture)) -> (Beside, String) {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (folder.path().join("a"), folder.path().join("b"));
    let mut fixture = Fixture::new(8);
    fixture.write(&a);
    change(&mut fixture);
    fixture.write(&b);
    let found = put_beside(&load(&a).unwrap(), &load(&b).unwrap(), None, 42).unwrap();
    let text = beside::render("a", "b", &found);
    (found, text)
}

#[test]
fn a_run_is_the_same_as_itself() {
    let (found, text) = two_runs(|_| ());
    assert!(found.differences.is_empty());
    assert!(found.lines.len() > 50, "{}", found.lines.len());
    for line in &found.lines {
        assert_eq!(line.ratio, Some(1.0), "{line:?}");
        let is_open = matches!(line.change, Change::Undecided(_));
        assert!(is_open || line.change == Change::Same, "{line:?}");
    }
    assert!(text.contains("machine, versions, artifacts, pinning and profile are the same"));
    assert!(text.contains("5.0 % (default)"), "{text}");
}

#[test]
fn what_became_slower_larger_or_different_is_told() {
    let (found, text) = two_runs(|fixture| {
        fixture.manifest.fingerprint.kernel = Some("6.2.0".to_owned());
        fixture.manifest.pinning.client_cores = None;
        for observation in starts(fixture, "native") {
            let value = observation.metrics[&Metric::TimeToFirstResponse] as f64 * 1.3;
            set(observation, value);
        }
        for observation in fixture.of("artifact-size", "native") {
            *observation.metrics.get_mut(&Metric::Shipped).unwrap() -= 1;
        }
    });
    let names: Vec<&str> = found.differences.iter().map(|d| d.what.as_str()).collect();
    assert_eq!(names, ["client cores", "kernel"]);
    let change = |key: &CellKey, quantity| {
        found.lines.iter().find(|l| l.key == *key && l.quantity == quantity).unwrap().change
    };
    assert_eq!(change(&start_of("native"), START), Change::Slower);
    let size = key("artifact-size", "native", None, "-");
    assert_eq!(change(&size, Quantity::Metric(Metric::Shipped)), Change::Smaller);
    assert!(text.contains("| 6.1.0 | 6.2.0") && text.contains("1 slower"), "{text}");
}

#[test]
fn few_invocations_decide_nothing_between_runs() {
    let (found, _) = two_runs(|fixture| fixture.observations.retain(|o| o.trial.invocation < 5));
    for line in found.lines.iter().filter(|line| !line.quantity.is_exact()) {
        assert_eq!(line.change, Change::Undecided("too few invocations"), "{line:?}");
    }
}

//! Tests of a session in a lab that follows a script: order, stopping, budget and repetitions.

use super::*;
use crate::plan::order::mini_block;
use crate::run::fake_lab::{
    FakeLab, OPENED_AT_UNIX_NS, Requested, answers_wrongly, shows, shows_raise, shows_series,
    shows_storm,
};
use crate::run::fixture::{Question, go};
use weighbridge_schema::claim::read_claims;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::raise::{Level, Raise, Wall};
use weighbridge_schema::stop::{Stop, StopReason};
use weighbridge_schema::storm::{FailedStart, Storm, TenantStart};

/// A whole run from nothing: its lab, log, stops and what it said.
struct Whole {
    lab: FakeLab,
    log: Vec<Observation>,
    stops: Vec<Stop>,
    printed: String,
}

fn whole(question: &Question, lab: FakeLab, budget: Option<(u64, &[Claim])>) -> Whole {
    let results = tempfile::tempdir().unwrap();
    let mut store = Store::create(results.path(), &question.manifest).unwrap();
    let (end, printed) = go(question, &lab, &mut store, budget);
    assert_eq!(end, End::Complete);
    let log = store.seen.clone();
    let folder = store.finish().unwrap();
    let stops = std::fs::read(folder.join("stops.json")).unwrap();
    Whole { lab, log, stops: serde_json::from_slice(&stops).unwrap(), printed }
}

fn constant() -> FakeLab {
    FakeLab::new(|_| shows(1_000))
}

/// `two` swings by more than the precision that is requested, round a median of 1100; the others are always alike.
fn swinging(requested: &Requested) -> u64 {
    let swing = 100 * u64::from(requested.trial.invocation % 3);
    if requested.is_of("two") { 1_000 + swing } else { 1_000 }
}

#[test]
fn the_plan_is_visited_in_its_order_and_every_visit_is_logged_with_its_place() {
    let question = Question::new(3, 3);
    let Whole { lab, log, printed, .. } = whole(&question, constant(), None);
    let plan = &question.manifest.plan;
    assert_eq!(plan.len(), 18, "three subjects, two workloads, three invocations");
    let requested: Vec<Trial> =
        lab.requested().into_iter().map(|requested| requested.trial).collect();
    assert_eq!(requested, *plan);
    // Block by block, and in each of them the cells that are compared stand side by side.
    assert!(requested.is_sorted_by_key(|trial| trial.invocation));
    assert_eq!(requested.chunk_by(|a, b| mini_block(a) == mini_block(b)).count(), 2 * 3);
    for (index, observation) in log.iter().enumerate() {
        let before_ns = index as u64 * 1_000_000_000;
        assert_eq!(observation.position, index as u64);
        assert_eq!(observation.trial, plan[index]);
        assert_eq!(observation.started_at_unix_ns, OPENED_AT_UNIX_NS + before_ns);
        assert_eq!((observation.duration_ns, observation.repeat), (1_000_000_000, 0));
        assert_eq!(observation.metrics, [(Metric::TimeToFirstResponse, 1_000)].into());
        let version = format!("{} 1.0", observation.trial.cell.subject);
        assert_eq!(observation.subject_version, Some(version));
    }
    assert!(printed.starts_with("measuring r: 18 steps, 0 of them done, about "), "{printed}");
    assert!(printed.contains("[18/18] e "), "{printed}");
}

#[test]
fn a_file_of_a_visit_is_named_after_its_place() {
    let question = Question::new(1, 1);
    let results = tempfile::tempdir().unwrap();
    let mut store = Store::create(results.path(), &question.manifest).unwrap();
    let lab = FakeLab::new(|requested| shows_series(&[requested.position, 7]));
    assert_eq!(go(&question, &lab, &mut store, None).0, End::Complete);
    for observation in &store.seen {
        let series = observation.series.as_ref().unwrap();
        let begin =
            format!("series/{:05}-e-{}-", observation.position, observation.trial.cell.subject);
        assert!(series.file.starts_with(&begin), "{}", series.file);
        let text = std::fs::read_to_string(store.folder().join(&series.file)).unwrap();
        assert_eq!((text, series.iterations_count), (format!("[{},7]", observation.position), 2));
    }
}

#[test]
fn a_wall_is_in_the_log_with_the_levels_before_it_and_a_raise_that_failed_has_none() {
    let raise = |wall: Wall| {
        let metrics = std::collections::BTreeMap::from([(Metric::PackingPss, 7)]);
        let levels = vec![Level { tenants_count: 1, metrics }];
        Raise { levels, wall, reason: Some("why".to_owned()) }
    };
    let lab = FakeLab::new(move |requested| match requested.trial.cell.subject.as_str() {
        "one" => answers_wrongly(),
        "two" => shows_raise(raise(Wall::Latency)),
        _ => shows_raise(raise(Wall::Memory)),
    });
    let Whole { log, .. } = whole(&Question::new(1, 1), lab, None);
    for observation in &log {
        let wall = observation.raise.as_ref().map(|raise| raise.wall);
        let expected = match observation.trial.cell.subject.as_str() {
            "one" => None,
            "two" => Some(Wall::Latency),
            _ => Some(Wall::Memory),
        };
        assert_eq!(wall, expected, "{}", observation.trial.cell);
        assert_eq!(wall.is_none(), observation.outcome != Outcome::Ok);
    }
}

#[test]
fn a_tenant_that_failed_is_in_the_log_with_its_reason_and_the_storm_counts() {
    let failure = FailedStart { stage: "start".to_owned(), reason: "no room".to_owned() };
    let failed =
        TenantStart { asked_ns: Some(3), answered_ns: None, failure: Some(failure.clone()) };
    let answered = TenantStart { asked_ns: Some(0), answered_ns: Some(9), failure: None };
    let storm = Storm { tenants: vec![answered, failed] };
    let lab = FakeLab::new(move |_| shows_storm(storm.clone()));
    let Whole { log, .. } = whole(&Question::new(1, 1), lab, None);
    assert!(!log.is_empty());
    for observation in &log {
        let failures: Vec<_> = observation.storm.iter().flat_map(Storm::failures).collect();
        assert_eq!((failures, &observation.outcome), (vec![(1, &failure)], &Outcome::Ok));
    }
}

#[test]
fn a_precise_cell_ends_and_the_others_continue_with_their_baseline() {
    let question = Question::new(10, 20);
    let lab = FakeLab::new(|requested| {
        shows(if requested.workload() == "w" { swinging(requested) } else { 1_000 })
    });
    let Whole { log, stops, printed, .. } = whole(&question, lab, None);
    let invocations = |subject: &str, workload: &str| -> Vec<u32> {
        let of = log.iter().map(|observation| &observation.trial).filter(|trial| {
            let cell = &trial.cell;
            cell.subject.as_str() == subject
                && cell.workload.as_ref().is_some_and(|name| name.as_str() == workload)
        });
        of.map(|trial| trial.invocation).collect()
    };
    let all: Vec<u32> = (0..20).collect();
    assert_eq!(invocations("two", "w"), all);
    assert_eq!(invocations("base", "w"), all, "the partner of `two`");
    // Precise with 10 visits, a quarter more for certainty, and every fourth beside those that go on.
    assert_eq!(invocations("one", "w"), [&all[..13], &[16]].concat());
    for subject in ["base", "one", "two"] {
        assert_eq!(invocations(subject, "v"), all[..13], "nobody beside it goes on");
    }
    for stop in stops {
        let is_open = stop.cell.subject.as_str() == "two"
            && stop.cell.workload.is_some_and(|name| name.as_str() == "w");
        let expected = if is_open { StopReason::Most } else { StopReason::Precise };
        assert_eq!(stop.reason, expected);
    }
    let skipped = printed.lines().filter(|line| line.ends_with(": not needed")).count();
    assert_eq!(skipped, question.manifest.plan.len() - log.len());
}

#[test]
fn a_part_of_a_larger_run_visits_all_of_its_plan() {
    let mut question = Question::new(10, 20);
    question.manifest.fixed = true;
    let Whole { log, stops, .. } = whole(&question, constant(), None);
    assert_eq!(log.len(), question.manifest.plan.len());
    assert!(stops.iter().all(|stop| stop.reason == StopReason::Fixed));
}

#[test]
fn a_spent_budget_leaves_the_least_invocations() {
    let question = Question::new(10, 20);
    let Whole { log, stops, .. } =
        whole(&question, FakeLab::new(|requested| shows(swinging(requested))), Some((0, &[])));
    let mut least: Vec<Trial> = question.manifest.plan.clone();
    least.retain(|trial| trial.invocation < 10);
    assert_eq!(log.into_iter().map(|o| o.trial).collect::<Vec<_>>(), least);
    for stop in stops {
        let is_open = stop.cell.subject.as_str() == "two";
        let expected = if is_open { StopReason::Budget } else { StopReason::Precise };
        assert_eq!((stop.reason, stop.invocations_count), (expected, 10), "{}", stop.cell);
    }
}

#[test]
fn with_time_enough_nothing_is_left_out() {
    let question = Question::new(10, 20);
    let Whole { log, stops, .. } = whole(
        &question,
        FakeLab::new(|requested| shows(swinging(requested))),
        Some((1_000_000, &[])),
    );
    let of_two = log.iter().filter(|o| o.trial.cell.subject.as_str() == "two").count();
    assert_eq!(of_two, 2 * 20);
    assert!(stops.iter().all(|stop| stop.reason != StopReason::Budget));
}

/// The workloads of the visits that a budget allows beyond the least, twenty of them.
fn beyond_the_least(claims: &[Claim]) -> Vec<String> {
    let question = Question::new(10, 40);
    // With `v`, `two` swings three times as much as `one` does with `w`.
    let lab = FakeLab::new(|requested| {
        let swing = u64::from(requested.trial.invocation % 3);
        let ns = match (requested.trial.cell.subject.as_str(), requested.workload()) {
            ("two", "v") => 1_000 + 200 * swing,
            ("one", "w") => 1_000 + 60 * swing,
            _ => 1_000,
        };
        shows(ns).lasting_ms(500)
    });
    let Whole { lab, .. } = whole(&question, lab, Some((30 + 10, claims)));
    let beyond = lab.requested().into_iter().filter(|requested| requested.trial.invocation >= 10);
    let workloads: Vec<String> = beyond.map(|requested| requested.workload().to_owned()).collect();
    assert_eq!(workloads.len(), 20);
    workloads
}

#[test]
fn time_goes_where_intervals_are_widest_and_first_of_all_to_an_open_claim() {
    assert!(beyond_the_least(&[]).iter().all(|workload| workload == "v"));
    let claim = |factor: &str| {
        let text = format!(
            "[[claim]]\nname = \"c\"\nsentence = \"s\"\nexperiment = \"e\"\nmetric = \"m\"\nworkload = \"w\"\n\
             subject = \"one\"\nversus = \"base\"\nrelation = \"less\"\nfactor = {factor}\n\
             kind = \"confirmatory\"\nsince = {{ at = \"2026-11-21T04:10:00Z\" }}\n"
        );
        read_claims("c", &text).unwrap()
    };
    // The median ratio is 1.06: a factor of 1.06 is undecided, and one of 9 has long been decided.
    assert!(beyond_the_least(&claim("1.06")).iter().all(|workload| workload == "w"));
    assert!(beyond_the_least(&claim("9.0")).iter().all(|workload| workload == "v"));
}

/// `one` with `w` is disturbed when `is_disturbed`; its noise is known from invocation 3 on.
fn disturbed(is_disturbed: impl Fn(&Requested) -> bool + 'static) -> FakeLab {
    FakeLab::new(move |requested| {
        let is_meant =
            requested.is_of("one") && requested.workload() == "w" && is_disturbed(requested);
        shows(1_000).under_pressure(if is_meant { 50 } else { 1 })
    })
}

#[test]
fn a_disturbed_trial_is_visited_again_after_its_block_and_beside_its_baseline() {
    let question = Question::new(6, 6);
    let lab = disturbed(|requested| requested.trial.invocation == 4 && requested.repeat == 0);
    let Whole { lab, log, printed, .. } = whole(&question, lab, None);
    assert_eq!(log.len(), 36 + 2);
    let requested = lab.requested();
    let (again, after) = (&requested[30..32], &requested[32..]);
    let mut subjects: Vec<&str> = Vec::new();
    for requested in again {
        assert_eq!(
            (requested.repeat, requested.trial.invocation, requested.workload()),
            (1, 4, "w")
        );
        assert_eq!(question.manifest.plan[requested.position as usize], requested.trial);
        subjects.push(requested.trial.cell.subject.as_str());
    }
    subjects.sort_unstable();
    assert_eq!(subjects, ["base", "one"]);
    assert!(after.iter().all(|requested| requested.repeat == 0 && requested.trial.invocation == 5));
    let reasons: Vec<&str> =
        log.iter().flat_map(|observation| &observation.disturbed).map(String::as_str).collect();
    assert_eq!(
        reasons,
        ["CPU pressure 50.0 %, usual for this cell 1.0 %, limit 10 points above"],
        "the first visit stays in the log as what it was"
    );
    assert!(printed.contains("2 more steps"), "{printed}");
    assert!(!printed.contains(" 0 more steps"), "nothing to repeat is not worth a line: {printed}");
}

#[test]
fn before_a_cells_noise_is_known_nothing_counts_as_disturbed() {
    let question = Question::new(3, 3);
    let Whole { log, .. } = whole(&question, disturbed(|_| true), None);
    assert_eq!(log.len(), 18);
    assert!(log.iter().all(|observation| observation.disturbed.is_empty()));
}

#[test]
fn repetitions_end_after_two_rounds_or_a_quarter_of_the_planned_time() {
    let question = Question::new(8, 8);
    let Whole { lab, .. } =
        whole(&question, disturbed(|requested| requested.trial.invocation >= 3), None);
    let again_in = |invocation: u32| {
        let requested = lab.requested().into_iter();
        requested.filter(|a| a.repeat > 0 && a.trial.invocation == invocation).count()
    };
    // Of 6 visits a block, a round of repetitions has 2. It begins as long as the earlier ones took no more than a
    // quarter of what was planned: after blocks 3 to 7 that is 6, 7.5, 9, 10.5 and 12 visits.
    assert_eq!([3, 4, 5, 6, 7].map(again_in), [4, 4, 2, 2, 2]);
    let numbers: Vec<u32> =
        lab.requested().iter().filter(|a| a.trial.invocation == 3).map(|a| a.repeat).collect();
    assert_eq!(numbers, [0, 0, 0, 0, 0, 0, 1, 1, 2, 2]);
}

#[path = "session_end_tests.rs"]
mod ends;

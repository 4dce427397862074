//! Tests of verdicts that are sought: which claims are decided, when, and how often wrongly.

use super::*;
use crate::run::fake_lab::{FakeLab, Requested, shows};
use crate::run::fixture::{Question, go};
use crate::run::session::End;
use crate::run::store::Store;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;
use weighbridge_schema::claim::read_claims;
use weighbridge_schema::request::RunRequest;
use weighbridge_schema::stop::{Stop, StopReason};

/// A claim that `one`'s cold start with `workload` is longer than this many times that of `base`.
fn claim(name: &str, workload: &str, factor: f64) -> Claim {
    let text = format!(
        "[[claim]]\nname = \"{name}\"\nsentence = \"s\"\nexperiment = \"e\"\nmetric = \"time_to_first_response\"\n\
         workload = \"{workload}\"\nsubject = \"one\"\nversus = \"base\"\nrelation = \"greater\"\n\
         factor = {factor:?}\nkind = \"exploratory\"\nsince = {{ at = \"2026-01-01T00:00:00Z\" }}\n"
    );
    read_claims("c", &text).unwrap().remove(0)
}

/// `one` takes 1.0 to 1.2 times as long as `base`.
fn swinging(requested: &Requested) -> u64 {
    let swing = 100 * u64::from(requested.trial.invocation % 3);
    if requested.is_of("one") { 1_000 + swing } else { 1_000 }
}

/// The visits of each subject and workload, and how the cells ended, of a run that seeks the verdicts of `claims`.
fn sought(claims: &[Claim], seconds: u64) -> (BTreeMap<(String, String), usize>, Vec<Stop>) {
    let mut question = Question::new(10, 40);
    let request = RunRequest {
        claim: claims.iter().map(|claim| claim.name.clone()).collect(),
        budget_ms: Some(seconds * 1000),
        ..RunRequest::default()
    };
    question.manifest.request = Some(request);
    let results = tempfile::tempdir().unwrap();
    let mut store = Store::create(results.path(), &question.manifest).unwrap();
    let lab = FakeLab::new(|requested| shows(swinging(requested)));
    let (end, _) = go(&question, &lab, &mut store, Some((seconds, claims)));
    assert_eq!(end, End::Complete);
    let mut counts = BTreeMap::new();
    for observation in &store.seen {
        let Cell { subject, workload, .. } = &observation.trial.cell;
        let key = (subject.to_string(), workload.as_ref().unwrap().to_string());
        *counts.entry(key).or_default() += 1;
    }
    let folder = store.finish().unwrap();
    let stops = std::fs::read(folder.join("stops.json")).unwrap();
    (counts, serde_json::from_slice(&stops).unwrap())
}

#[test]
fn what_an_open_claim_rests_on_goes_on_and_the_rest_ends_with_the_least_number() {
    let (counts, stops) = sought(&[claim("far", "v", 4.0), claim("near", "w", 1.1)], 1_000_000);
    let count = |subject: &str, workload: &str| counts[&(subject.to_owned(), workload.to_owned())];
    assert_eq!((count("one", "v"), count("base", "v")), (10, 10), "decided at the first look");
    assert_eq!((count("one", "w"), count("base", "w")), (40, 40), "the factor is the median");
    assert_eq!(count("two", "w"), 10, "no claim rests on it");
    for stop in stops {
        let is_near = stop.cell.workload.as_ref().unwrap().as_str() == "w";
        let is_open = is_near && stop.cell.subject.as_str() != "two";
        let expected = if is_open { StopReason::Most } else { StopReason::Decided };
        assert_eq!(stop.reason, expected, "{}", stop.cell);
    }
}

#[test]
fn a_claim_whose_other_side_is_not_measured_asks_for_no_more_than_the_least_number() {
    let mut claim = claim("near", "w", 1.1);
    claim.versus = "absent".parse().unwrap();
    let (counts, stops) = sought(&[claim], 1_000_000);
    assert!(counts.values().all(|&count| count == 10), "{counts:?}");
    assert!(stops.iter().all(|stop| stop.reason == StopReason::Decided), "{stops:?}");
}

#[test]
fn a_spent_budget_leaves_an_open_claim_open() {
    let (counts, stops) = sought(&[claim("near", "w", 1.1)], 0);
    assert!(counts.values().all(|&count| count == 10), "{counts:?}");
    let one = stops.iter().find(|stop| {
        stop.cell.subject.as_str() == "one" && stop.cell.workload.as_ref().unwrap().as_str() == "w"
    });
    assert_eq!(one.unwrap().reason, StopReason::Budget);
}

/// The share of 400 runs of up to 200 blocks in which a claim is decided although its ratio is the factor itself, by
/// looks after each block from the tenth on, at this distance.
fn wrong_share(distance_half_widths: f64) -> f64 {
    let mut random = ChaCha8Rng::seed_from_u64(7);
    // Twelve uniform numbers add up to a normal one, near enough: variance 1, mean 6.
    let mut normal = || (0..12).map(|_| random.random::<f64>()).sum::<f64>() - 6.0;
    let runs = 400;
    let wrong = (0..runs).filter(|_| {
        let logs: Vec<f64> = (0..200).map(|_| 0.1 * normal()).collect();
        (10..=logs.len()).any(|count| {
            let logs = &logs[..count];
            let interval = median_interval(logs).unwrap();
            let half = (interval.high - interval.low) / 2.0;
            median(logs).unwrap().abs() >= distance_half_widths * half
        })
    });
    wrong.count() as f64 / f64::from(runs)
}

#[test]
fn looking_after_each_block_errs_less_than_once_in_twenty() {
    assert!(wrong_share(1.0) > 0.05, "the interval alone errs more often");
    let share = wrong_share(DISTANCE_HALF_WIDTHS);
    assert!(share < 0.05, "{share}");
}

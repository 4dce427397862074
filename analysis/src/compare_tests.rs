//! Tests of what decides a comparison, and what keeps it open.

use super::*;
use weighbridge_schema::metric::Metric;

fn decided(metric: Metric, low: f64, high: f64, p: Option<f64>, floor: Option<f64>) -> Effect {
    let quantity = Quantity::Metric(metric);
    let interval = Interval { low, high };
    match doubt(quantity, Some(low.midpoint(high)), Some(interval), p, floor) {
        None => effect(quantity, interval),
        Some(_) => Effect::Undecided,
    }
}

fn check(metric: Metric, low: f64, high: f64, expected: Effect) {
    assert_eq!(decided(metric, low, high, None, None), expected);
}

#[test]
fn only_an_interval_without_one_decides() {
    check(Metric::TimeToFirstResponse, 0.5, 0.9, Effect::Faster);
    check(Metric::TimeToFirstResponse, 1.1, 1.9, Effect::Slower);
    check(Metric::Pss, 0.5, 0.9, Effect::Lower);
    check(Metric::RequestsPerSecond, 1.1, 1.9, Effect::Higher);
    check(Metric::Pss, 0.9, 1.1, Effect::Undecided);
    check(Metric::Pss, 0.9, 1.0, Effect::Undecided);
    check(Metric::Pss, 1.0, 1.0, Effect::Undecided);
    check(Metric::Shipped, 1.0, 1.0, Effect::Equal);
}

#[test]
fn every_doubt_has_its_reason() {
    let quantity = Quantity::Metric(Metric::TimeToFirstResponse);
    let interval = Some(Interval { low: 1.01, high: 1.03 });
    let found = |ratio, interval, p, floor| doubt(quantity, ratio, interval, p, floor);
    assert_eq!(found(None, None, None, None), Some(Doubt::Undefined));
    assert_eq!(found(Some(1.02), None, None, None), Some(Doubt::TooFew));
    assert_eq!(found(Some(1.02), interval, None, None), None);
    assert_eq!(found(Some(1.02), interval, Some(0.05), Some(1.0)), None);
    assert_eq!(found(Some(1.02), interval, Some(0.051), None), Some(Doubt::Chance(0.051)));
    assert_eq!(found(Some(1.02), interval, Some(0.01), Some(2.1)), Some(Doubt::BelowFloor(2.1)));
}

/// The point estimate may lie beyond the floor: as long as the near end of the interval does not, equal things are as
/// good an explanation.
#[test]
fn the_near_end_of_the_interval_must_lie_beyond_the_floor() {
    let floor = 12.7;
    assert!(reaches_below(Interval { low: 1.05, high: 1.60 }, floor));
    assert!(!reaches_below(Interval { low: 1.13, high: 1.60 }, floor));
    assert!(reaches_below(Interval { low: 0.40, high: 0.90 }, floor));
    assert!(!reaches_below(Interval { low: 0.40, high: 0.87 }, floor));
    assert!(reaches_below(Interval { low: 0.9, high: 1.2 }, floor));
}

/// Under commit 8da7646 the start of a throughput trial, whose page cache nobody warms, stood in a table.
#[test]
fn a_start_is_a_number_of_cold_starts_alone() {
    let start = Quantity::Metric(Metric::TimeToFirstResponse);
    use QuestionKind::{
        ColdStart, GuestLanguages, HighestRate, Latency, Memory, Throughput, WarmUp,
    };
    for kind in [Throughput, Latency, Memory, HighestRate, WarmUp] {
        assert!(!is_reported(kind, start), "{kind:?}");
        assert!(!is_reported(kind, Quantity::Metric(Metric::HarnessShare)), "{kind:?}");
        assert!(!is_reported(kind, Quantity::Stage(weighbridge_schema::record::Stage::Response)));
        assert!(is_reported(kind, Quantity::Metric(Metric::Pss)));
    }
    assert!(is_reported(ColdStart, start) && is_reported(GuestLanguages, start));
}

/// The family is an experiment's comparisons of one quantity: others do not make it larger.
#[test]
fn families_are_corrected_one_by_one() {
    let mut all = vec![
        comparison("x", Metric::Pss, Some(0.02)),
        comparison("x", Metric::Pss, Some(0.04)),
        comparison("x", Metric::Pss, Some(0.01)),
        comparison("x", Metric::Uss, Some(0.03)),
        comparison("y", Metric::Pss, None),
    ];
    adjust(&mut all);
    let adjusted: Vec<Option<f64>> = all.iter().map(|c| c.p_adjusted).collect();
    assert_eq!(adjusted, [Some(0.04), Some(0.04), Some(0.03), Some(0.03), None]);
}

/// Six values above six others have p = 2 / 924: times 23 that is below 0.05, and times 24 above.
#[test]
fn a_family_that_nothing_can_pass_is_told() {
    let family = |count| vec![comparison("x", Metric::Pss, Some(2.0 / 924.0)); count];
    assert!(notes(&family(23)).is_empty());
    let found = notes(&family(24));
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("x: 6 invocations are too few to decide any of 24"), "{found:?}");
}

fn comparison(experiment: &str, metric: Metric, p: Option<f64>) -> Comparison {
    Comparison {
        key: CellKey {
            experiment: experiment.parse().unwrap(),
            cell: weighbridge_schema::plan::Cell {
                subject: "a".parse().unwrap(),
                workload: None,
                architecture: "x86_64".to_owned(),
                parameter: weighbridge_schema::parameter::Parameter::None,
            },
        },
        quantity: Quantity::Metric(metric),
        versus: "b".parse().unwrap(),
        ratio: Some(1.5),
        interval: Some(Interval { low: 1.4, high: 1.6 }),
        without_repeats: None,
        n: (6, 6),
        a12: Some(0.9),
        p,
        p_adjusted: None,
        effect: Effect::Undecided,
        doubt: None,
    }
}

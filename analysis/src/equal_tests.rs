//! Tests of the floors that equal things set.

use super::*;
use crate::compare::Effect;
use weighbridge_schema::manifest::Fingerprint;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::parameter::Parameter;
use weighbridge_schema::plan::Cell;

const RATE: Quantity = Quantity::Metric(Metric::RequestsPerSecond);

fn key(workload: &str) -> CellKey {
    CellKey {
        experiment: "throughput".parse().unwrap(),
        cell: Cell {
            subject: "native-twin".parse().unwrap(),
            workload: Some(workload.parse().unwrap()),
            architecture: "x86_64".to_owned(),
            parameter: Parameter::Concurrency(8),
        },
    }
}

fn comparison(workload: &str, ratio: f64) -> Comparison {
    Comparison {
        key: key(workload),
        quantity: RATE,
        versus: "native".parse().unwrap(),
        ratio: Some(ratio),
        interval: None,
        without_repeats: None,
        n: (10, 10),
        a12: None,
        p: None,
        p_adjusted: None,
        effect: Effect::Undecided,
        doubt: None,
    }
}

fn percent(floors: &Floors, workload: &str) -> f64 {
    (floors.of(&key(workload), RATE).unwrap().percent * 10.0).round() / 10.0
}

#[test]
fn the_largest_seeming_effect_of_the_workload_counts() {
    let of_healthz = [1.01, 0.98, 1.0, 1.03, 0.99].map(|ratio| comparison("healthz", ratio));
    let of_thumbnail = [1.1, 1.0, 0.95, 1.0, 1.02].map(|ratio| comparison("thumbnail", ratio));
    let floors = Floors::new(&[of_healthz, of_thumbnail].concat(), None);
    assert_eq!((percent(&floors, "healthz"), percent(&floors, "thumbnail")), (3.0, 10.0));
    let found = floors.of(&key("healthz"), RATE).unwrap();
    assert_eq!(found.source, Source::Twins { comparisons_count: 5, is_pooled: false });
    assert_eq!(floors.of(&key("healthz"), Quantity::Metric(Metric::Pss)), None);
}

#[test]
fn a_workload_with_few_comparisons_takes_those_of_all() {
    let few = [comparison("healthz", 1.02), comparison("thumbnail", 1.1)];
    let floors = Floors::new(&few, None);
    let found = floors.of(&key("healthz"), RATE).unwrap();
    assert_eq!(found.source, Source::Twins { comparisons_count: 2, is_pooled: true });
    assert_eq!(percent(&floors, "healthz"), 10.0);
}

#[test]
fn a_run_without_twins_has_the_calibration_and_twins_come_before_it() {
    let calibrated = weighbridge_schema::calibration::CalibratedEffect {
        experiment: "throughput".parse().unwrap(),
        quantity: RATE.key(),
        workload: None,
        parameter: Parameter::None,
        invocations_per_arm_count: 8,
        comparisons_count: 100,
        false_positives_count: 5,
        expected_low_count: 1,
        expected_high_count: 10,
        smallest_effect_percent: 1.8,
    };
    let calibration = Calibration {
        schema_version: weighbridge_schema::SCHEMA_VERSION,
        run: "aa".to_owned(),
        fingerprint: Fingerprint::default(),
        effects: vec![calibrated],
    };
    let floors = Floors::new(&[], Some(calibration.clone()));
    let found = floors.of(&key("healthz"), RATE).unwrap();
    assert_eq!(found, Floor { percent: 1.8, source: Source::Calibration });
    let floors = Floors::new(&[comparison("healthz", 1.127)], Some(calibration));
    assert_eq!(percent(&floors, "healthz"), 12.7);
}

//! Tests of the stopping rule: who goes on, who ends, and that a resumed run decides alike.

use super::*;
use proptest::prelude::*;
use weighbridge_schema::claim::{ClaimKind, Relation, Since};
use weighbridge_schema::record::Noise;
use weighbridge_schema::subject::parse_subjects;
use weighbridge_schema::workload::parse_workloads;

fn definition() -> Definition {
    let subject = |name: &str| {
        format!(
            "[subjects.{name}]\ntitle = \"t\"\ntechnology = \"native\"\nboundary = \"b\"\nisolation = \"i\"\n\
             version = [\"x\"]\nstart.process = {{ program = \"x\", arguments = [] }}\n\
             size = {{ shipped = [], runtime = [] }}\n"
        )
    };
    let subjects = parse_subjects("s", &["base", "one", "two"].map(subject).concat()).unwrap();
    let workloads = format!(
        "[workloads.w]\nmethod = \"GET\"\npath = \"/\"\nexpect = {{ status = 200, sha256 = \"{}\" }}\n",
        "0".repeat(64)
    );
    let workloads = parse_workloads("w", &workloads).unwrap();
    let text = r#"
question = "q"
baseline = "base"
subjects = ["base", "one", "two"]
workloads = ["w"]
architectures = ["host"]
precision_percent = 5
[method.cold-start]
[profiles]
smoke = { invocations = 1 }
quick = { invocations = 10, invocations_max = 20 }
paper = { invocations = 10, invocations_max = 40 }
"#;
    Definition::parse("d", "e".parse().unwrap(), text, &subjects, &workloads).unwrap()
}

fn definitions() -> BTreeMap<ExperimentName, Definition> {
    BTreeMap::from([("e".parse().unwrap(), definition())])
}

fn plan() -> Vec<Trial> {
    let definition = definition();
    let planned = definition.settings(Profile::Quick).planned_invocations();
    definition.trials(Profile::Quick, "x86_64", 0..planned)
}

fn observe(trial: &Trial, value: u64) -> Observation {
    Observation {
        schema_version: 2,
        run: "r".to_owned(),
        position: 0,
        trial: trial.clone(),
        subject_version: Some("1".to_owned()),
        machine: None,
        emulated: false,
        started_at_unix_ns: 1,
        duration_ns: 1,
        stages_ns: BTreeMap::new(),
        metrics: BTreeMap::from([(Metric::TimeToFirstResponse, value)]),
        histogram: None,
        series: None,
        raise: None,
        storm: None,
        isolation: None,
        overhead: None,
        noise: Noise::default(),
        repeat: 0,
        disturbed: Vec::new(),
        outcome: Outcome::Ok,
        remarks: Vec::new(),
    }
}

/// `one` is always 1000; `two` swings by a factor of two; the baseline does not vary either.
fn value(trial: &Trial) -> u64 {
    match trial.cell.subject.as_str() {
        "two" => 1000 + 1000 * u64::from(trial.invocation % 2),
        _ => 1000,
    }
}

/// Goes through the plan as a session does, from the log in `seen`, until `most` visits are made.
fn go(seen: &[Observation], most: usize) -> (Vec<Observation>, Vec<Stop>) {
    let (plan, definitions) = (plan(), definitions());
    let mut stopping = Stopping::new(&plan, &definitions, Profile::Quick, &[], false);
    seen.iter().for_each(|observation| stopping.note(observation));
    let mut seen = seen.to_vec();
    for block in plan.chunk_by(|a, b| a.invocation == b.invocation) {
        stopping.begin_block(block[0].invocation, true);
        for trial in block {
            let is_done = seen.iter().any(|o| o.trial == *trial);
            if is_done || !stopping.wants(trial) || seen.len() >= most {
                continue;
            }
            let observation = observe(trial, value(trial));
            stopping.note(&observation);
            seen.push(observation);
        }
    }
    stopping.begin_block(u32::MAX, false);
    let stops = stopping.stops(false);
    (seen, stops)
}

#[test]
fn the_precise_cell_ends_and_the_baseline_stays_with_the_other() {
    let (seen, stops) = go(&[], usize::MAX);
    let count = |name: &str| seen.iter().filter(|o| o.trial.cell.subject.as_str() == name).count();
    // Precise with 10, a quarter more, and now and then beside those that go on.
    assert_eq!((count("base"), count("one"), count("two")), (20, 14, 20));
    let visits: Vec<u32> = (seen.iter().filter(|o| o.trial.cell.subject.as_str() == "one"))
        .map(|o| o.trial.invocation)
        .collect();
    assert_eq!(visits[12..], [12, 16]);
    let reason =
        |name: &str| stops.iter().find(|s| s.cell.subject.as_str() == name).unwrap().reason;
    assert_eq!(reason("one"), StopReason::Precise);
    assert_eq!(reason("base"), StopReason::Precise);
    assert_eq!(reason("two"), StopReason::Most);
    assert!(stops.iter().all(|stop| stop.target_percent == Some(5.0)));
}

proptest! {
    #[test]
    fn a_resumed_run_makes_the_same_visits(cut in 0usize..54) {
        let (whole, stops) = go(&[], usize::MAX);
        let (part, _) = go(&[], cut);
        let (resumed, resumed_stops) = go(&part, usize::MAX);
        let trials = |seen: &[Observation]| seen.iter().map(|o| o.trial.clone()).collect::<Vec<_>>();
        prop_assert_eq!(trials(&resumed), trials(&whole));
        prop_assert_eq!(resumed_stops, stops);
    }
}

#[test]
fn a_failed_visit_is_no_value_and_a_repetition_does_not_decide() {
    let (plan, definitions) = (plan(), definitions());
    let mut stopping = Stopping::new(&plan, &definitions, Profile::Quick, &[], false);
    for trial in plan.iter().filter(|t| t.invocation < 10 && t.cell.subject.as_str() == "one") {
        let mut observation = observe(trial, 1000);
        if trial.invocation == 0 {
            observation.outcome =
                Outcome::Failed { stage: "start".to_owned(), reason: "no".to_owned() };
        }
        stopping.note(&observation);
        stopping.note(&Observation { repeat: 1, ..observe(trial, 1000) });
    }
    stopping.begin_block(10, true);
    let next =
        plan.iter().find(|t| t.invocation == 10 && t.cell.subject.as_str() == "one").unwrap();
    assert!(stopping.wants(next), "nine values are fewer than the least number");
}

fn claim(subject: &str, factor: f64) -> Claim {
    Claim {
        name: subject.to_owned(),
        sentence: "s".to_owned(),
        experiment: "e".parse().unwrap(),
        metric: "time_to_first_response".to_owned(),
        workload: Some("w".parse().unwrap()),
        parameter: None,
        subject: subject.parse().unwrap(),
        versus: "base".parse().unwrap(),
        relation: Relation::Greater,
        factor,
        kind: ClaimKind::Exploratory,
        since: Since { at: "2026-11-29T00:00:00Z".to_owned(), revision: None },
        changed: Vec::new(),
    }
}

/// A narrow interval that later visits have widened is not called precise.
#[test]
fn precise_is_what_is_printed() {
    let (plan, definitions) = (plan(), definitions());
    let mut stopping = Stopping::new(&plan, &definitions, Profile::Quick, &[], false);
    for trial in plan.iter().filter(|t| t.cell.subject.as_str() == "one") {
        stopping.begin_block(trial.invocation, true);
        let late = trial.invocation >= 10 && trial.invocation % 2 == 1;
        stopping
            .note(&observe(trial, if late { 3000 } else { 1000 + u64::from(trial.invocation) }));
    }
    stopping.begin_block(u32::MAX, false);
    let stops = stopping.stops(false);
    let one = stops.iter().find(|stop| stop.cell.subject.as_str() == "one").unwrap();
    let is_narrow = one.half_width_percent.unwrap() <= 5.0;
    assert_eq!(one.reason == StopReason::Precise, is_narrow, "{one:?}");
}

#[test]
fn an_open_claim_needs_more_than_a_decided_one() {
    let (plan, definitions) = (plan(), definitions());
    let claims = [claim("one", 1.45), claim("two", 40.0)];
    let mut stopping = Stopping::new(&plan, &definitions, Profile::Quick, &claims, false);
    for trial in plan.iter().filter(|t| t.invocation < 10) {
        let swing = 1.0 + 0.1 * f64::from(trial.invocation % 3);
        let base = trial.cell.subject.as_str() == "base";
        let value = if base { 1000.0 } else { 1400.0 * swing };
        stopping.note(&observe(trial, value as u64));
    }
    let need = |name: &str| {
        let (key, state) =
            stopping.cells.iter().find(|(key, _)| key.1.subject.as_str() == name).unwrap();
        stopping.need(key, state)
    };
    assert!(need("one") > 1.0, "the interval holds the factor: {}", need("one"));
    assert!(need("two") < 0.1, "the factor is far away: {}", need("two"));
}

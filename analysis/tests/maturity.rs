//! The tables of maturity: yes and no are what was tried, everything else says why there is neither.

#![allow(clippy::unwrap_used, reason = "clippy knows test functions, not their helpers")]

use crate::support::{Fixture, key};
use weighbridge_analysis::render::latex;
use weighbridge_analysis::render::table::{Content, Row, Table};
use weighbridge_analysis::render::tables::maturity;
use weighbridge_analysis::summarise::missing::Cause;
use weighbridge_schema::manifest::ExperimentEntry;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::name::SubjectName;
use weighbridge_schema::plan::Trial;
use weighbridge_schema::record::{Observation, Outcome};

const DEFINITION: &str = r#"
question = "What can it do?"
[method.maturity.probes.wasmtime-aot]
wasi-http.try = [{ run = { command = ["x"] } }]
sockets.try = [{ run = { command = ["x"] } }]
threads.absent = "no interface for threads"
simd.try = [{ run = { command = ["x"] } }]
aot.try = [{ run = { command = ["x"] } }]
pooling.untried = "nobody has"
reuse.try = [{ run = { command = ["x"] } }]
memory-limit.absent = "no option"
deadline.absent = "no option"
[method.maturity.probes.spin]
wasi-http.try = [{ run = { command = ["x"] } }]
sockets.absent = "no option"
threads.absent = "no option"
simd.absent = "no option"
aot.absent = "no option"
pooling.absent = "no option"
reuse.absent = "no option"
memory-limit.absent = "no option"
deadline.absent = "no option"
"#;

/// `wasi-http` works, `sockets` does not, `simd` varies, `aot` failed, and `reuse` was not reached.
fn fixture() -> Fixture {
    let mut fixture = Fixture::new(1);
    let subjects: [SubjectName; 2] = ["wasmtime-aot", "spin"].map(|name| name.parse().unwrap());
    let entry = ExperimentEntry {
        question: "What can it do?".to_owned(),
        baseline: subjects[0].clone(),
        subjects: subjects.to_vec(),
        workloads: Vec::new(),
        definition_toml: DEFINITION.to_owned(),
    };
    fixture.manifest.experiments.insert("maturity".parse().unwrap(), entry);
    let failed =
        Outcome::Failed { stage: "start".to_owned(), reason: "no such program".to_owned() };
    for (capability, works, outcome) in [
        ("wasi-http", &[Some(1)][..], Outcome::Ok),
        ("sockets", &[Some(0)], Outcome::Ok),
        ("simd", &[Some(1), Some(0)], Outcome::Ok),
        ("aot", &[None], failed),
        ("reuse", &[], Outcome::Ok),
    ] {
        let cell = key("maturity", "wasmtime-aot", None, &format!("capability={capability}"));
        let trial = |invocation| Trial {
            experiment: cell.experiment.clone(),
            cell: cell.cell.clone(),
            invocation,
        };
        fixture.manifest.plan.push(trial(0));
        for (invocation, works) in works.iter().enumerate() {
            let observation = Observation {
                trial: trial(invocation as u32),
                metrics: works.map(|works| (Metric::Works, works)).into_iter().collect(),
                outcome: outcome.clone(),
                remarks: vec![format!("/{capability}: 200 seen #{invocation}")],
                stages_ns: Default::default(),
                histogram: None,
                series: None,
                raise: None,
                storm: None,
                isolation: None,
                overhead: None,
                ..fixture.observations[0].clone()
            };
            fixture.observations.push(observation);
        }
    }
    fixture
}

fn rows(table: &Table) -> Vec<&Vec<Content>> {
    let cells = table.rows.iter().filter_map(|row| match row {
        Row::Cells(cells) => Some(cells),
        Row::Heading(_) => None,
    });
    cells.collect()
}

#[test]
fn yes_and_no_are_what_was_tried_and_nothing_else() {
    fixture().analysed("", |results| {
        let table = maturity::table(results);
        let absent = |why: &str| Content::Absent(why.to_owned());
        let expected = [
            Content::text("wasmtime-aot"),
            Content::text("yes"),
            Content::text("no"),
            absent("none"),
            Content::text("varies"),
            absent("failed"),
            absent("not tried"),
            absent("not measured"),
            absent("none"),
            absent("none"),
        ];
        assert_eq!(rows(&table)[0], &expected);
        assert_eq!(
            rows(&table)[1][..3],
            [Content::text("spin"), absent("not installed"), absent("none")]
        );
        insta::assert_snapshot!("maturity", latex::table::render(&table));
    });
}

#[test]
fn every_cell_says_what_was_seen_or_why_nothing_was_tried() {
    fixture().analysed("", |results| {
        let table = maturity::seen(results);
        assert!(rows(&table).iter().all(|row| row[2] != Content::Nothing));
        insta::assert_snapshot!("maturity-seen", latex::table::render(&table));
    });
}

#[test]
fn what_a_definition_leaves_out_is_not_missing() {
    fixture().analysed("", |results| {
        let missing = |subject: &str, capability: &str| {
            let cell = key("maturity", subject, None, &format!("capability={capability}"));
            results.missing.get(&cell).map(|missing| missing.cause.clone())
        };
        assert_eq!(missing("wasmtime-aot", "aot"), Some(Cause::Failed));
        assert_eq!(missing("wasmtime-aot", "reuse"), Some(Cause::NotReached));
        assert_eq!(missing("wasmtime-aot", "sockets"), None, "no is an answer");
        assert_eq!(missing("spin", "wasi-http"), Some(Cause::NotInstalled));
        assert_eq!(missing("spin", "sockets"), None);
    });
}

#[test]
fn a_run_without_probes_says_so() {
    Fixture::new(1).analysed("", |results| {
        let table = maturity::table(results);
        assert!(table.rows.is_empty());
        assert_eq!(table.when_empty, "not part of this run");
    });
}

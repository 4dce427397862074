//! What it takes to make a service: what is counted and timed, what a panic shows, and what nobody has built or knows.

#![allow(clippy::unwrap_used, reason = "clippy knows test functions, not their helpers")]

use crate::support::{Fixture, key};
use std::collections::BTreeMap;
use weighbridge_analysis::render::table::{Content, Row, Table};
use weighbridge_analysis::render::tables::{overhead, plain};
use weighbridge_schema::manifest::ExperimentEntry;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::name::SubjectName;
use weighbridge_schema::overhead::{Attached, Overhead, PanicSeen, Tool};
use weighbridge_schema::plan::Trial;
use weighbridge_schema::record::{Observation, Outcome};

const DEFINITION: &str = r#"
question = "What does it take?"
[method.overhead.builds]
quick = ["json-api"]
[method.overhead.services.image]
shared = ["a"]
native = ["b"]
component = ["c"]
path = "/"
says = "x"
handler = "a/lib.rs"
edit = { from = "x", to = "y" }
says_after = "y"
panic = { from = "x", to = "z" }
"#;

fn tool(name: &str, fetched_bytes: Option<u64>) -> Tool {
    Tool {
        name: name.to_owned(),
        provider: "packages".to_owned(),
        files_count: fetched_bytes.map(|_| 3),
        fetched_bytes,
    }
}

/// What was counted, and where the service was built also what was timed and seen.
fn visit(subject: &str, is_built: bool) -> (Overhead, BTreeMap<Metric, u64>) {
    let is_component = subject == "wasmtime-aot";
    let mut tools = vec![tool("C compiler", Some(2048))];
    if is_component {
        tools.push(tool("wasi-libc 1", None));
    }
    let mut overhead = Overhead { tools, steps: vec!["build".to_owned()], ..Overhead::default() };
    let mut metrics = BTreeMap::from([
        (Metric::Tools, overhead.tools.len() as u64),
        (Metric::FormLines, if is_component { 70 } else { 90 }),
    ]);
    metrics.extend(overhead.fetched_bytes().map(|bytes| (Metric::ToolsFetched, bytes)));
    if is_built {
        metrics.insert(Metric::CleanBuild, 90_000_000_000);
        overhead.panic = Some(PanicSeen {
            client: "500 internal".to_owned(),
            log: if is_component { String::new() } else { "panicked".to_owned() },
            answers_after: !is_component,
        });
        overhead.debugger = (!is_component).then(|| Attached {
            program: "gdb".to_owned(),
            frames_count: 9,
            named_frames_count: 4,
        });
    }
    (overhead, metrics)
}

/// One visit of two subjects for each service, of which one was built. `spin` is not installed.
fn fixture() -> Fixture {
    let mut fixture = Fixture::new(1);
    let subjects: [SubjectName; 3] =
        ["native", "wasmtime-aot", "spin"].map(|name| name.parse().unwrap());
    let entry = ExperimentEntry {
        question: "What does it take?".to_owned(),
        baseline: subjects[0].clone(),
        subjects: subjects.to_vec(),
        workloads: Vec::new(),
        definition_toml: DEFINITION.to_owned(),
    };
    fixture.manifest.experiments.insert("overhead".parse().unwrap(), entry);
    for (service, is_built) in [("service=image", false), ("service=json-api", true)] {
        for subject in ["native", "wasmtime-aot"] {
            let cell = key("overhead", subject, None, service);
            let trial = Trial {
                experiment: cell.experiment.clone(),
                cell: cell.cell.clone(),
                invocation: 0,
            };
            fixture.manifest.plan.push(trial.clone());
            let (overhead, metrics) = visit(subject, is_built);
            let observation = Observation {
                trial,
                metrics,
                outcome: Outcome::Ok,
                stages_ns: Default::default(),
                histogram: None,
                series: None,
                overhead: Some(overhead),
                ..fixture.observations[0].clone()
            };
            fixture.observations.push(observation);
        }
    }
    fixture
}

/// The rows below a heading.
fn below<'a>(table: &'a Table, heading: &str) -> Vec<&'a [Content]> {
    let mut rows = table.rows.iter().skip_while(|row| **row != Row::Heading(heading.to_owned()));
    rows.next().unwrap_or_else(|| panic!("no heading `{heading}` in {table:?}"));
    let cells = rows.map_while(|row| match row {
        Row::Cells(cells) => Some(cells.as_slice()),
        Row::Heading(_) => None,
    });
    cells.collect()
}

/// A number as it is read.
fn number(content: &Content) -> String {
    match content {
        Content::Number(shown) => shown.value_and_unit().replace('\u{202f}', " "),
        other => panic!("{other:?} is no number"),
    }
}

#[test]
fn each_form_has_its_counts_and_what_is_not_known_has_no_number() {
    fixture().analysed("", |results| {
        let table = plain::overhead(results);
        let [native, component, spin] = below(&table, "image service")[..] else { panic!() };
        assert_eq!(
            (number(&native[1]), number(&native[2])),
            ("1".to_owned(), "2.000 KiB".to_owned())
        );
        assert_eq!(number(&component[1]), "2");
        assert_eq!(component[2], Content::Nothing, "one of its tools is not known");
        assert_eq!((number(&native[7]), number(&component[7])), ("90".to_owned(), "70".to_owned()));
        assert_eq!(spin[1], Content::Absent("not installed".to_owned()));
    });
}

#[test]
fn what_was_not_built_has_no_times() {
    fixture().analysed("", |results| {
        let table = plain::overhead_times(results);
        assert_eq!(table.name, "overhead-times");
        assert_eq!(below(&table, "image service")[0][1], Content::Nothing);
        assert_eq!(number(&below(&table, "JSON API")[0][1]), "90.0 s");
    });
}

#[test]
fn a_tool_stands_once_with_those_that_need_it() {
    fixture().analysed("", |results| {
        let table = overhead::tools(results);
        let rows: Vec<&[Content]> = (table.rows.iter())
            .filter_map(|row| match row {
                Row::Cells(cells) => Some(cells.as_slice()),
                Row::Heading(_) => None,
            })
            .collect();
        let [compiler, libc] = rows[..] else { panic!("{rows:?}") };
        assert_eq!(compiler[0], Content::text("C compiler"));
        assert_eq!(
            (number(&compiler[2]), number(&compiler[3])),
            ("3".to_owned(), "2.000 KiB".to_owned())
        );
        assert_eq!(compiler[4], Content::text("native, wasmtime-aot"));
        assert_eq!(libc[3], Content::Absent("not known".to_owned()));
        assert_eq!(libc[4], Content::text("wasmtime-aot"));
    });
}

#[test]
fn a_panic_and_a_debugger_are_shown_or_why_not() {
    fixture().analysed("", |results| {
        let table = overhead::seen(results);
        let not_built = Content::Absent("not built".to_owned());
        let image = below(&table, "image service");
        assert!(image[0][1..].iter().all(|cell| *cell == not_built), "{image:?}");
        let [native, component, spin] = below(&table, "JSON API")[..] else { panic!() };
        let text = |word: &str| Content::text(word);
        let expected = [text("500 internal"), text("panicked"), text("yes"), text("4 of 9 (gdb)")];
        assert_eq!(native[1..], expected);
        assert_eq!((&component[2], &component[3]), (&text("nothing"), &text("no")));
        assert_eq!(component[4], Content::Absent("no debugger".to_owned()));
        assert_eq!(spin[1], Content::Absent("not installed".to_owned()));
    });
}

#[test]
fn a_run_without_it_says_so() {
    Fixture::new(1).analysed("", |results| {
        let tables = [
            plain::overhead(results),
            plain::overhead_times(results),
            overhead::tools(results),
            overhead::seen(results),
        ];
        for table in tables {
            assert!(table.rows.is_empty(), "{}", table.name);
            assert_eq!(table.when_empty, "not part of this run");
        }
    });
}

//! Operations within a process: what their tables show, and whether the steps multiply up to the whole.

#![allow(clippy::unwrap_used, reason = "clippy knows test functions, not their helpers")]

use crate::support::Fixture;
use crate::support::rendered::rendered;
use std::collections::BTreeMap;
use weighbridge_schema::manifest::ExperimentEntry;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::operation::Operation;
use weighbridge_schema::parameter::Parameter;
use weighbridge_schema::record::Observation;

const DEFINITION: &str = r#"
question = "What of operations?"
[method.operations]
operations = ["blur", "thumbnail"]
iterations = 3
steps = [
    { to = "spin", by = "what nobody measured" },
    { to = "wasmtime-jit", by = "half of it" },
    { to = "wasmtime-aot", by = "the other half" },
]
served = [{ to = "wasmtime-jit", by = "a socket" }, { to = "wasmtime-aot", by = "an instance" }]
"#;
const NAMES: [&str; 4] = ["native", "spin", "wasmtime-jit", "wasmtime-aot"];

/// What an operation takes in a subject, microseconds; every block drifts, for all alike.
fn cpu_us(subject: &str, operation: Operation, block: u32) -> u64 {
    let factor = match subject {
        "wasmtime-jit" => 20,
        "wasmtime-aot" => 30,
        _ => 10,
    };
    let own = if operation == Operation::Blur { 100 } else { 500 };
    own * factor * u64::from(20 + block) / 20
}

/// The fixture with two operations of three subjects; a fourth is not installed.
fn timed(cpu_us: impl Fn(&str, Operation, u32) -> u64) -> Fixture {
    let mut fixture = Fixture::new(8);
    let entry = ExperimentEntry {
        question: "What of operations?".to_owned(),
        baseline: "native".parse().unwrap(),
        subjects: NAMES.iter().map(|name| name.parse().unwrap()).collect(),
        workloads: Vec::new(),
        definition_toml: DEFINITION.to_owned(),
    };
    fixture.manifest.experiments.insert("operations".parse().unwrap(), entry);
    let cold_start = |seen: &&Observation| {
        let trial = &seen.trial;
        trial.experiment.as_str() == "cold-start"
            && trial.cell.parameter == Parameter::None
            && trial.cell.workload.as_ref().is_some_and(|name| name.as_str() == "healthz")
            && NAMES.contains(&trial.cell.subject.as_str())
    };
    let begun: Vec<Observation> = fixture.observations.iter().filter(cold_start).cloned().collect();
    for operation in [Operation::Blur, Operation::Thumbnail] {
        for seen in &begun {
            let mut seen = seen.clone();
            seen.position = fixture.manifest.plan.len() as u64;
            seen.trial.experiment = "operations".parse().unwrap();
            seen.trial.cell.workload = None;
            seen.trial.cell.parameter = Parameter::Operation(operation);
            let subject = seen.trial.cell.subject.to_string();
            let cpu_ns = cpu_us(&subject, operation, seen.trial.invocation) * 1_000;
            seen.metrics = BTreeMap::from([(Metric::OperationCpu, cpu_ns)]);
            seen.stages_ns.clear();
            fixture.manifest.plan.push(seen.trial.clone());
            fixture.observations.push(seen);
        }
    }
    fixture
}

fn row<'t>(table: &'t str, begin: &str) -> &'t str {
    let row = table.lines().find(|line| line.starts_with(begin));
    row.unwrap_or_else(|| panic!("`{begin}` is not in {table}"))
}

#[test]
fn each_operation_has_its_time_in_each_subject_and_its_factor() {
    let files = rendered(&timed(cpu_us));
    let table = &files["paper/table-operations.tex"];
    let (blur, whole) = table.split_once("thumbnail, whole").unwrap();
    assert!(blur.contains("{blur}"), "{table}");
    // Medians of blocks that drift, 1.0 to 1.35 ms; the ratios are exact.
    assert!(row(blur, "native & ").starts_with("native & 1.1"), "{blur}");
    assert!(row(blur, "wasmtime-aot & ").contains("& 3.00"), "{blur}");
    assert!(row(whole, "wasmtime-aot & ").starts_with("wasmtime-aot & 17.6"), "{whole}");
    assert!(row(blur, "spin & ").contains("not installed"), "{blur}");
}

#[test]
fn the_steps_multiply_up_to_the_whole_and_a_subject_that_is_missing_counts_in_the_next() {
    let files = rendered(&timed(cpu_us));
    let table = &files["paper/table-operations-factor.tex"];
    assert!(!table.contains("{blur}"), "a part is not attributed: {table}");
    let first = row(table, "wasmtime-jit & native & ");
    assert!(
        first.contains("2.00") && first.contains("what nobody measured; half of it"),
        "{first}"
    );
    let second = row(table, "wasmtime-aot & wasmtime-jit & ");
    assert!(second.contains("1.50") && second.contains("the other half"), "{second}");
    let product = row(table, "product of the steps & ");
    assert!(product.contains("3.00") && product.contains("within the interval"), "{product}");
    assert!(row(table, "wasmtime-aot & native & ").contains("3.00"), "{table}");
}

/// The factor of a row, the third of its cells.
fn factor(row: &str) -> f64 {
    let cell = row.split(" & ").nth(2).unwrap();
    let end = cell.find(|c: char| c != '.' && !c.is_ascii_digit()).unwrap_or(cell.len());
    cell[..end].parse().unwrap()
}

#[test]
fn the_way_goes_on_to_the_service_as_it_serves() {
    let files = rendered(&timed(cpu_us));
    let table = &files["paper/table-operations-factor.tex"];
    let (inside, served) = table.split_once("a socket").unwrap();
    let (first, whole) = (inside.lines().last().unwrap(), row(served, "wasmtime-aot & native & "));
    // By CPU time for each request the fixture's are 1.7 and 1.6 times the process; in process the factor is 3.
    assert!(first.starts_with("wasmtime-jit & wasmtime-aot & "), "{first}");
    assert!((factor(first) - 1.7 / 3.0).abs() < 0.03, "{first}");
    assert!((factor(row(served, "wasmtime-aot & wasmtime-jit & ")) - 1.6 / 1.7).abs() < 0.05);
    assert!((factor(whole) - 1.6).abs() < 0.1, "{whole}");
    let product = row(served, "product of the steps & ");
    assert!((factor(product) - factor(whole)).abs() < 0.1, "{product}");
}

/// In each block one of the two steps is all of the whole: the medians of both are 2, and the whole is 3 everywhere.
#[test]
fn a_product_that_is_not_the_whole_says_so() {
    let by_turns = |subject: &str, _: Operation, block: u32| match subject {
        "wasmtime-jit" if block < 4 => 10_000,
        "wasmtime-jit" | "wasmtime-aot" => 30_000,
        _ => 10_000,
    };
    let files = rendered(&timed(by_turns));
    let table = &files["paper/table-operations-factor.tex"];
    assert!(row(table, "wasmtime-aot & native & ").contains("3.00"), "{table}");
    let product = row(table, "product of the steps & ");
    assert!(product.contains("4.00") && product.contains("33.3"), "{product}");
    assert!(product.contains("outside of its interval"), "{product}");
}

#[test]
fn a_run_without_operations_says_so() {
    let files = rendered(&Fixture::new(6));
    for name in ["operations", "operations-factor"] {
        let table = &files[&format!("paper/table-{name}.tex")];
        assert!(table.contains("not part of this run"), "{table}");
    }
}

//! The cost model of the report's page: the same numbers and answers as the analysis has, by the script itself.

#![allow(clippy::unwrap_used, reason = "clippy knows test functions, not their helpers")]

use crate::support;
use crate::support::Fixture;
use crate::support::costs::costed;
use crate::support::rendered::rendered;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};
use weighbridge_analysis::decide::measured::{Measured, measured};
use weighbridge_analysis::decide::model::{Estimate, Load, Prices};
use weighbridge_analysis::decide::{Answer, Asked, Choice, Decision, Fit, decide};
use weighbridge_analysis::load::load;
use weighbridge_schema::metric::Metric;

/// Reads the model and what is asked from standard input, and writes what the page would answer.
const CALLER: &str = r#"
const { decide } = require(process.argv[1]);
const { model, asked } = JSON.parse(require("fs").readFileSync(0));
const choice = (row) => `${row.packing}, ${row.policy}`;
const answers = asked.map((one) => {
  const { rows, notMeasured, answer } = decide(model, one);
  const numbers = ({ cost_per_month, memory_bytes, cores, p99_least_s, started_share, fit }) =>
    ({ cost_per_month, memory_bytes, cores, p99_least_s, started_share, fit });
  return {
    rows: Object.fromEntries(rows.map((row) => [choice(row), numbers(row)])),
    notMeasured: notMeasured.map((row) => `${choice(row)}: ${row.lacking.map((one) => one.what)}`),
    answer: [answer.is, ...answer.rows.map(choice).sort()],
  };
});
console.log(JSON.stringify(answers));
"#;

/// What the script answers; `None`, and said so, where this machine has no Node.js.
fn by_script(model: &Measured, asked: &[Value]) -> Option<Vec<Value>> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/src/render/html/decide.js");
    let mut node = Command::new("node");
    node.args(["-e", CALLER, script]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let Ok(mut child) = node.spawn() else {
        let _ = writeln!(std::io::stderr(), "not tested: the report's cost model: no node");
        return None;
    };
    let input = json!({ "model": model, "asked": asked }).to_string();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "node ended with {}", output.status);
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

fn loads(count: usize) -> Vec<(Load, Prices, &'static str)> {
    let mut generator = ChaCha8Rng::seed_from_u64(7);
    let mut power = |low: f64, high: f64| 10f64.powf(generator.random_range(low..high));
    (0..count)
        .map(|index| {
            let load = Load {
                rate_per_s: power(-5.0, 1.0),
                cpu_per_request_s: power(-5.0, -1.0),
                tenants_count: power(0.0, 3.5).round(),
                bound_s: (index % 3 > 0).then(|| power(-3.0, 0.5)),
                idle_timeout_s: power(-1.0, 3.0),
            };
            let prices = Prices { vcpu_hour: power(-2.0, 2.0), gib_hour: power(-2.0, 2.0) };
            (
                load,
                prices,
                ["healthz", "thumbnail", "no-such"][usize::from(index % 2 == 0) + index / 290 % 2],
            )
        })
        .collect()
}

fn near(ours: f64, theirs: &Value) -> bool {
    let theirs = theirs.as_f64().unwrap();
    (ours - theirs).abs() <= 1e-12 * ours.abs().max(theirs.abs())
}

fn is_same(ours: Estimate, theirs: &Value) -> bool {
    let ends = match ours.interval {
        Some(ends) => {
            near(ends.low, &theirs["interval"]["low"])
                && near(ends.high, &theirs["interval"]["high"])
        }
        None => theirs["interval"].is_null(),
    };
    near(ours.point, &theirs["point"]) && ends
}

fn compare(ours: &Decision, theirs: &Value) {
    let rows = theirs["rows"].as_object().unwrap();
    assert_eq!(rows.len(), ours.rows.len());
    for row in &ours.rows {
        let found = &rows[&row.choice().to_string()];
        assert!(is_same(row.cost_per_month, &found["cost_per_month"]), "{row:?} {found}");
        assert!(is_same(row.memory_bytes, &found["memory_bytes"]), "{row:?} {found}");
        assert!(is_same(row.cores, &found["cores"]), "{row:?} {found}");
        assert!(is_same(row.p99_least_s, &found["p99_least_s"]), "{row:?} {found}");
        assert!(near(row.started_share, &found["started_share"]), "{row:?} {found}");
        let fit = match row.fit {
            Fit::Possible => "possible",
            Fit::Open => "open",
            Fit::Above => "above",
        };
        assert_eq!(found["fit"], fit, "{row:?}");
    }
    let lacking: Vec<String> = (ours.not_measured.iter())
        .map(|row| {
            let what: Vec<&str> = row.lacking.iter().map(|lacks| lacks.what).collect();
            format!("{}, {}: {}", row.packing, row.policy.words(), what.join(","))
        })
        .collect();
    assert_eq!(theirs["notMeasured"], json!(lacking));
    let (is, choices): (&str, &[Choice]) = match &ours.answer {
        Answer::Take(choice) => ("take", std::slice::from_ref(choice)),
        Answer::Open(choices) => ("open", choices),
        Answer::AllAbove => ("all above", &[]),
        Answer::NotMeasured => ("not measured", &[]),
    };
    let mut names: Vec<String> = choices.iter().map(Choice::to_string).collect();
    names.sort();
    names.insert(0, is.to_owned());
    assert_eq!(theirs["answer"], json!(names));
}

#[test]
fn the_page_computes_what_the_analysis_does() {
    let mut fixture = costed();
    for seen in fixture.of("storm", "docker-scratch") {
        seen.metrics.remove(&Metric::StartCpu);
    }
    let folder = tempfile::tempdir().unwrap();
    fixture.write(folder.path());
    let run = load(folder.path()).unwrap();
    let mut model = measured(&support::analyse(&run, &[]));
    let loads = loads(300);
    let asked: Vec<Value> = (loads.iter())
        .map(|(load, prices, workload)| {
            let load = json!({
                "rate_per_s": load.rate_per_s,
                "cpu_per_request_s": load.cpu_per_request_s,
                "tenants_count": load.tenants_count,
                "bound_s": load.bound_s,
                "idle_timeout_s": load.idle_timeout_s,
            });
            let prices = json!({ "vcpu_hour": prices.vcpu_hour, "gib_hour": prices.gib_hour });
            json!({ "load": load, "prices": prices, "workload": workload })
        })
        .collect();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    // With every interval, and with one that is unknown.
    for has_all in [true, false] {
        if !has_all {
            model.packings[1].idle_cores.as_mut().unwrap().interval = None;
        }
        let Some(answers) = by_script(&model, &asked) else { return };
        for (&(load, prices, workload), theirs) in loads.iter().zip(&answers) {
            let ours = decide(&model, &Asked { load, prices, workload });
            compare(&ours, theirs);
            *seen.entry(theirs["answer"][0].as_str().unwrap().to_owned()).or_default() += 1;
        }
    }
    assert_eq!(seen.len(), 4, "each kind of answer has to occur: {seen:?}");
}

#[test]
fn a_page_has_the_form_and_the_map_where_the_run_has_tenants_and_the_reason_where_not() {
    let files = rendered(&costed());
    let page = &files["report/index.html"];
    let (_, model) =
        page.split_once("<script type=\"application/json\" id=\"cost-model\">").unwrap();
    let model: Value = serde_json::from_str(model.split_once("</script>").unwrap().0).unwrap();
    assert_eq!(model["packings"].as_array().unwrap().len(), 3);
    assert!(page.contains("<form id=\"decide\"") && page.contains("name=\"vcpu\" value=\"12\""));
    let map = &files["paper/figure-break-even.tex"];
    assert_eq!(map.matches("\\nextgroupplot").count(), 4, "a panel for each number of tenants");
    assert!(map.contains("title={1 tenant}") && map.contains("title={1000 tenants}"), "{map}");
    assert!(map.contains("\\addlegendentry{wasmtime-jit, instance per request}"), "{map}");
    assert!(files.contains_key("report/figures/break-even.svg"));
    let numbers = &files["paper/numbers.tex"];
    let said = "{break-even}{Of native, docker-scratch, wasmtime-jit; a vCPU-hour counts as 12.0 GiB-hours.}";
    assert!(numbers.contains(said), "{numbers}");

    let files = rendered(&Fixture::new(6));
    assert!(!files["report/index.html"].contains("<form id=\"decide\""));
    assert!(files["report/index.html"].contains("Not drawn: the run raised no tenants"));
    assert!(files["paper/figure-break-even.tex"].contains("not measured"));
    assert!(
        files["paper/numbers.tex"].contains("{break-even}{Not drawn: the run raised no tenants")
    );
}

//! Lines of speed.toml: what is refused, which interval gives which verdict, and what a line says that has no value.

#![allow(clippy::unwrap_used, reason = "clippy knows test functions, not their helpers")]

use crate::support::{Fixture, analyse, key};
use std::process::Command;
use weighbridge_analysis::judge::{Verdict, exit_code};
use weighbridge_analysis::load::load;
use weighbridge_analysis::render;
use weighbridge_analysis::speed::{Line, check, lines};
use weighbridge_schema::metric::Metric;
use weighbridge_schema::quantity::Quantity;
use weighbridge_schema::speed::{Found, Readings, Thresholds, read_thresholds};

const COMMITTED: &str = include_str!("../speed.toml");
const BOUND: &str = "[[bound]]\nname = \"instances\"\nsentence = \"s\"\nexperiment = \"instantiation\"\n\
    metric = \"instantiation\"\nsubject = \"wasmtime-aot\"\nlimit = { at_most_ns = 1 }\n";
const READING: &str =
    "[[reading]]\nname = \"beside-wrk\"\nsentence = \"s\"\nlimit = { at_least = 1.5 }\n";

fn read(text: &str) -> Thresholds {
    let thresholds = read_thresholds("speed.toml", text).unwrap();
    check("speed.toml", &thresholds).unwrap();
    thresholds
}

/// Hands the lines of `text` to `look`, judged by a run of eight blocks.
fn judged(text: &str, readings: &Readings, look: impl FnOnce(&[Line<'_>])) {
    let folder = tempfile::tempdir().unwrap();
    Fixture::new(8).write(folder.path());
    let run = load(folder.path()).unwrap();
    let thresholds = read(text);
    let results = analyse(&run, &thresholds.claim);
    look(&lines(&thresholds, readings, &results));
}

fn found(values: &[f64]) -> Readings {
    let found = Found { values: values.to_vec(), remark: Some("wrk 4.1.0".to_owned()) };
    Readings::from([("beside-wrk".to_owned(), found)])
}

#[test]
fn the_committed_lines_mean_something() {
    let thresholds = read(COMMITTED);
    let counts = (thresholds.claim.len(), thresholds.bound.len(), thresholds.reading.len());
    assert!(counts.0 >= 8 && counts.1 >= 4 && counts.2 >= 5, "{counts:?}");
}

#[test]
fn what_means_nothing_is_named() {
    let refused = |text: &str| {
        let thresholds = read_thresholds("speed.toml", text).unwrap();
        check("speed.toml", &thresholds).unwrap_err().to_string()
    };
    let error = refused(&BOUND.replace("\"instantiation\"\nsubject", "\"instantation\"\nsubject"));
    assert!(error.contains("line `instances`: no quantity `instantation`"), "{error}");
    let error = refused(&BOUND.replace("at_most_ns", "at_most_bytes"));
    assert!(error.contains("another unit"), "{error}");
    let error = refused(&BOUND.replace("= 1 }", "= 0 }"));
    assert!(error.contains("above 0"), "{error}");
    assert!(refused(&[BOUND, BOUND].concat()).contains("used twice"));
    let of_both = format!("{BOUND}{}", READING.replace("beside-wrk", "instances"));
    assert!(refused(&of_both).contains("used twice"));
}

#[test]
fn a_bound_is_judged_by_the_whole_interval_of_the_median() {
    let folder = tempfile::tempdir().unwrap();
    Fixture::new(8).write(folder.path());
    let run = load(folder.path()).unwrap();
    let results = analyse(&run, &[]);
    let of = key("instantiation", "wasmtime-aot", None, "-");
    let summary = results.summary(&of, Quantity::Metric(Metric::Instantiation)).unwrap();
    let interval = summary.interval.unwrap();
    assert!(interval.low + 2.0 < interval.high, "{interval:?}");
    for (limit, verdict, code) in [
        (interval.high + 1.0, Verdict::Holds, 0),
        (f64::midpoint(interval.low, interval.high), Verdict::Undecided, 4),
        (interval.low - 1.0, Verdict::Contradicted, 1),
    ] {
        let text = BOUND.replace("= 1 }", &format!("= {} }}", limit as u64));
        let thresholds = read(&text);
        let lines = lines(&thresholds, &Readings::new(), &results);
        assert_eq!((lines[0].verdict, lines[0].n), (verdict, 8), "{limit}: {interval:?}");
        assert_eq!((lines[0].value, lines[0].interval), (Some(summary.point), Some(interval)));
        assert_eq!(exit_code(&[lines[0].verdict]), code);
    }
}

#[test]
fn a_reading_is_judged_as_a_bound_is() {
    for (values, verdict) in [
        (&[1.7, 1.6, 1.8, 1.7, 1.6, 1.7][..], Verdict::Holds),
        (&[1.4, 1.3, 1.4, 1.2, 1.4, 1.3][..], Verdict::Contradicted),
        (&[1.4, 1.7, 1.4, 1.7, 1.4, 1.7][..], Verdict::Undecided),
        (&[1.7, 1.7, 1.7][..], Verdict::Undecided),
    ] {
        judged(READING, &found(values), |lines| {
            assert_eq!((lines[0].verdict, lines[0].n), (verdict, values.len()), "{values:?}");
            let remark = lines[0].remark.as_deref().unwrap();
            let expected =
                if values.len() < 6 { "3 values, and an interval takes 6" } else { "wrk 4.1.0" };
            assert_eq!(remark, expected);
        });
    }
}

#[test]
fn one_table_holds_every_line_and_says_what_was_not_measured_and_why() {
    let claim = COMMITTED.split("\n[[claim]]\n").nth(2).unwrap();
    let text = format!(
        "{BOUND}{}{READING}{}[[claim]]\n{claim}",
        BOUND.replace("\"instances\"", "\"of-spin\"").replace("\"wasmtime-aot\"", "\"spin\""),
        READING.replace("beside-wrk", "beside-oha"),
    );
    let mut readings = found(&[1.7; 6]);
    readings.insert("beside-oha".to_owned(), Found::nothing("no package has oha"));
    judged(&text, &readings, |lines| {
        let names: Vec<&str> = lines.iter().map(|line| line.name).collect();
        let claim = "fresh-instances-beside-native";
        assert_eq!(names, [claim, "instances", "of-spin", "beside-wrk", "beside-oha"]);
        assert_eq!(lines[0].n, 8, "{lines:?}");
        let verdicts: Vec<Verdict> = lines.iter().map(|line| line.verdict).collect();
        use Verdict::{Contradicted, Holds, NotMeasured};
        assert_eq!(verdicts[1..], [Contradicted, NotMeasured, Holds, NotMeasured]);
        assert_eq!(exit_code(&verdicts[2..]), 3);
        let printed = render::speed::text(lines);
        let table: Vec<&str> = printed.lines().filter(|line| line.contains(" | ")).collect();
        assert_eq!(table.len(), 1 + lines.len(), "{printed}");
        let row = |name: &str| table.iter().find(|row| row.starts_with(name)).unwrap();
        assert!(row("instances").contains("≤ 1.00"), "{printed}");
        assert!(row("beside-wrk").contains("1.70× "), "{printed}");
        assert!(row("beside-wrk").contains("≥ 1.50×"), "{printed}");
        assert!(row("of-spin").contains("- | 0 |"), "{printed}");
        assert!(
            printed.contains("of-spin: not measured: spin not installed: `spin` is"),
            "{printed}"
        );
        assert!(printed.contains("beside-oha: not measured: no package has oha"), "{printed}");
    });
    judged(READING, &Readings::new(), |lines| {
        assert_eq!(lines[0].remark.as_deref(), Some("nothing has read it"));
    });
}

#[test]
fn the_program_reads_both_files_and_ends_by_the_worst_verdict() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    Fixture::new(8).write(&at("run"));
    let ended = |lines: &str, readings: &Readings| {
        std::fs::write(at("speed.toml"), lines).unwrap();
        std::fs::write(at("readings.json"), serde_json::to_string(readings).unwrap()).unwrap();
        let mut program = Command::new(env!("CARGO_BIN_EXE_weighbridge-analysis"));
        program.arg("judge").arg("--run").arg(at("run")).arg("--claims").arg(at("speed.toml"));
        let output = program.arg("--readings").arg(at("readings.json")).output().unwrap();
        let printed = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(printed).unwrap())
    };
    let (code, printed) = ended(READING, &found(&[1.7; 6]));
    assert_eq!(code, Some(0), "{printed}");
    let (code, printed) = ended(&[BOUND, READING].concat(), &found(&[1.7; 6]));
    assert_eq!(code, Some(1), "{printed}");
    // Most of the committed lines are about what the fixture has not.
    let (code, printed) = ended(COMMITTED, &Readings::new());
    assert!(matches!(code, Some(1 | 3)), "{printed}");
    assert!(printed.contains("nothing-changed: not measured: nothing has read it"), "{printed}");
    let (code, printed) = ended("[[reading]]\nname = \"r\"\n", &Readings::new());
    assert!(code == Some(2) && printed.contains("speed.toml"), "{printed}");
}

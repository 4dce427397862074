//! Tenants that are started at once for real: in every packing, from a pool, and in a storm that is killed.

use crate::common::*;
use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::{Duration, Instant};
use weighbridge_schema::metric::Metric;
use weighbridge_schema::parameter::Parameter;
use weighbridge_schema::record::{Observation, Outcome};

/// What starts and ends within milliseconds, in each packing that needs no engine.
const SUBJECTS: &str = "native,crun,wasmtime-aot,wasmtime-tenants";

fn by_cell(observations: &[Observation]) -> BTreeMap<(&str, Parameter), &Observation> {
    let planned = planned_visits(observations).into_iter();
    planned
        .map(|seen| ((seen.trial.cell.subject.as_str(), seen.trial.cell.parameter), seen))
        .collect()
}

pub fn tenants_are_started_at_once_and_every_answer_is_in_the_log() {
    let results = tempfile::tempdir().unwrap();
    let arguments = ["storm", "--profile", "smoke", "--subject", SUBJECTS];
    succeed(&runner(results.path(), &arguments).output().unwrap());
    let (_, observations) = read(&only_run(results.path(), "smoke"));
    let cells = by_cell(&observations);
    let mut expected: Vec<(&str, Parameter)> = Vec::new();
    for (subject, counts) in [
        ("native", &[1, 4][..]),
        ("crun", &[1, 4]),
        ("wasmtime-aot", &[1, 4]),
        ("wasmtime-tenants", &[1, 4, 16]),
    ] {
        if subject == "crun" && !is_installed(subject) {
            left_out(subject, "not installed, or no root");
            continue;
        }
        expected.extend(counts.iter().map(|&count| (subject, Parameter::Starts(count))));
    }
    expected.push(("native", Parameter::Ready(4)));
    expected.sort_unstable();
    assert_eq!(cells.keys().copied().collect::<Vec<_>>(), expected);
    for ((subject, parameter), seen) in cells {
        let (Parameter::Starts(count) | Parameter::Ready(count)) = parameter else { continue };
        assert_eq!(seen.outcome, Outcome::Ok, "{subject} {parameter}: {:?}", seen.remarks);
        let storm = seen.storm.as_ref().unwrap();
        let answers_ns = storm.answers_ns();
        assert_eq!(answers_ns.len(), count as usize, "{subject} {parameter}: {storm:?}");
        let metric = |metric: Metric| seen.metrics[&metric];
        assert_eq!(metric(Metric::FirstAnswer), answers_ns[0]);
        assert_eq!(metric(Metric::LastAnswer), *answers_ns.last().unwrap());
        assert!(metric(Metric::StartCpu) > 0, "{subject} {parameter}: {:?}", seen.remarks);
        // All were asked for before the last had answered: none waited for another.
        assert!(metric(Metric::StormAsked) < metric(Metric::LastAnswer), "{subject} {parameter}");
    }
    assert_nothing_is_left();
    assert_eq!(processes(), 0);
}

/// A service of which three can be started in all: the one that warms the page cache, and two of a storm.
pub fn a_tenant_that_does_not_start_is_named_and_the_others_count() {
    let questions = Questions::copy();
    let taken = tempfile::tempdir().unwrap();
    questions.change("subjects.toml", |text| {
        let folder = taken.path().display();
        text + &format!(
            r#"
[subjects.three]
title = "no more than three"
technology = "native"
isolation = "process"
version = ["{{artifact:weighbridge-native}}", "--version"]
size = {{ shipped = [], runtime = [] }}

[subjects.three.start.process]
program = "/bin/sh"
arguments = ["-c", """
for n in 1 2 3; do mkdir {folder}/$n && exec {{artifact:weighbridge-native}} --listen {{listen}}; done
echo there are three >&2; exit 1
"""]
"#
        )
    });
    questions.change("definitions/storm.toml", |text| {
        let text = text.replace("starts = [1, 4, 16, 64, 256]", "starts = [4]");
        text.replace("subjects = [\n", "subjects = [\n    \"three\",")
            .replace("\nnative = ", "\nthree = 4\nnative = ")
    });
    succeed(&questions.run(&["storm", "--profile", "smoke", "--subject", "three"]));
    let (_, observations) = read(&only_run(&questions.results(), "smoke"));
    let [seen] = planned_visits(&observations)[..] else { panic!("{observations:?}") };
    assert_eq!(seen.outcome, Outcome::Ok, "two of four answered");
    let storm = seen.storm.as_ref().unwrap();
    assert_eq!((storm.tenants.len(), storm.answers_ns().len()), (4, 2), "{storm:?}");
    for (_, failed) in storm.failures() {
        assert_eq!(failed.stage, "first response");
        assert!(failed.reason.contains("there are three"), "{failed:?}");
    }
    assert_eq!(seen.metrics[&Metric::StartsFailed], 2);
    for unknown in [Metric::LastAnswer, Metric::StartCpu] {
        assert!(!seen.metrics.contains_key(&unknown), "{unknown} is unknown");
    }
    let remarks = seen.remarks.join("; ");
    assert!(remarks.contains("2 of 4 tenants") && remarks.contains("is unknown"), "{remarks}");
    assert_nothing_is_left();
    assert_eq!(processes(), 0);
}

/// Kills a run in the middle of a storm, and has the next one clear up.
pub fn a_storm_that_is_killed_leaves_no_tenant_to_the_next() {
    let mut subjects = vec!["native"];
    if is_installed("crun") {
        subjects.push("crun");
    } else {
        left_out("a storm of containers that is killed", "crun is not installed, or no root");
    }
    for subject in subjects {
        let results = tempfile::tempdir().unwrap();
        let arguments = ["storm", "--profile", "quick", "--subject", subject];
        let mut child = runner(results.path(), &arguments).stdout(Stdio::null()).spawn().unwrap();
        let begun = Instant::now();
        while processes() < 30 {
            assert!(child.try_wait().unwrap().is_none(), "{subject}: it ended by itself");
            assert!(begun.elapsed() < Duration::from_secs(60), "{subject}: {}", processes());
            std::thread::sleep(Duration::from_millis(1));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(processes() > 0, "{subject}: no tenant lives on, so nothing is left to clear up");
        let next = tempfile::tempdir().unwrap();
        let arguments = ["cold-start", "--profile", "smoke", "--subject", "native"];
        succeed(&runner(next.path(), &arguments).output().unwrap());
        assert_nothing_is_left();
        assert_eq!(processes(), 0, "{subject}");
    }
}

fn is_installed(subject: &str) -> bool {
    use weighbridge_schema::manifest::Availability;
    matches!(availabilities(&["storm"])[subject], Availability::Installed { .. })
}

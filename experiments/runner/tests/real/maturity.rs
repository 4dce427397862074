//! Probes with real parts: our host and the probe component.

use crate::common::*;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use weighbridge_schema::capability::Capability;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::parameter::Parameter;
use weighbridge_schema::record::{Observation, Outcome};

const ASKED: [&str; 5] = ["maturity", "--profile", "smoke", "--subject", "wasmtime-aot"];

/// The questions with the definition after `change`, within `folder`.
fn changed_questions(folder: &Path, change: impl FnOnce(String) -> String) -> PathBuf {
    let questions = folder.join("experiments");
    std::fs::create_dir_all(questions.join("definitions")).unwrap();
    for name in ["calibration", "corpus", "subjects.toml", "workloads.toml"] {
        std::os::unix::fs::symlink(experiments().join(name), questions.join(name)).unwrap();
    }
    let file = Path::new("definitions/maturity.toml");
    let text = std::fs::read_to_string(experiments().join(file)).unwrap();
    std::fs::write(questions.join(file), change(text)).unwrap();
    questions
}

/// Tries everything that the definition, after `change`, tries of our host.
fn tried(change: impl FnOnce(String) -> String) -> BTreeMap<Capability, Observation> {
    let folder = tempfile::tempdir().unwrap();
    let questions = changed_questions(folder.path(), change);
    let results = folder.path().join("results");
    succeed(&runner_in(&questions, &results, &ASKED).output().unwrap());
    let (manifest, observations) = read(&only_run(&results, "smoke"));
    let visits = planned_visits(&observations);
    assert_eq!(visits.len(), manifest.plan.len());
    let of = |observation: &Observation| match observation.trial.cell.parameter {
        Parameter::Capability(capability) => capability,
        other => panic!("{other}"),
    };
    visits.into_iter().map(|visit| (of(visit), visit.clone())).collect()
}

pub fn the_host_does_what_its_options_say_and_refuses_sockets() {
    let seen = tried(|text| text);
    assert!(!seen.contains_key(&Capability::Threads), "what is absent is not visited");
    assert_eq!(seen.len(), Capability::ALL.len() - 1);
    for (capability, observation) in &seen {
        assert_eq!(observation.outcome, Outcome::Ok, "{capability}");
        let works = u64::from(*capability != Capability::Sockets);
        let remarks = observation.remarks.join("; ");
        assert_eq!(observation.metrics[&Metric::Works], works, "{capability}: {remarks}");
        assert!(!remarks.contains("/weighbridge"), "folders of a machine: {remarks}");
    }
    let remarks = |capability| seen[&capability].remarks.join("; ");
    for (capability, expected) in [
        (Capability::Reuse, "/count: 200 1; /count: 200 2"),
        (Capability::Deadline, "/spin: 503"),
        (Capability::MemoryLimit, "/grow: 200 refused at"),
        (Capability::Simd, "/simd: 200 simd 110"),
        (Capability::Sockets, "/sockets: 200 listen: "),
    ] {
        assert!(remarks(capability).contains(expected), "{capability}: {}", remarks(capability));
    }
}

pub fn what_does_not_go_as_it_says_does_not_work_and_what_is_missing_is_a_failure() {
    let seen = tried(|text| {
        let changed = text
            // A limit above what the guest asks for limits nothing.
            .replace("\"--memory-limit-mib\", \"32\"", "\"--memory-limit-mib\", \"512\"")
            // Every request gets an instance of its own.
            .replace("\"--reuse\", \"1000\"", "\"--reuse\", \"1\"")
            // The guest ends by itself.
            .replace(
                "{ path = \"/spin\", statuses = [503] }",
                "{ path = \"/simd\", statuses = [503] }",
            );
        changed.replacen(
            "\"{artifact:weighbridge-host}\", \"serve\", \"{scratch}/probe.cwasm\", \"--instances\"",
            "\"/nowhere/host\", \"serve\", \"{scratch}/probe.cwasm\", \"--instances\"",
            1,
        )
    });
    for capability in [Capability::MemoryLimit, Capability::Reuse, Capability::Deadline] {
        let observation = &seen[&capability];
        assert_eq!(observation.outcome, Outcome::Ok, "{capability}");
        assert_eq!(observation.metrics[&Metric::Works], 0, "{capability}");
    }
    assert_eq!(seen[&Capability::Simd].metrics[&Metric::Works], 1);
    let untried = &seen[&Capability::Pooling];
    assert!(untried.metrics.is_empty(), "unknown is not no");
    match &untried.outcome {
        Outcome::Failed { reason, .. } => assert!(reason.contains("/nowhere/host"), "{reason}"),
        Outcome::Ok => panic!("a program that is not there"),
    }
}

pub fn a_probe_with_an_artifact_that_was_not_built_is_refused_before_the_first_trial() {
    let folder = tempfile::tempdir().unwrap();
    let questions = changed_questions(folder.path(), |text| {
        text.replacen(
            "\"{scratch}/probe.cwasm\", \"--instances\"",
            "\"{artifact:none.wasm}\", \"--instances\"",
            1,
        )
    });
    let results = folder.path().join("results");
    let output = runner_in(&questions, &results, &ASKED).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    let expected = "capability=pooling of maturity cannot be measured: no artifact `none.wasm`";
    assert!(stderr.contains(expected), "{stderr}");
    assert!(!results.exists() || std::fs::read_dir(&results).unwrap().count() == 0);
}

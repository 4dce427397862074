//! Subjects that no code knows: one more entry of subjects.toml, and a custom service.

use crate::common::*;
use sha2::{Digest, Sha256};
use std::path::Path;
use weighbridge_schema::manifest::Availability;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::record::{Outcome, Stage};

fn sha256(path: &Path) -> String {
    let digest = Sha256::digest(std::fs::read(path).unwrap());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A definition whose list of this key names the new subject, too.
fn named_in(definition: &str, list: &str) -> String {
    let named =
        definition.replacen(&format!("\n{list} = ["), &format!("\n{list} = [\"two-threads\", "), 1);
    assert_ne!(named, definition, "{list}");
    named
}

/// What CONTRIBUTING.md says of a new subject, done as it is said.
pub fn a_subject_is_one_entry() {
    let questions = Questions::copy();
    questions.change("subjects.toml", |text| {
        text + r#"
[subjects.two-threads]
title = "the host with two threads"
technology = "wasm"
boundary = "posix_spawn of the host to the last byte of the first correct response"
isolation = "Wasm sandbox per request, process per service"
wasi = "0.2"
version = ["{artifact:weighbridge-host}", "--version"]
size = { shipped = [{ artifact = "component.cwasm" }], runtime = [{ artifact = "weighbridge-host" }] }

[subjects.two-threads.start.process]
program = "{artifact:weighbridge-host}"
arguments = ["serve", "{artifact:component.cwasm}", "--threads", "2", "--listen", "{listen}"]
"#
    });
    for file in ["definitions/cold-start.toml", "definitions/artifact-size.toml"] {
        questions.change(file, |text| named_in(&text, "subjects"));
    }
    questions.change("definitions/cold-start.toml", |text| named_in(&text, "thumbnail"));
    let requested =
        ["cold-start", "artifact-size", "--profile", "smoke", "--subject", "two-threads"];
    succeed(&questions.run(&requested));
    let (manifest, observations) = read(&only_run(&questions.results(), "smoke"));
    let entry = &manifest.subjects[&"two-threads".parse().unwrap()];
    assert!(matches!(entry.availability, Availability::Installed { .. }));
    let visits = planned_visits(&observations);
    assert_eq!(visits.len(), manifest.plan.len());
    let measured: Vec<_> = visits.iter().filter(|o| o.outcome == Outcome::Ok).collect();
    let of = |experiment: &'static str| {
        measured.iter().filter(move |o| o.trial.experiment.as_str() == experiment)
    };
    assert!(of("cold-start").count() >= 2, "both workloads with a warm page cache: {visits:?}");
    assert!(of("cold-start").all(|o| o.metrics[&Metric::TimeToFirstResponse] > 0));
    assert!(of("artifact-size").all(|o| o.metrics[&Metric::Shipped] > 0));
    assert_eq!(of("artifact-size").count(), 1);
}

pub fn a_definition_brings_its_service_along() {
    let questions = Questions::copy();
    let built = |name: &str| std::fs::read(artifacts().join(name)).unwrap();
    let (native, image) = (built("weighbridge-native"), built("image.tar"));
    questions.add_service(SERVICE, &native, &image, &built("component.wasm"));
    succeed(&questions.run(&["mine", "--profile", "smoke"]));
    let (manifest, observations) = read(&only_run(&questions.results(), "smoke"));
    for (file, of) in
        [("mine", "mine-native"), ("mine.tar", "mine-docker"), ("mine.wasm", "mine-wasm")]
    {
        let path = questions.folder().join("examples/built").join(file);
        assert_eq!(manifest.files_sha256[&format!("examples/built/{file}")], sha256(&path));
        let entry = &manifest.subjects[&of.parse().unwrap()];
        let is_installed = matches!(entry.availability, Availability::Installed { .. });
        assert_eq!(is_installed, of != "mine-docker" || engine_is_there(), "{of}: {entry:?}");
    }
    assert_eq!(manifest.corpus_sha256.keys().collect::<Vec<_>>(), ["examples/upload.bin"]);
    let native = &manifest.subjects[&"mine-native".parse().unwrap()].availability;
    let digest = &manifest.files_sha256["examples/built/mine"][..12];
    let reported = Availability::Installed { version: format!("sha256 {digest}") };
    assert_eq!(*native, reported, "a program that says no version is told by its digest");

    let subjects_count = if engine_is_there() { 3 } else { 2 };
    let visits = planned_visits(&observations);
    assert_eq!(visits.len(), 2 * subjects_count);
    for visit in visits {
        let cell = &visit.trial.cell;
        match (cell.workload.as_ref().unwrap().as_str(), &visit.outcome) {
            ("mine-health", outcome) => {
                assert_eq!(*outcome, Outcome::Ok, "{cell}");
                assert!(visit.stages_ns.contains_key(&Stage::Response));
            }
            // A digest is learnt from the answer that differs.
            ("mine-upload", Outcome::Failed { stage, reason }) => {
                assert_eq!(stage, "first response");
                let (_, after) = reason.split_once("sha256 ").unwrap_or_else(|| panic!("{reason}"));
                let learnt = after.split_once(',').unwrap().0;
                assert!(learnt.len() == 64 && !learnt.starts_with("000"), "{reason}");
            }
            (_, outcome) => panic!("{cell}: {outcome:?}"),
        }
    }
    assert_nothing_is_left();
}

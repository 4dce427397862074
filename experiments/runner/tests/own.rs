//! Subjects that no code knows: one more entry of subjects.toml, and a service that a definition brings along.

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has nothing to say")]

mod common;

use common::*;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::process::Output;
use weighbridge_schema::manifest::Availability;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::record::{Outcome, Stage};

/// A folder of questions of a test's own.
struct Questions {
    root: tempfile::TempDir,
}

impl Questions {
    /// A copy of `experiments/`, as far as the runner reads it.
    fn copy() -> Self {
        let root = tempfile::tempdir().unwrap();
        let (from, to) = (experiments(), root.path().join("experiments"));
        for folder in ["definitions", "calibration"] {
            std::fs::create_dir_all(to.join(folder)).unwrap();
            for entry in std::fs::read_dir(from.join(folder)).unwrap() {
                let entry = entry.unwrap();
                let target = to.join(folder).join(entry.file_name());
                std::fs::copy(entry.path(), target).unwrap();
            }
        }
        for file in ["subjects.toml", "workloads.toml"] {
            std::fs::copy(from.join(file), to.join(file)).unwrap();
        }
        std::os::unix::fs::symlink(from.join("corpus"), to.join("corpus")).unwrap();
        Self { root }
    }

    fn folder(&self) -> PathBuf {
        self.root.path().join("experiments")
    }

    fn results(&self) -> PathBuf {
        self.root.path().join("results")
    }

    fn change(&self, file: &str, change: impl FnOnce(String) -> String) {
        let path = self.folder().join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(path, change(text)).unwrap();
    }

    /// Adds a definition that brings a service along, whose files are `built` below the definition's folder.
    fn add_example(&self, name: &str, text: &str, built: &[(&str, &Path)]) {
        let folder = self.folder().join("examples");
        std::fs::create_dir_all(folder.join("built")).unwrap();
        std::fs::write(folder.join(format!("{name}.toml")), text).unwrap();
        for (file, from) in built {
            std::fs::copy(from, folder.join("built").join(file)).unwrap();
        }
    }

    fn run(&self, arguments: &[&str]) -> Output {
        runner_in(&self.folder(), &self.results(), arguments).output().unwrap()
    }

    fn refused(&self, arguments: &[&str], expected: &str) {
        let output = self.run(arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        // 3: the machine lacks what was asked for by name.
        assert!(matches!(output.status.code(), Some(2 | 3)), "{stderr}");
        assert!(stderr.contains(expected), "{expected}: {stderr}");
        let made = std::fs::read_dir(self.results()).into_iter().flatten().count();
        assert_eq!(made, 0, "refused only after a run was begun");
    }
}

fn sha256(path: &Path) -> String {
    let digest = Sha256::digest(std::fs::read(path).unwrap());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What CONTRIBUTING.md says of a new subject, done as it is said.
#[test]
#[ignore = "needs built artifacts: cargo xtask test sets them"]
fn a_subject_is_one_entry() {
    let _alone = alone();
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
        questions.change(file, |text| {
            let named = text.replacen("subjects = [", "subjects = [\"two-threads\", ", 1);
            assert_ne!(named, text);
            named
        });
    }
    let asked = ["cold-start", "artifact-size", "--profile", "smoke", "--subject", "two-threads"];
    succeed(&questions.run(&asked));
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

/// The service's own programs under other names stand for somebody's service.
const SERVICE: &str = r#"
question = "How long until my service answers?"
baseline = "mine-native"
architectures = ["host"]
[method.cold-start]
[profiles]
smoke = { invocations = 1 }
quick = { invocations = 1 }
paper = { invocations = 1 }

[subjects.mine-native]
title = "my service"
technology = "native"
boundary = "spawn to response"
isolation = "process"
start.process = { program = "{file:built/mine}", arguments = ["--listen", "{listen}"] }
size = { shipped = [{ file = "built/mine" }], runtime = [] }

[subjects.mine-docker]
title = "my image"
technology = "container"
boundary = "create to response"
isolation = "namespaces"
start.container = { image = "{file:built/mine.tar}", arguments = ["--listen", "{listen}"], network = "host" }
size = { shipped = [{ file = "built/mine.tar" }], runtime = [] }

[subjects.mine-wasm]
title = "my component"
technology = "wasm"
boundary = "spawn to response"
isolation = "sandbox"
version = ["{artifact:weighbridge-host}", "--version"]
size = { shipped = ["prepared"], runtime = [{ artifact = "weighbridge-host" }] }
[subjects.mine-wasm.prepare]
file = "mine.cwasm"
command = ["{artifact:weighbridge-host-compiler}", "compile", "{file:built/mine.wasm}", "--output", "{prepared}"]
[subjects.mine-wasm.start.process]
program = "{artifact:weighbridge-host}"
arguments = ["serve", "{prepared}", "--listen", "{listen}"]

[workloads.mine-health]
method = "GET"
path = "/healthz"
expect = { status = 200, sha256 = "2689367b205c16ce32ed4200942b8b8b1e262dfc70d9bc9fbc77c49699a4f1df" }

[workloads.mine-upload]
method = "POST"
path = "/v1/images/transform?op=nothing"
content_type = "image/png"
body = { file = "upload.bin" }
expect = { status = 400, sha256 = "0000000000000000000000000000000000000000000000000000000000000000" }
"#;

fn with_service(text: &str) -> Questions {
    let questions = Questions::copy();
    let built = |name: &str| artifacts().join(name);
    questions.add_example(
        "mine",
        text,
        &[
            ("mine", &built("weighbridge-native")),
            ("mine.tar", &built("image.tar")),
            ("mine.wasm", &built("component.wasm")),
        ],
    );
    std::fs::write(questions.folder().join("examples/upload.bin"), "no image").unwrap();
    questions
}

#[test]
#[ignore = "needs built artifacts: cargo xtask test sets them"]
fn a_definition_brings_its_service_along() {
    let _alone = alone();
    let questions = with_service(SERVICE);
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
    let told = Availability::Installed { version: format!("sha256 {digest}") };
    assert_eq!(*native, told, "a program that says no version is told by its digest");

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

#[test]
#[ignore = "needs built artifacts: cargo xtask test sets them"]
fn what_a_definition_brings_along_is_looked_at_before_any_trial() {
    let _alone = alone();
    let asked = ["mine", "--profile", "smoke"];
    let questions = with_service(SERVICE);
    let module = questions.folder().join("examples/built/mine.wasm");
    std::fs::remove_file(&module).unwrap();
    for expected in
        ["examples/mine.toml: ", "subjects.mine-wasm.prepare.command: ", "built/mine.wasm"]
    {
        questions.refused(&asked, expected);
    }
    // Nobody asked for what is missing.
    let others = ["mine", "--dry-run", "--subject", "mine-native"];
    succeed(&questions.run(&others));
    std::fs::remove_file(questions.folder().join("examples/upload.bin")).unwrap();
    questions.refused(&others, "workloads.mine-upload.body.file");

    // A mistake shows whatever is asked for.
    let other = SERVICE.replace("title = \"my service\"", "title = \"their service\"");
    questions.add_example("theirs", &other, &[]);
    questions.refused(&["cold-start"], "subjects.mine-native: another definition brings");
    let ours = with_service(&SERVICE.replace("mine-native", "native"));
    ours.refused(&["cold-start"], "experiments/subjects.toml holds a subject of that name");
}

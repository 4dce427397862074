//! Tests of what a run takes as its inputs.

use super::*;
use std::path::PathBuf;
use weighbridge_project::progress::Progress;
use weighbridge_schema::subject::ContainerEngine;
use weighbridge_setup::fake::{Bench, FakeMachine};
use weighbridge_setup::{Need, Outcome, provide_all};

const SUBJECTS: &str = r#"
[subjects.native]
title = "n"
technology = "native"
boundary = "b"
isolation = "i"
version = ["{artifact:n}", "--version"]
start.process = { program = "{artifact:n}", arguments = ["{listen}"] }
size = { shipped = [{ artifact = "n" }], runtime = [] }

[subjects.other]
title = "o"
technology = "wasm"
boundary = "b"
isolation = "i"
version = ["{program:o}", "--version"]
start.process = { program = "{program:o}", arguments = ["{listen}"] }
size = { shipped = [], runtime = [{ program = "o" }] }

[programs.o]
version = "2.0"
licence = "MIT"
sources = []
"#;

/// A checkout in small, with artifacts.
fn project(folder: &Path) -> (Project, PathBuf) {
    let project = Project {
        root: folder.join("checkout"),
        state: folder.join("state"),
        target: folder.join("target"),
        build: folder.join("target"),
        assume_yes: true,
    };
    let write = |file: PathBuf, text: &str| {
        weighbridge_project::files::write(&file, text.as_bytes()).unwrap();
    };
    write(project.path("experiments/subjects.toml"), SUBJECTS);
    write(project.path("experiments/workloads.toml"), "");
    write(project.path("experiments/corpus/a.png"), "a picture");
    let artifacts = project.artifacts();
    write(artifacts.join("artifacts.json"), &record("distribution-packages", "1"));
    (project, artifacts)
}

fn record(provider: &str, sha256: &str) -> String {
    let artifact = serde_json::json!({ "file": "n", "size_bytes": 1, "sha256": sha256 });
    let provision = serde_json::json!({
        "need": "c-compiler", "provider": provider, "detail": "version cc 12", "remedy": null
    });
    let record = serde_json::json!({
        "schema_version": 2, "architecture": "x86_64", "toolchain": "rustc 1.95.0", "libc": "musl",
        "artifacts": { "n": artifact }, "provisions": [provision]
    });
    record.to_string()
}

fn parts(project: &Project, artifacts: &Path, choice: &RunRequest) -> Parts {
    let programs = project.state.join("programs");
    of(project, artifacts, choice, &programs, "runner", &Progress::new()).unwrap()
}

/// What set-up installed the first time lies on PATH the second time, and nothing has changed by
/// that.
#[test]
fn what_was_found_decides_and_not_how_it_came_here() {
    let machine = FakeMachine::debian()
        .on("rustup target add", |machine, step| {
            machine.add_target(step.arguments.last().unwrap());
            Ok(String::new())
        })
        .on("apt-get -o DPkg::Lock", |machine, step| {
            for program in ["crun", "runc", "qemu-aarch64", "qemu-x86_64", "podman", "conmon"] {
                machine.add_program(program);
            }
            for program in ["dockerd", "containerd", "iptables"] {
                machine.add_program(program);
            }
            assert!(step.to_string().contains("install"));
            Ok(String::new())
        })
        .on("--version", |_, _| Ok("1.0\n".to_owned()));
    machine.add_program("musl-gcc");
    let bench = Bench::new("found");
    let needs = [
        Need::Emulator,
        Need::ContainerEngine,
        Need::Podman,
        Need::OciRuntimes,
        Need::StaticNative,
    ];
    let visit = |machine: &FakeMachine| {
        bench.call(machine, false, |context| {
            let setup = provide_all(context, &needs).unwrap();
            let mut digests = Digests::read(context.state.join("digests.json"));
            let found = found::programs(context, &mut digests);
            let reported = record::found(&setup, Need::StaticNative);
            (setup, found, reported)
        })
    };
    let (first, found, reported) = visit(&machine);
    let installs_count = machine.count("apt-get");
    let (second, found_again, told_again) = visit(&machine);
    let providers = |setup: &weighbridge_setup::Setup| {
        [3, 4].map(|index: usize| match &setup.provisions[index].outcome {
            Outcome::Provided { provider, .. } => provider.clone(),
            Outcome::Missing { reason, .. } => panic!("{reason}"),
        })
    };
    assert_eq!(providers(&first), ["distribution-packages", "rustup"]);
    assert_eq!(providers(&second), ["path", "sysroot"], "the way is another one");
    assert_eq!(found, found_again);
    assert_eq!(reported, told_again);
    assert_eq!(first.targets, second.targets);
    assert!(found.contains_key("dockerd") && found.contains_key("qemu-x86_64"), "{found:?}");
    assert_eq!(machine.count("apt-get"), installs_count, "the second time nothing is installed");

    // After a reboot the system's Docker answers, or at another socket.
    for socket in ["/var/run/docker.sock", "/run/user/1000/docker.sock"] {
        let sockets = vec![(ContainerEngine::Docker, PathBuf::from(socket))];
        let booted = FakeMachine { sockets, ..FakeMachine::debian() };
        let booted = booted.with("XDG_RUNTIME_DIR", "/run/user/1000");
        booted.programs.borrow_mut().extend(machine.programs.borrow().iter().cloned());
        let found_then = bench.call(&booted, false, |context| {
            found::programs(context, &mut Digests::read(context.state.join("digests.json")))
        });
        assert_eq!(found_then, found, "{socket}");
    }
    // An upgrade is a change.
    machine.add_file("/usr/bin/runc", "runc 2");
    let (_, upgraded, _) = visit(&machine);
    assert_ne!(upgraded["runc"], found["runc"]);
}

#[test]
fn a_run_is_another_one_by_its_question_its_artifacts_and_the_programs_it_visits() {
    let folder = tempfile::tempdir().unwrap();
    let (project, artifacts) = project(folder.path());
    let all = RunRequest::default();
    let native = RunRequest { subject: vec!["native".to_owned()], ..RunRequest::default() };
    let before = [&all, &native].map(|choice| parts(&project, &artifacts, choice));
    assert_ne!(before[0].digest(), before[1].digest());
    let again = || [&all, &native].map(|choice| parts(&project, &artifacts, choice));
    assert_eq!(again(), before);

    let write =
        |file: &Path, text: &str| weighbridge_project::files::write(file, text.as_bytes()).unwrap();
    // How a need of the build was met.
    write(&artifacts.join("artifacts.json"), &record("path", "1"));
    assert_eq!(again(), before);
    // `setup --subject other`: a run of native alone does not visit it, a run of everything does.
    let installed = project.state.join("programs/o-2.0");
    let program = installed.join("o").display().to_string();
    write(&installed.join("o"), "the program");
    let json = serde_json::json!({
        "command": [program], "program": program, "libraries": [], "provider": "cargo", "detail": {}
    });
    write(&installed.join(weighbridge_schema::program::RECORD), &json.to_string());
    let with_other = again();
    assert_ne!(with_other[0], before[0]);
    assert_eq!(with_other[1], before[1]);
    assert!(with_other[0].0.contains_key("program o 2.0"), "{:?}", with_other[0]);
    // The same program from elsewhere.
    let json = json.to_string().replace("\"cargo\"", "\"debian\"");
    write(&installed.join(weighbridge_schema::program::RECORD), &json);
    assert_eq!(again(), with_other);
    write(&installed.join("o"), "the same version, compiled anew");
    assert_ne!(again()[0], with_other[0]);

    write(&artifacts.join("artifacts.json"), &record("path", "2"));
    assert_ne!(again()[1], before[1], "another program is measured");
}

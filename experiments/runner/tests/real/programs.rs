//! Subjects that are run by programs which are not ours, and files that such programs make before the run.

use crate::common::*;
use std::path::Path;
use std::process::Command;
use weighbridge_schema::manifest::Availability;
use weighbridge_schema::name::SubjectName;
use weighbridge_schema::record::Outcome;

/// `cp` stands for a compiler: what it makes of the service is the service.
const SUBJECTS: &str = r#"
[subjects.copied]
title = "the service, prepared by a program of the machine"
technology = "native"
boundary = "posix_spawn to the first correct response"
isolation = "process"
version = ["{program:cp}", "--version"]
prepare = { file = "service", intermediates = [{ file = "half", command = ["{program:cp}", "{artifact:weighbridge-native}", "{intermediate:half}"] }], command = ["{program:cp/cp}", "{intermediate:half}", "{prepared}"] }
start.process = { program = "{prepared}", arguments = ["--listen", "{listen}"], environment = { TZ = "UTC" } }
size = { shipped = ["prepared"], runtime = [{ program = "cp" }] }

[subjects.refused]
title = "what cannot be prepared"
technology = "native"
boundary = "posix_spawn to the first correct response"
isolation = "process"
version = ["{program:cp}", "--version"]
prepare = { file = "service", command = ["{program:cp}", "/nonexistent", "{prepared}"] }
start.process = { program = "{prepared}", arguments = ["--listen", "{listen}"] }
size = { shipped = ["prepared"], runtime = [] }

[variants.copied-0]
variant_of = "copied"
programs = { cp = "0.0.1" }

[programs.cp]
version = "0.0"
licence = "GPL-3.0-or-later"
sources = []
"#;

/// A copy of the definitions with the subjects of this test.
fn with_subjects(folder: &Path) {
    let text = |name: &str| std::fs::read_to_string(experiments().join(name)).unwrap();
    let subjects = SUBJECTS.to_owned() + &native(&text("subjects.toml"));
    std::fs::write(folder.join("subjects.toml"), subjects).unwrap();
    std::fs::write(folder.join("workloads.toml"), text("workloads.toml")).unwrap();
    std::os::unix::fs::symlink(experiments().join("corpus"), folder.join("corpus")).unwrap();
    std::fs::create_dir(folder.join("calibration")).unwrap();
    std::fs::create_dir(folder.join("definitions")).unwrap();
    for name in ["cold-start", "artifact-size"] {
        let file = format!("definitions/{name}.toml");
        let requested = text(&file);
        let line = requested.lines().find(|line| line.starts_with("subjects = ")).unwrap();
        let requested = requested.replace(line, "subjects = [\"native\", \"copied\", \"refused\"]");
        std::fs::write(folder.join(file), asked_of_all(&requested)).unwrap();
    }
}

/// A definition without its table `asked_of`, which names subjects that are not here.
fn asked_of_all(definition: &str) -> String {
    let Some((before, table)) = definition.split_once("[asked_of]\n") else {
        return definition.to_owned();
    };
    let (_, after) = table.split_once("\n\n").unwrap();
    format!("{before}{after}")
}

/// The entry of `native` alone.
fn native(subjects: &str) -> String {
    let begin = subjects.find("[subjects.native]").unwrap();
    let end = begin + subjects[begin..].find("\n\n").unwrap();
    format!("\n{}\n", &subjects[begin..end])
}

pub fn a_prepared_file_is_made_once_measured_and_weighed_and_what_is_missing_says_why() {
    let folder = tempfile::tempdir().unwrap();
    with_subjects(folder.path());
    let measure = |results: &Path| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_weighbridge-runner"));
        command.args(["run", "--profile", "smoke", "--workload", "healthz", "--folder"]);
        command.arg(folder.path()).arg("--artifacts").arg(artifacts());
        command.arg("--results").arg(results).env("DOCKER_HOST", NO_ENGINE);
        succeed(&command.output().unwrap());
        read(&only_run(results, "smoke"))
    };
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (manifest, observations) = measure(first.path());
    let name = |text: &str| text.parse::<SubjectName>().unwrap();
    let copied = &manifest.subjects[&name("copied")];
    let prepared = copied.prepared.as_ref().unwrap();
    let original = &manifest.artifacts.artifacts["weighbridge-native"];
    assert_eq!((&prepared.sha256, prepared.size_bytes), (&original.sha256, original.size_bytes));
    let half = &prepared.made_of[0];
    assert_eq!((half.file.as_str(), half.size_bytes), ("half", original.size_bytes));
    assert_eq!(copied.programs[&"cp".parse().unwrap()].provider, "path");
    let measured = planned_visits(&observations);
    let of_copied = measured.iter().filter(|o| o.trial.cell.subject == name("copied"));
    assert!(of_copied.clone().count() >= 2, "cold starts and sizes");
    for observation in of_copied {
        assert_eq!(observation.outcome, Outcome::Ok, "{}", observation.trial.cell);
    }
    for (subject, expected) in
        [("refused", "/nonexistent"), ("copied-0", "cp 0.0.1 is not installed")]
    {
        match &manifest.subjects[&name(subject)].availability {
            Availability::NotInstalled { reason, remedy } => {
                assert!(reason.contains(expected), "{reason}");
                let line = format!("cargo xtask setup --subject {subject}");
                // A remedy is offered only where a source on this machine can install the program.
                let fits = remedy.as_ref().is_none_or(|remedy| *remedy == line);
                assert!(fits, "{remedy:?}");
            }
            Availability::Installed { version } => panic!("{subject}: {version}"),
        }
        assert!(!measured.iter().any(|o| o.trial.cell.subject == name(subject)));
    }
    let again = measure(second.path()).0.subjects[&name("copied")].prepared.clone().unwrap();
    assert_eq!((again.sha256, again.made_in_ns), (prepared.sha256.clone(), None));
}

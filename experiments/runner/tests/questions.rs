//! What is looked at before anything is measured: names, plans, and the files that definitions bring along. Nothing
//! needs to be built for that.

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has nothing to say")]

mod common;

use common::*;
use weighbridge_schema::manifest::Manifest;
use weighbridge_schema::plan::Trial;

#[test]
fn bad_input_is_named() {
    let questions = Questions::copy_without_artifacts();
    questions.refused(&["cold-strat", "--dry-run"], "did you mean `cold-start`?");
    questions.refused(&["--subject", "wasmtime-aott", "--dry-run"], "did you mean `wasmtime-aot`?");
    questions.refused(&["--workload", "thumbnial", "--dry-run"], "did you mean `thumbnail`?");
}

#[test]
fn what_a_definition_brings_along_is_looked_at_before_any_trial() {
    let with_service = |text: &str| {
        let questions = Questions::copy_without_artifacts();
        questions.add_service(text, b"a program", b"an image", b"a module");
        questions
    };
    let questions = with_service(SERVICE);
    let module = questions.folder().join("examples/built/mine.wasm");
    std::fs::remove_file(&module).unwrap();
    for expected in
        ["examples/mine.toml: ", "subjects.mine-wasm.prepare.command: ", "built/mine.wasm"]
    {
        questions.refused(&["mine", "--dry-run"], expected);
    }
    // Nobody asked for what is missing.
    let others = ["mine", "--dry-run", "--subject", "mine-native"];
    succeed(&questions.run(&others));
    std::fs::remove_file(questions.folder().join("examples/upload.bin")).unwrap();
    questions.refused(&others, "workloads.mine-upload.body.file");

    // A mistake shows whatever is requested.
    let other = SERVICE.replace("title = \"my service\"", "title = \"their service\"");
    questions.add_example("theirs", &other, &[]);
    let cold_start = ["cold-start", "--dry-run"];
    questions.refused(&cold_start, "subjects.mine-native: another definition holds");
    let ours = with_service(&SERVICE.replace("mine-native", "native"));
    ours.refused(&cold_start, "experiments/subjects.toml holds a subject of that name");
}

/// Two experiments about three subjects, which are there wherever `cp` is.
fn small() -> Questions {
    let questions = Questions::empty();
    let subject = |name: &str| {
        format!(
            "[subjects.{name}]\ntitle = \"t\"\ntechnology = \"native\"\nboundary = \"b\"\nisolation = \"i\"\n\
             version = [\"{{program:cp}}\", \"--version\"]\n\
             start.process = {{ program = \"{{program:cp}}\", arguments = [\"{{listen}}\"] }}\n\
             size = {{ shipped = [], runtime = [{{ program = \"cp\" }}] }}\n"
        )
    };
    let program =
        "[programs.cp]\nversion = \"0.0\"\nlicence = \"GPL-3.0-or-later\"\nsources = []\n";
    let subjects = ["base", "one", "two"].map(subject).concat();
    questions.write("subjects.toml", &(subjects + program));
    let workload = |name: &str| {
        format!(
            "[workloads.{name}]\nmethod = \"GET\"\npath = \"/\"\nexpect = {{ status = 200, sha256 = \"{}\" }}\n",
            "0".repeat(64)
        )
    };
    questions.write("workloads.toml", &["v", "w"].map(workload).concat());
    for (name, invocations) in [("longer", 6), ("shorter", 2)] {
        let text = format!(
            "question = \"q\"\nbaseline = \"base\"\nsubjects = [\"base\", \"one\", \"two\"]\n\
             workloads = [\"v\", \"w\"]\narchitectures = [\"host\"]\n[method.cold-start]\n[profiles]\n\
             smoke = {{ invocations = 1 }}\nquick = {{ invocations = {invocations} }}\n\
             paper = {{ invocations = {invocations} }}\n"
        );
        questions.write(&format!("definitions/{name}.toml"), &text);
    }
    questions
}

/// What several machines measure, each for itself, is the whole plan, and every trial of it once.
#[test]
fn the_blocks_of_a_plan_add_up() {
    let questions = small();
    let plan = |blocks: &[&str]| -> Vec<Trial> {
        let file = questions.folder().join("manifest.json");
        let mut arguments = vec!["--dry-run", "--fixed", "--write-manifest"];
        arguments.push(file.to_str().unwrap());
        arguments.extend(blocks);
        succeed(&questions.run(&arguments));
        let manifest: Manifest =
            serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        assert!(manifest.fixed);
        manifest.plan
    };
    let whole = plan(&[]);
    assert_eq!(whole.len(), 3 * 2 * (6 + 2), "subjects, workloads, invocations");
    let mut parts: Vec<Trial> =
        ["0..3", "3..4", "4..1000"].iter().flat_map(|blocks| plan(&["--blocks", blocks])).collect();
    assert_eq!(parts.len(), whole.len());
    parts.sort();
    let mut sorted = whole;
    sorted.sort();
    assert_eq!(parts, sorted);
}

#[test]
fn the_same_seed_gives_the_same_plan() {
    let questions = small();
    let plan = |seed: &str| {
        let output = questions.run(&["--dry-run", "--verbose", "--seed", seed]);
        succeed(&output);
        assert!(!questions.results().exists(), "nothing was measured");
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(plan("7"), plan("7"));
    assert_ne!(plan("7"), plan("8"));
}

//! Any division of a plan merges to the same set of trials; what is missing or double is named.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;
use weighbridge_schema::SCHEMA_VERSION;
use weighbridge_schema::architecture::Architecture;
use weighbridge_schema::artifact::Artifacts;
use weighbridge_schema::limits::{LIMITS, Limits, LimitsEntry};
use weighbridge_schema::line;
use weighbridge_schema::manifest::{Availability, Fingerprint, Pinning, SubjectEntry};
use weighbridge_schema::parameter::Parameter;
use weighbridge_schema::plan::Cell;
use weighbridge_schema::record::{HistogramFile, Noise, Observation, Outcome};
use weighbridge_schema::request::RunRequest;
use weighbridge_schema::stop::{Stop, StopReason};
use weighbridge_schema::subject::{Subject, parse_subjects};
use weighbridge_schema::workload::Mix;

const SUBJECT: &str = r#"
[subjects.native]
title = "native"
technology = "native"
boundary = "spawn to response"
isolation = "process"
version = ["native", "--version"]
start.process = { program = "native", arguments = ["{listen}"] }
size = { shipped = [], runtime = [] }
"#;

fn subject() -> Subject {
    let subjects = parse_subjects("subjects.toml", SUBJECT).unwrap();
    subjects.into_values().next().unwrap()
}

fn trial(subject: u32, architecture: &str, invocation: u32) -> Trial {
    Trial {
        experiment: "cold-start".parse().unwrap(),
        cell: Cell {
            subject: format!("s{subject}").parse().unwrap(),
            workload: None,
            architecture: architecture.to_owned(),
            parameter: Parameter::None,
        },
        invocation,
    }
}

fn manifest(name: &str, architecture: &str, machine: &str, plan: Vec<Trial>) -> Manifest {
    let fingerprint =
        Fingerprint { architecture: architecture.to_owned(), ..Fingerprint::default() };
    let entry = SubjectEntry {
        definition: subject(),
        availability: Availability::Installed { version: "1".to_owned() },
        foreign: BTreeMap::new(),
        programs: BTreeMap::new(),
        prepared: None,
    };
    Manifest {
        schema_version: SCHEMA_VERSION,
        run: name.to_owned(),
        profile: "quick".to_owned(),
        seed: 1,
        started_at_unix_ns: 5,
        revision: None,
        revision_unknown: None,
        machines: BTreeMap::from([(machine.to_owned(), fingerprint.clone())]),
        fingerprint,
        architectures: vec![architecture.to_owned()],
        emulators: BTreeMap::new(),
        fixed: true,
        budget_ms: None,
        request: None,
        pinning: Pinning::default(),
        artifacts: Artifacts {
            schema_version: SCHEMA_VERSION,
            architecture: architecture.to_owned(),
            toolchain: "rustc".to_owned(),
            libc: "musl".to_owned(),
            artifacts: BTreeMap::new(),
            provisions: Vec::new(),
            settings: std::collections::BTreeMap::new(),
        },
        foreign_artifacts: BTreeMap::new(),
        provisions: Vec::new(),
        limits: None,
        mixes: BTreeMap::new(),
        corpus_sha256: BTreeMap::new(),
        files_sha256: BTreeMap::new(),
        image_ids: BTreeMap::new(),
        experiments: BTreeMap::new(),
        subjects: plan.iter().map(|t| (t.cell.subject.clone(), entry.clone())).collect(),
        plan,
    }
}

fn observation(run: &str, position: usize, trial: &Trial) -> Observation {
    let name = format!("histograms/{position:05}-cold-start-s.hlog");
    Observation {
        schema_version: SCHEMA_VERSION,
        run: run.to_owned(),
        position: position as u64,
        trial: trial.clone(),
        subject_version: Some("1".to_owned()),
        machine: None,
        emulated: false,
        started_at_unix_ns: 1,
        duration_ns: 2,
        stages_ns: BTreeMap::new(),
        metrics: BTreeMap::new(),
        histogram: Some(HistogramFile { file: name, samples_count: 1 }),
        series: None,
        raise: None,
        storm: None,
        isolation: None,
        overhead: None,
        noise: Noise::default(),
        repeat: 0,
        disturbed: Vec::new(),
        outcome: Outcome::Ok,
        remarks: Vec::new(),
    }
}

/// Writes a part as the runner would, and reads it.
fn part(folder: &Path, manifest: &Manifest, observations: &[Observation]) -> Part {
    let path = folder.join(&manifest.run);
    std::fs::create_dir_all(path.join("histograms")).unwrap();
    std::fs::create_dir_all(path.join("stderr")).unwrap();
    std::fs::write(path.join("stderr/00000-native.log"), &manifest.run).unwrap();
    std::fs::write(path.join("manifest.json"), serde_json::to_vec(manifest).unwrap()).unwrap();
    let mut log = String::new();
    for line in observations {
        log += &serde_json::to_string(line).unwrap();
        log.push('\n');
        if let Some(histogram) = &line.histogram {
            std::fs::write(path.join(&histogram.file), reported(&line.trial)).unwrap();
        }
    }
    std::fs::write(path.join("observations.jsonl"), log).unwrap();
    Part::read(&path).unwrap()
}

fn reported(trial: &Trial) -> String {
    serde_json::to_string(trial).unwrap()
}

fn planned(architecture: &str, subjects: u32, blocks: std::ops::Range<u32>) -> Vec<Trial> {
    blocks
        .flat_map(|i| (0..subjects).map(move |s| (s, i)))
        .map(|(s, i)| trial(s, architecture, i))
        .collect()
}

fn simple_part(folder: &Path, name: &str, machine: &str, plan: Vec<Trial>) -> Part {
    let manifest = manifest(name, "x86_64", machine, plan);
    let log: Vec<Observation> =
        manifest.plan.iter().enumerate().map(|(i, t)| observation(name, i, t)).collect();
    part(folder, &manifest, &log)
}

fn read(folder: &Path) -> (Manifest, Vec<Observation>) {
    let part = Part::read(folder).unwrap();
    (part.manifest, part.observations)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn any_division_merges_to_the_same_set(
        subjects in 1u32..4,
        blocks_count in 1u32..7,
        cuts in proptest::collection::btree_set(1u32..7, 0..6),
        machine_of in proptest::collection::vec(0u32..3, 16),
        reverse: bool,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut parts = Vec::new();
        for architecture in ["aarch64", "x86_64"] {
            let mut ends: Vec<u32> = cuts.iter().copied().filter(|cut| *cut < blocks_count).collect();
            ends.push(blocks_count);
            let mut begin = 0;
            for end in ends {
                let name = format!("{architecture}-{begin}");
                let machine = format!("{architecture}-m{}", machine_of[begin as usize]);
                let plan = planned(architecture, subjects, begin..end);
                let manifest = manifest(&name, architecture, &machine, plan);
                let log: Vec<Observation> = manifest.plan.iter().enumerate()
                    .map(|(i, t)| observation(&name, i, t)).collect();
                parts.push(part(folder.path(), &manifest, &log));
                begin = end;
            }
        }
        if reverse {
            parts.reverse();
        }
        let merged = merge(parts, "whole", folder.path(), None).unwrap();
        let (manifest, observations) = read(&merged.folder);
        let mut expected = planned("aarch64", subjects, 0..blocks_count);
        expected.extend(planned("x86_64", subjects, 0..blocks_count));
        expected.sort();
        let mut found: Vec<Trial> = observations.iter().map(|o| o.trial.clone()).collect();
        found.sort();
        prop_assert_eq!(&found, &expected);
        let mut plan = manifest.plan.clone();
        prop_assert!(plan.windows(2).all(|pair| pair[0].invocation <= pair[1].invocation));
        plan.sort();
        prop_assert_eq!(&plan, &expected);
        let mut files = BTreeSet::new();
        for line in &observations {
            prop_assert_eq!(&manifest.plan[line.position as usize], &line.trial);
            prop_assert_eq!(&line.run, "whole");
            let machine = line.machine.as_deref().unwrap();
            prop_assert!(machine.starts_with(&line.trial.cell.architecture), "{}", machine);
            prop_assert_eq!(&manifest.machine(Some(machine)).architecture, &line.trial.cell.architecture);
            // The file under the new name is the one of this trial.
            let file = line.histogram.as_ref().unwrap().file.clone();
            prop_assert_eq!(std::fs::read_to_string(merged.folder.join(&file)).unwrap(), reported(&line.trial));
            prop_assert!(files.insert(file));
        }
        prop_assert!(!folder.path().join("whole.merging.partial").exists());
    }
}

fn refused(parts: Vec<Part>, whole: Option<&Manifest>, expected: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let error = format!("{:#}", merge(parts, "whole", folder.path(), whole).unwrap_err());
    for text in expected {
        assert!(error.contains(text), "{error}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is written");
}

#[test]
fn a_merged_line_has_a_check_and_a_changed_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let part = simple_part(folder.path(), "a", "m", planned("x86_64", 1, 0..2));
    let merged = merge(vec![part], "whole", folder.path(), None).unwrap();
    let log = merged.folder.join("observations.jsonl");
    let text = std::fs::read_to_string(&log).unwrap();
    assert!(text.lines().all(|text| line::read(text.as_bytes()).unwrap().is_checked), "{text}");
    let changed = text.replacen("\"position\":1,", "\"position\":0,", 1);
    assert_ne!(text, changed);
    std::fs::write(&log, changed).unwrap();
    let error = format!("{:#}", Part::read(&merged.folder).unwrap_err());
    assert!(error.contains("observations.jsonl:2: changed since"), "{error}");
}

#[test]
fn a_missing_trial_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = manifest("a", "x86_64", "m", planned("x86_64", 2, 0..2));
    let log: Vec<Observation> =
        manifest.plan.iter().take(3).map(|t| observation("a", 0, t)).collect();
    let torn = part(folder.path(), &manifest, &log);
    refused(vec![torn], None, &["missing in a", "cold-start: s1 on x86_64, invocation 1"]);
}

#[test]
fn a_missing_part_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let last = simple_part(folder.path(), "b", "m", planned("x86_64", 1, 2..3));
    let first = simple_part(folder.path(), "a", "m", planned("x86_64", 1, 0..1));
    refused(vec![last, first], None, &["cold-start: block 1"]);
}

#[test]
fn a_subject_that_one_machine_lacked_is_named_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let first = simple_part(folder.path(), "a", "m", planned("x86_64", 2, 0..1));
    let mut second = simple_part(folder.path(), "b", "n", planned("x86_64", 1, 1..2));
    let mut entry = second.manifest.subjects.values().next().unwrap().clone();
    entry.availability =
        Availability::NotInstalled { reason: "no engine".to_owned(), remedy: None };
    second.manifest.subjects.insert("s1".parse().unwrap(), entry);
    let expected = ["s1 on x86_64, invocation 1", "machine n: no engine"];
    refused(vec![first, second], None, &expected);
}

#[test]
fn a_double_trial_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let a = simple_part(folder.path(), "a", "m", planned("x86_64", 1, 0..2));
    let b = simple_part(folder.path(), "b", "n", planned("x86_64", 1, 1..3));
    refused(vec![a, b], None, &["s0 on x86_64, invocation 1 was planned twice, in a and in b"]);

    let manifest = manifest("c", "x86_64", "m", planned("x86_64", 1, 0..1));
    let twice = [0, 1].map(|position| observation("c", position, &manifest.plan[0]));
    let c = part(folder.path(), &manifest, &twice);
    refused(vec![c], None, &["measured twice in c: cold-start: s0 on x86_64, invocation 0"]);
}

#[test]
fn what_was_planned_beforehand_must_be_in_a_part_or_on_no_machine() {
    let folder = tempfile::tempdir().unwrap();
    let whole = manifest("plan", "x86_64", "m", planned("x86_64", 2, 0..1));
    let a = simple_part(folder.path(), "a", "m", planned("x86_64", 1, 0..1));
    let expected = ["planned, and in no part", "s1 on x86_64, invocation 0"];
    refused(vec![a.clone()], Some(&whole), &expected);
    let mut lacking = a;
    let mut entry = lacking.manifest.subjects.values().next().unwrap().clone();
    entry.availability =
        Availability::NotInstalled { reason: "no engine".to_owned(), remedy: None };
    lacking.manifest.subjects.insert("s1".parse().unwrap(), entry);
    let merged = merge(vec![lacking], "whole", folder.path(), Some(&whole)).unwrap();
    assert_eq!(merged.notes, ["s1 was on no machine of x86_64: no engine"]);
}

#[test]
fn parts_of_different_choices_or_builds_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let a = simple_part(folder.path(), "a", "m", planned("x86_64", 1, 0..1));
    let mut b = simple_part(folder.path(), "b", "m", planned("x86_64", 1, 1..2));
    b.manifest.seed = 2;
    refused(
        vec![a.clone(), b.clone()],
        None,
        &["a and b are not parts of one run: the seed differs"],
    );
    b.manifest.seed = 1;
    let requested = |arch: Architecture, workload: &str| {
        let workload = vec![workload.to_owned()];
        Some(RunRequest { arch: vec![arch], workload, ..RunRequest::default() })
    };
    let mut a = a;
    a.manifest.request = requested(Architecture::X86_64, "healthz");
    b.manifest.request = requested(Architecture::Aarch64, "thumbnail");
    refused(vec![a.clone(), b.clone()], None, &["one run: what was asked for differs"]);
    // Each machine has instruction sets of its own: what is refused next is something else.
    b.manifest.request = requested(Architecture::Aarch64, "healthz");
    let digest = |text: &str| BTreeMap::from([("corpus/x.png".to_owned(), text.to_owned())]);
    a.manifest.corpus_sha256 = digest("1");
    b.manifest.corpus_sha256 = digest("2");
    refused(vec![a.clone(), b.clone()], None, &["the corpus file corpus/x.png differs"]);
    b.manifest.corpus_sha256 = a.manifest.corpus_sha256.clone();
    let mix = |heavy_percent| {
        let name = |text: &str| text.parse().unwrap();
        BTreeMap::from([(
            name("mixed"),
            Mix { light: name("healthz"), heavy: name("thumbnail"), heavy_percent },
        )])
    };
    (a.manifest.mixes, b.manifest.mixes) = (mix(5), mix(10));
    refused(vec![a.clone(), b.clone()], None, &["the mix mixed differs"]);
    b.manifest.mixes = mix(5);
    let limits = |memory_bytes, not_applied: &[&str]| {
        Some(LimitsEntry {
            of_every_subject: Limits { memory_bytes, ..LIMITS },
            not_applied: not_applied.iter().map(|what| (*what).to_owned()).collect(),
        })
    };
    (a.manifest.limits, b.manifest.limits) = (limits(1, &[]), limits(2, &[]));
    refused(vec![a.clone(), b.clone()], None, &["the limits of subjects differs"]);
    // What one machine could not limit stands in the whole's manifest, once.
    (a.manifest.limits, b.manifest.limits) = (limits(2, &["x"]), limits(2, &["y", "x"]));
    let whole = super::manifest::merged(&[a, b], "whole", Vec::new(), BTreeMap::new()).unwrap();
    assert_eq!(whole.limits, limits(2, &["x", "y"]));
}

#[test]
fn repetitions_come_along_and_a_changed_machine_counts_as_another() {
    let folder = tempfile::tempdir().unwrap();
    let plan = manifest("a", "x86_64", "m", planned("x86_64", 1, 0..1));
    let mut again = observation("a", 0, &plan.plan[0]);
    again.repeat = 1;
    again.histogram = None;
    let a = part(folder.path(), &plan, &[observation("a", 0, &plan.plan[0]), again]);
    let mut b = simple_part(folder.path(), "b", "m", planned("x86_64", 1, 1..2));
    b.manifest.fingerprint.kernel = Some("another".to_owned());
    let merged = merge(vec![a, b], "whole", folder.path(), None).unwrap();
    assert_eq!(merged.observations_count, 3);
    assert!(merged.notes[0].contains("another machine, m-2"), "{:?}", merged.notes);
    let (manifest, observations) = read(&merged.folder);
    assert_eq!(manifest.machines.keys().collect::<Vec<_>>(), ["m", "m-2"]);
    let machines: Vec<_> = observations.iter().map(|o| o.machine.as_deref().unwrap()).collect();
    assert_eq!(machines, ["m", "m", "m-2"]);
    assert!(merged.folder.join("stderr/a-00000-native.log").is_file());
    assert!(merged.folder.join("stderr/b-00000-native.log").is_file());
}

#[path = "stop_tests.rs"]
mod stops;

//! The runner as a program, against the real artifacts and a real container engine.

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has nothing to say")]

mod common;

use common::*;
use weighbridge_schema::manifest::{Availability, Manifest, SubjectEntry};
use weighbridge_schema::metric::Metric;
use weighbridge_schema::parameter::Parameter;
use weighbridge_schema::plan::Trial;
use weighbridge_schema::record::{Observation, Outcome, Stage};
use weighbridge_schema::subject::Start;

#[test]
#[ignore = "needs built artifacts: cargo xtask test sets them"]
fn every_subject_starts_answers_and_leaves_nothing_behind() {
    let _alone = alone();
    let results = tempfile::tempdir().unwrap();
    succeed(&runner(results.path(), &["cold-start", "--profile", "smoke"]).output().unwrap());
    let (manifest, observations) = read(&only_run(results.path(), "smoke"));
    assert_eq!(planned_visits(&observations).len(), manifest.plan.len());
    for observation in &observations {
        if observation.trial.cell.parameter == Parameter::PageCacheDropped && !is_root() {
            let told = format!("{:?}", observation.outcome);
            assert!(told.contains("the page cache cannot be dropped"), "{told}");
            continue;
        }
        assert_eq!(observation.outcome, Outcome::Ok, "{}", observation.trial.cell);
        // Each side's own readings come one after the other. Between the two sides only what one causes in the other is
        // certain: a program may be in `main` before the runner, which shares its core while it spawns, is back.
        let moments = &observation.stages_ns;
        let in_order = |stages: &[Stage]| {
            let known: Vec<u64> = stages.iter().filter_map(|s| moments.get(s).copied()).collect();
            assert!(known.is_sorted(), "{}: {moments:?}", observation.trial.cell);
            known.len()
        };
        let client = [Stage::Connected, Stage::FirstByte, Stage::Response];
        assert_eq!(in_order(&client), 3);
        for started in [&[Stage::Bundled, Stage::Spawned][..], &[Stage::Created, Stage::Started]] {
            in_order(&[started, &client].concat());
        }
        let program =
            [Stage::Main, Stage::Engine, Stage::Load, Stage::PreInstantiate, Stage::Listening];
        let subject = &observation.trial.cell.subject;
        // Programs that we did not write tell nothing of themselves, and what runs under containerd has no output.
        let definition = &manifest.subjects[subject].definition;
        let is_silent = matches!(definition.start, Start::Containerd { .. });
        let is_ours = definition.programs().is_empty() && !is_silent;
        assert!(!is_ours || in_order(&program) >= 2, "{}: {moments:?}", observation.trial.cell);
        in_order(&[Stage::Main, Stage::FirstByte]);
        let told: &[Stage] = match subject.as_str() {
            _ if is_silent => &[Stage::Bundled, Stage::Spawned],
            _ if !is_ours => &[Stage::Spawned],
            _ if matches!(definition.start, Start::Container { .. }) => {
                &[Stage::Created, Stage::Started]
            }
            "runc" | "crun" => &[Stage::Bundled, Stage::Spawned, Stage::Main],
            "wasmtime-aot" => {
                &[Stage::Spawned, Stage::Main, Stage::Engine, Stage::Load, Stage::PreInstantiate]
            }
            _ => &[Stage::Spawned, Stage::Main],
        };
        for stage in told {
            let is_told = moments.contains_key(stage);
            assert!(is_told, "{}: no {stage:?} in {moments:?}", observation.trial.cell);
        }
        assert!(observation.subject_version.as_ref().is_some_and(|version| !version.is_empty()));
    }
    assert_nothing_is_left();
}

fn metric(observations: &[Observation], subject: &str, parameter: &str, key: &str) -> Option<u64> {
    let mut found = observations.iter().filter(|o| {
        let cell = &o.trial.cell;
        cell.subject.as_str() == subject
            && cell.parameter.to_string() == parameter
            && cell.workload.as_ref().is_none_or(|name| name.as_str() == "healthz")
    });
    let metric = Metric::ALL.iter().find(|metric| metric.key() == key).unwrap();
    found.next().and_then(|observation| observation.metrics.get(metric).copied())
}

#[test]
#[ignore = "needs built artifacts: cargo xtask test sets them"]
fn several_instances_are_weighed_together_and_all_of_them_ended() {
    let _alone = alone();
    let results = tempfile::tempdir().unwrap();
    let arguments = ["memory", "--profile", "smoke", "--workload", "healthz"];
    succeed(&runner(results.path(), &arguments).output().unwrap());
    let (manifest, observations) = read(&only_run(results.path(), "smoke"));
    assert_eq!(planned_visits(&observations).len(), manifest.plan.len());
    for observation in &observations {
        assert_eq!(observation.outcome, Outcome::Ok, "{}", observation.trial.cell);
        assert!(observation.metrics[&Metric::Pss] > 0, "{}", observation.trial.cell);
    }
    let read =
        |subject: &str, parameter: &str, key: &str| metric(&observations, subject, parameter, key);
    for (subject, entry) in &manifest.subjects {
        let is_visited = manifest.plan.iter().any(|trial| trial.cell.subject == *subject);
        if matches!(entry.availability, Availability::NotInstalled { .. }) || !is_visited {
            continue;
        }
        let name = subject.as_str();
        // Each instance has private pages, and shared ones are counted once among all. The pages of a file are
        // private to a single instance: two is the least that tells. How many pages a server that is not ours writes
        // differs from start to start by more than an instance has (Wasmtime's command line).
        let uss = |n: u32| read(name, &format!("copies={n}"), "uss_bytes").unwrap();
        let pss = |n: u32| read(name, &format!("copies={n}"), "pss_bytes").unwrap();
        let has_copies = read(name, "copies=4", "uss_bytes").is_some();
        let is_ours = has_copies && entry.definition.programs().is_empty();
        assert!(!is_ours || 2 * uss(4) > 3 * uss(2), "{name}: {} {}", uss(4), uss(2));
        assert!(!has_copies || pss(4) < 5 * pss(1), "{name}: {} {}", pss(4), pss(1));
        let start = &entry.definition.start;
        let container = matches!(start, Start::Container { .. } | Start::Containerd { .. });
        let parameters = ["idle", "copies=1", "copies=4"];
        for parameter in &parameters[..if has_copies { 3 } else { 1 }] {
            let engine = read(name, parameter, "engine_pss_bytes");
            assert_eq!(engine.is_some(), container, "{name} {parameter}");
            assert_eq!(read(name, parameter, "shim_pss_bytes").is_some(), container, "{name}");
        }
        if container && has_copies {
            let shims = |n: u32| read(name, &format!("copies={n}"), "shim_pss_bytes").unwrap();
            // The first shim pays for the pages that all of them share.
            assert!(shims(4) > shims(2) && shims(2) > shims(1), "{name}: a shim each");
        }
        let limits = manifest.limits.as_ref().unwrap();
        let is_limited = limits.not_applied.iter().all(|what| !what.contains("plain processes"));
        // A group of version 2 takes a process only after its start, so its peak is not the process's.
        let is_whole = manifest.fingerprint.cgroup.as_deref() != Some("v2");
        let has_group =
            container || matches!(start, Start::Bundle { .. }) || (is_limited && is_whole);
        assert_eq!(read(name, "idle", "cgroup_peak_bytes").is_some(), has_group, "{name}");
    }
    assert_nothing_is_left();
}

#[test]
#[ignore = "needs built artifacts: cargo xtask test sets them"]
fn instances_within_a_host_are_timed() {
    let _alone = alone();
    let results = tempfile::tempdir().unwrap();
    succeed(&runner(results.path(), &["instantiation", "--profile", "smoke"]).output().unwrap());
    let (_, observations) = read(&only_run(results.path(), "smoke"));
    let visits = planned_visits(&observations);
    let [observation] = visits.as_slice() else { panic!("{observations:?}") };
    assert_eq!(observation.outcome, Outcome::Ok);
    assert!(observation.metrics[&Metric::Instantiation] > 0);
    // An instance has a page of its own at least, and far less than a process.
    let uss_bytes = observation.metrics[&Metric::InstanceUss];
    assert!((4096..4 << 20).contains(&uss_bytes), "{uss_bytes}");
}

#[test]
#[ignore = "needs built artifacts: cargo xtask test sets them"]
fn without_an_engine_the_rest_is_measured() {
    let _alone = alone();
    let results = tempfile::tempdir().unwrap();
    let output = runner_without_engines(results.path(), &["cold-start", "--profile", "smoke"])
        .output()
        .unwrap();
    succeed(&output);
    let (manifest, observations) = read(&only_run(results.path(), "smoke"));
    // What else is missing is the machine's: an OCI runtime, a program that nobody has asked for.
    let is_of_engine =
        |entry: &SubjectEntry| matches!(entry.definition.start, Start::Container { .. });
    let of_engine: Vec<&str> = manifest
        .subjects
        .iter()
        .filter(|(_, entry)| is_of_engine(entry))
        .filter(|(_, entry)| matches!(entry.availability, Availability::NotInstalled { .. }))
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(
        of_engine,
        [
            "docker-alpine",
            "docker-debian",
            "docker-scratch",
            "docker-scratch-bridge",
            "docker-scratch-twin",
            "podman"
        ]
    );
    assert!(!observations.is_empty());
    let warm = observations.iter().filter(|o| o.trial.cell.parameter == Parameter::None);
    assert!(warm.into_iter().all(|o| o.outcome == Outcome::Ok));
}

#[test]
#[ignore = "needs built artifacts: cargo xtask test sets them"]
fn the_search_and_the_series_say_what_they_did() {
    let _alone = alone();
    let results = tempfile::tempdir().unwrap();
    let arguments = ["highest-rate", "warm-up", "--profile", "smoke", "--subject", "native"];
    let output = runner_without_engines(results.path(), &arguments).output().unwrap();
    succeed(&output);
    let (_, observations) = read(&only_run(results.path(), "smoke"));
    let visits = planned_visits(&observations);
    assert_eq!(visits.len(), 3, "two workloads under the search, one in series");
    for observation in &observations {
        let metric = |metric| observation.metrics.get(&metric).copied();
        match (observation.trial.experiment.as_str(), &observation.outcome) {
            ("warm-up", outcome) => {
                assert_eq!(*outcome, Outcome::Ok);
                assert!(metric(Metric::LatencyP50).is_some_and(|ns| ns > 0));
            }
            ("highest-rate", Outcome::Ok) => {
                let rate = metric(Metric::HighestRate).unwrap();
                let [steps] = &observation.remarks[..] else { panic!("{:?}", observation.remarks) };
                assert!(steps.starts_with("steps: "), "{steps}");
                assert!(steps.ends_with(&format!("confirm {rate} pass")), "{steps}");
                assert_eq!(metric(Metric::RequestsFailed), Some(0));
            }
            // On a machine that is busy with something else, no rate may meet the objective.
            ("highest-rate", Outcome::Failed { stage, reason }) => {
                assert_eq!(stage, "search", "{reason}");
                assert!(reason.contains("no rate met p99 <= "), "{reason}");
            }
            (other, _) => panic!("{other} was not asked for"),
        }
    }
}

/// Both arms under a mix: every request has its own answer, and the latency of the light ones is the cell's.
#[test]
#[ignore = "needs built artifacts: cargo xtask test sets them"]
fn a_mix_tells_the_latency_of_light_requests_beside_heavy_ones() {
    let _alone = alone();
    let results = tempfile::tempdir().unwrap();
    let mut arguments = vec!["latency", "--profile", "smoke", "--workload", "mixed"];
    arguments.extend(["--subject", "native,wasmtime-aot"]);
    succeed(&runner_without_engines(results.path(), &arguments).output().unwrap());
    let run = only_run(results.path(), "smoke");
    let (manifest, observations) = read(&run);
    let mix = manifest.mixes.values().next().unwrap();
    assert_eq!(mix.to_string(), "healthz beside 5 % thumbnail");
    let visits = planned_visits(&observations);
    assert_eq!(visits.len(), 2, "one rate, two subjects");
    for observation in visits {
        let cell = &observation.trial.cell;
        assert_eq!(observation.outcome, Outcome::Ok, "{cell}");
        let metric = |metric| observation.metrics.get(&metric).copied().unwrap();
        assert_eq!(metric(Metric::RequestsFailed), 0, "{cell}: {:?}", observation.remarks);
        let histogram = observation.histogram.as_ref().unwrap();
        let heavy_count = metric(Metric::RequestsCompleted) - histogram.samples_count;
        assert!(heavy_count > 0 && heavy_count * 10 < histogram.samples_count, "{cell}");
        assert!(metric(Metric::LatencyP50) < metric(Metric::HeavyLatencyP50), "{cell}");
        let log = std::fs::read_to_string(run.join(&histogram.file)).unwrap();
        assert!(log.lines().any(|line| line.starts_with("Tag=heavy,")), "{cell}: {log}");
    }
    assert_nothing_is_left();
}

#[test]
#[ignore = "needs built artifacts: cargo xtask test sets them"]
fn bad_input_is_named() {
    let _alone = alone();
    check_refused(&["cold-strat"], "did you mean `cold-start`?");
    check_refused(&["--subject", "wasmtime-aott"], "did you mean `wasmtime-aot`?");
    check_refused(&["--workload", "thumbnial"], "did you mean `thumbnail`?");
    check_refused(&["--resume", "never"], "no unfinished run `never`");
    check_refused(
        &["cold-start", "--subject", "docker-scratch", "--profile", "smoke"],
        "docker-scratch: container engine at",
    );
}

/// What several machines measure, each for itself, is the whole plan, and every trial of it once.
#[test]
#[ignore = "needs built artifacts: cargo xtask test sets them"]
fn the_blocks_of_a_plan_add_up() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let plan = |blocks: &[&str]| -> Vec<Trial> {
        let file = folder.path().join("manifest.json");
        let mut arguments =
            vec!["cold-start", "memory", "--dry-run", "--fixed", "--write-manifest"];
        arguments.push(file.to_str().unwrap());
        arguments.extend(blocks);
        let results = folder.path().join("results");
        succeed(&runner_without_engines(&results, &arguments).output().unwrap());
        let manifest: Manifest =
            serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        assert!(manifest.fixed);
        manifest.plan
    };
    let whole = plan(&[]);
    let mut parts: Vec<Trial> =
        ["0..3", "3..4", "4..1000"].iter().flat_map(|blocks| plan(&["--blocks", blocks])).collect();
    assert_eq!(parts.len(), whole.len());
    parts.sort();
    let mut sorted = whole;
    sorted.sort();
    assert_eq!(parts, sorted);
}

#[test]
#[ignore = "needs built artifacts: cargo xtask test sets them"]
fn the_same_seed_gives_the_same_plan() {
    let _alone = alone();
    let plan = |seed: &str| {
        let results = tempfile::tempdir().unwrap();
        let output =
            runner_without_engines(results.path(), &["--dry-run", "--verbose", "--seed", seed])
                .output()
                .unwrap();
        succeed(&output);
        assert!(
            std::fs::read_dir(results.path()).unwrap().next().is_none(),
            "nothing was measured"
        );
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(plan("7"), plan("7"));
    assert_ne!(plan("7"), plan("8"));
}

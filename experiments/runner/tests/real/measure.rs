//! Every way of starting, with real subjects and real container engines: cold starts and memory.

use crate::common::*;
use weighbridge_schema::manifest::{Availability, SubjectEntry};
use weighbridge_schema::metric::Metric;
use weighbridge_schema::parameter::Parameter;
use weighbridge_schema::record::{Observation, Outcome, Stage};
use weighbridge_schema::subject::Start;

pub fn every_subject_starts_answers_and_leaves_nothing_behind() {
    let results = tempfile::tempdir().unwrap();
    succeed(&runner(results.path(), &["cold-start", "--profile", "smoke"]).output().unwrap());
    let (manifest, observations) = read(&only_run(results.path(), "smoke"));
    assert_eq!(planned_visits(&observations).len(), manifest.plan.len());
    for observation in &observations {
        if observation.trial.cell.parameter == Parameter::PageCacheDropped && !is_root() {
            let reported = format!("{:?}", observation.outcome);
            assert!(reported.contains("the page cache cannot be dropped"), "{reported}");
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
        let reported: &[Stage] = match subject.as_str() {
            _ if is_silent => &[Stage::Bundled, Stage::Spawned],
            _ if matches!(definition.start, Start::Container { .. }) => {
                &[Stage::Created, Stage::Started]
            }
            _ if !is_ours => &[Stage::Spawned],
            "runc" | "crun" => &[Stage::Bundled, Stage::Spawned, Stage::Main],
            "wasmtime-aot" => {
                &[Stage::Spawned, Stage::Main, Stage::Engine, Stage::Load, Stage::PreInstantiate]
            }
            _ => &[Stage::Spawned, Stage::Main],
        };
        for stage in reported {
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

pub fn several_instances_are_weighed_together_and_all_of_them_ended() {
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

pub fn without_an_engine_the_rest_is_measured() {
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
            "docker-current",
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

/// What a plan alone does not look for.
pub fn what_is_missing_is_named() {
    check_refused(&["--resume", "never"], "no unfinished run `never`");
    check_refused(
        &["cold-start", "--subject", "docker-scratch", "--profile", "smoke"],
        "docker-scratch: container engine at",
    );
}

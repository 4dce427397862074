//! The runner as a program, against the real artifacts and a real container engine.

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has nothing to say")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use weighbridge_schema::manifest::{Availability, Manifest};
use weighbridge_schema::metric::Metric;
use weighbridge_schema::parameter::Parameter;
use weighbridge_schema::plan::Trial;
use weighbridge_schema::record::{Observation, Outcome, Stage};

/// Runs share the machine and the engine: two at once would measure, and tidy up after, each other.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

const NO_ENGINE: &str = "unix:///nonexistent/engine.sock";

fn experiments() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn artifacts() -> PathBuf {
    let folder = std::env::var_os("WEIGHBRIDGE_ARTIFACTS");
    PathBuf::from(folder.unwrap_or_else(|| panic!("cargo xtask test sets WEIGHBRIDGE_ARTIFACTS")))
}

fn runner(results: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weighbridge-runner"));
    command.arg("run").args(arguments);
    command.arg("--folder").arg(experiments()).arg("--artifacts").arg(artifacts());
    command.arg("--results").arg(results);
    command
}

fn read(run: &Path) -> (Manifest, Vec<Observation>) {
    let text = |name: &str| std::fs::read_to_string(run.join(name)).unwrap();
    let manifest = serde_json::from_str(&text("manifest.json")).unwrap();
    let observations =
        text("observations.jsonl").lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    (manifest, observations)
}

fn only_run(results: &Path, ending: &str) -> PathBuf {
    let mut runs: Vec<PathBuf> = std::fs::read_dir(results)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir() && path.to_string_lossy().ends_with(ending))
        .collect();
    assert_eq!(runs.len(), 1, "{runs:?}");
    runs.pop().unwrap()
}

fn succeed(output: &Output) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {stderr}", output.status);
}

/// Containers of ours that the engine still holds.
fn containers() -> usize {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let docker = bollard::Docker::connect_with_defaults().unwrap();
        let label = std::collections::HashMap::from([(
            "label".to_owned(),
            vec!["org.weighbridge.run".to_owned()],
        )]);
        let options = bollard::query_parameters::ListContainersOptionsBuilder::default()
            .all(true)
            .filters(&label)
            .build();
        docker.list_containers(Some(options)).await.unwrap().len()
    })
}

fn engine_is_there() -> bool {
    // `cargo xtask test` sets it exactly when an engine answers.
    std::env::var_os("DOCKER_HOST").is_some()
}

#[test]
#[ignore = "needs built artifacts: cargo xtask test sets them"]
fn every_subject_starts_answers_and_leaves_nothing_behind() {
    let _alone = alone();
    let results = tempfile::tempdir().unwrap();
    succeed(&runner(results.path(), &["cold-start", "--profile", "smoke"]).output().unwrap());
    let (manifest, observations) = read(&only_run(results.path(), "smoke"));
    assert_eq!(observations.len(), manifest.plan.len());
    for observation in &observations {
        if observation.trial.cell.parameter == Parameter::PageCacheDropped && !is_root() {
            let told = format!("{:?}", observation.outcome);
            assert!(told.contains("the page cache cannot be dropped"), "{told}");
            continue;
        }
        assert_eq!(observation.outcome, Outcome::Ok, "{}", observation.trial.cell);
        // On the one clock, every stage that is known comes after the one before it. The client may
        // connect before the program has written its own reading down, so those two are not compared.
        let moments = &observation.stages_ns;
        let in_order = |stages: &[Stage]| {
            let known: Vec<u64> = stages.iter().filter_map(|s| moments.get(s).copied()).collect();
            assert!(known.is_sorted(), "{}: {moments:?}", observation.trial.cell);
            known.len()
        };
        assert_eq!(in_order(&[Stage::Connected, Stage::FirstByte, Stage::Response]), 3);
        let program =
            [Stage::Main, Stage::Engine, Stage::Load, Stage::PreInstantiate, Stage::Listening];
        assert!(in_order(&program) >= 2, "{}: {moments:?}", observation.trial.cell);
        let own: &[Stage] = match observation.trial.cell.subject.as_str() {
            "docker-scratch" | "docker-scratch-bridge" => &[Stage::Created, Stage::Started],
            "runc" | "crun" => &[Stage::Bundled, Stage::Spawned, Stage::Main],
            "wasmtime-aot" => {
                &[Stage::Spawned, Stage::Main, Stage::Engine, Stage::Load, Stage::PreInstantiate]
            }
            _ => &[Stage::Spawned, Stage::Main],
        };
        assert_eq!(in_order(own), own.len(), "{}: {moments:?}", observation.trial.cell);
        assert!(!observation.subject_version.is_empty());
    }
    assert_nothing_is_left();
}

/// Neither containers of the engine, nor bundles with their control groups.
fn assert_nothing_is_left() {
    if engine_is_there() {
        assert_eq!(containers(), 0);
    }
    assert!(!Path::new("/run/weighbridge").exists(), "a bundle is left");
    let groups = ["/sys/fs/cgroup", "/sys/fs/cgroup/memory"].map(std::fs::read_dir);
    let names = groups.into_iter().flatten().flatten().flatten();
    let left: Vec<_> = names
        .map(|entry| entry.file_name())
        .filter(|name| name.to_string_lossy().starts_with("weighbridge-"))
        .collect();
    assert!(left.is_empty(), "control groups are left: {left:?}");
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
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
    assert_eq!(observations.len(), manifest.plan.len());
    for observation in &observations {
        assert_eq!(observation.outcome, Outcome::Ok, "{}", observation.trial.cell);
        assert!(observation.metrics[&Metric::Pss] > 0, "{}", observation.trial.cell);
    }
    let read =
        |subject: &str, parameter: &str, key: &str| metric(&observations, subject, parameter, key);
    for (subject, entry) in &manifest.subjects {
        if matches!(entry.availability, Availability::NotInstalled { .. }) {
            continue;
        }
        let name = subject.as_str();
        // Each instance has private pages, and shared ones are counted once among all.
        let uss = |n: u32| read(name, &format!("copies={n}"), "uss_bytes").unwrap();
        let pss = |n: u32| read(name, &format!("copies={n}"), "pss_bytes").unwrap();
        assert!(uss(8) > 2 * uss(2) && pss(8) < 9 * pss(1), "{name}");
        let container = name.starts_with("docker");
        for parameter in ["idle", "copies=1", "copies=8"] {
            let engine = read(name, parameter, "engine_pss_bytes");
            assert_eq!(engine.is_some(), container, "{name} {parameter}");
            assert_eq!(read(name, parameter, "shim_pss_bytes").is_some(), container, "{name}");
        }
        if container {
            let shims = |n: u32| read(name, &format!("copies={n}"), "shim_pss_bytes").unwrap();
            assert!(shims(8) > 2 * shims(1), "{name}: eight shims, not one");
        }
        let has_group = container || ["runc", "crun"].contains(&name);
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
    let [observation] = observations.as_slice() else { panic!("{observations:?}") };
    assert_eq!(observation.outcome, Outcome::Ok);
    assert!(observation.metrics[&Metric::Instantiation] > 0);
    // An instance has a page of its own at least, and far less than a process.
    let uss_bytes = observation.metrics[&Metric::InstanceUss];
    assert!((4096..4 << 20).contains(&uss_bytes), "{uss_bytes}");
}

#[test]
#[ignore = "needs built artifacts: cargo xtask test sets them"]
fn a_killed_run_leaves_no_bundle_to_the_next() {
    let _alone = alone();
    if !is_root() {
        return check_refused(
            &["cold-start", "--subject", "runc", "--profile", "smoke"],
            "needs root here",
        );
    }
    let results = tempfile::tempdir().unwrap();
    let arguments = ["memory", "--profile", "quick", "--subject", "runc", "--workload", "healthz"];
    let mut child = runner(results.path(), &arguments).stdout(Stdio::null()).spawn().unwrap();
    let running = || {
        let bundles = std::fs::read_dir("/run/weighbridge").into_iter().flatten().flatten();
        bundles.filter(|bundle| bundle.path().join("pid").exists()).count()
    };
    while running() == 0 {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it could be killed");
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(running() > 0, "the container lives on by itself");
    let next = tempfile::tempdir().unwrap();
    let arguments = ["cold-start", "--profile", "smoke", "--subject", "native"];
    succeed(&runner(next.path(), &arguments).output().unwrap());
    assert_nothing_is_left();
}

#[test]
#[ignore = "needs built artifacts: cargo xtask test sets them"]
fn an_interrupted_run_keeps_what_it_has_and_goes_on() {
    let _alone = alone();
    let results = tempfile::tempdir().unwrap();
    // Three ways of starting are enough here.
    let subjects = ["--subject", "native,docker-scratch,runc", "--workload", "healthz"];
    let arguments = [["cold-start", "--profile", "quick"].as_slice(), &subjects].concat();
    let mut child = runner(results.path(), &arguments).stdout(Stdio::null()).spawn().unwrap();
    let partial = loop {
        std::thread::sleep(Duration::from_millis(100));
        let found = std::fs::read_dir(results.path())
            .into_iter()
            .flatten()
            .filter_map(|entry| Some(entry.ok()?.path()))
            .find(|path| path.extension().is_some_and(|e| e == "partial"));
        let lines = found.as_ref().map(|path| {
            std::fs::read_to_string(path.join("observations.jsonl"))
                .unwrap_or_default()
                .lines()
                .count()
        });
        if lines.is_some_and(|count| count >= 5) {
            break found.unwrap();
        }
        assert!(child.try_wait().unwrap().is_none(), "it ended before it could be interrupted");
    };
    rustix::process::kill_process(
        rustix::process::Pid::from_child(&child),
        rustix::process::Signal::INT,
    )
    .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let (_, kept) = read(&partial);
    assert!(kept.len() >= 5);
    assert_nothing_is_left();

    let name = partial.file_stem().unwrap().to_string_lossy().into_owned();
    succeed(&runner(results.path(), &["--resume", &name]).output().unwrap());
    let (manifest, observations) = read(&only_run(results.path(), "quick"));
    assert_eq!(observations[..kept.len()], kept[..], "what was kept is not measured again");
    let least = manifest.plan.iter().filter(|trial| trial.invocation < 10);
    let visits: Vec<(&Trial, u32)> = observations.iter().map(|o| (&o.trial, o.repeat)).collect();
    let measured: BTreeSet<&Trial> = visits.iter().map(|(trial, _)| *trial).collect();
    assert_eq!(visits.iter().collect::<BTreeSet<_>>().len(), visits.len(), "no visit twice");
    assert!(least.clone().all(|trial| measured.contains(trial)), "none missing");
}

#[test]
#[ignore = "needs built artifacts: cargo xtask test sets them"]
fn without_an_engine_the_rest_is_measured() {
    let _alone = alone();
    let results = tempfile::tempdir().unwrap();
    let output = runner(results.path(), &["cold-start", "--profile", "smoke"])
        .env("DOCKER_HOST", NO_ENGINE)
        .output()
        .unwrap();
    succeed(&output);
    let (manifest, observations) = read(&only_run(results.path(), "smoke"));
    let missing: Vec<&str> = manifest
        .subjects
        .iter()
        .filter(|(_, entry)| matches!(entry.availability, Availability::NotInstalled { .. }))
        .map(|(name, _)| name.as_str())
        .collect();
    let of_engine: Vec<&str> =
        missing.into_iter().filter(|name| !["runc", "crun"].contains(name)).collect();
    assert_eq!(of_engine, ["docker-scratch", "docker-scratch-bridge"]);
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
    let output = runner(results.path(), &arguments).env("DOCKER_HOST", NO_ENGINE).output().unwrap();
    succeed(&output);
    let (_, observations) = read(&only_run(results.path(), "smoke"));
    assert_eq!(observations.len(), 3, "two workloads under the search, one in series");
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

fn check_refused(arguments: &[&str], expected: &str) {
    let results = tempfile::tempdir().unwrap();
    let output = runner(results.path(), arguments).env("DOCKER_HOST", NO_ENGINE).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains(expected), "{stderr}");
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
        "nothing to measure",
    );
}

#[test]
#[ignore = "needs built artifacts: cargo xtask test sets them"]
fn the_same_seed_gives_the_same_plan() {
    let _alone = alone();
    let plan = |seed: &str| {
        let results = tempfile::tempdir().unwrap();
        let output = runner(results.path(), &["--dry-run", "--seed", seed])
            .env("DOCKER_HOST", NO_ENGINE)
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

/// Numbers that look random and are the same every time (Vigna's splitmix64).
fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Processes of ours that still run: their environment says so.
fn processes() -> usize {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    entries
        .filter_map(|entry| std::fs::read(entry.path().join("environ")).ok())
        .filter(|environment| {
            environment.split(|&byte| byte == 0).any(|e| e.starts_with(b"WEIGHBRIDGE_RUN="))
        })
        .count()
}

/// Ends the runner by SIGKILL, SIGTERM and SIGINT in turn, at twenty moments that a seed chooses, and goes on
/// each time: the run ends with exactly the trials of its plan.
#[test]
#[ignore = "needs built artifacts: cargo xtask test sets them"]
fn killed_twenty_times_a_run_ends_with_the_same_trials() {
    use rustix::process::{Pid, Signal, kill_process};
    let _alone = alone();
    let results = tempfile::tempdir().unwrap();
    let mut chosen = vec!["cold-start", "--profile", "quick", "--workload", "healthz", "--subject"];
    chosen.push(if engine_is_there() {
        "native,wasmtime-aot,docker-scratch"
    } else {
        "native,wasmtime-aot"
    });
    let mut random = 7;
    let mut run: Option<String> = None;
    let mut kills_count = 0;
    while kills_count < 20 {
        let arguments = match &run {
            Some(run) => vec!["--resume", run.as_str()],
            None => chosen.clone(),
        };
        let mut child = runner(results.path(), &arguments).stdout(Stdio::null()).spawn().unwrap();
        // Reading the artifacts takes some of it; the rest falls into the trials.
        std::thread::sleep(Duration::from_millis(20 + splitmix(&mut random) % 400));
        let signal = [Signal::KILL, Signal::TERM, Signal::INT][kills_count % 3];
        kill_process(Pid::from_child(&child), signal).unwrap();
        let status = child.wait().unwrap();
        kills_count += 1;
        let partial = std::fs::read_dir(results.path())
            .unwrap()
            .filter_map(|entry| Some(entry.ok()?.path()))
            .find(|path| path.extension().is_some_and(|e| e == "partial"));
        match partial {
            Some(path) => run = Some(path.file_stem().unwrap().to_string_lossy().into_owned()),
            // Complete before the signal came: the next one gets a run of its own.
            None if run.is_some() && status.success() => {
                check_complete(results.path());
                std::fs::remove_dir_all(only_run(results.path(), "quick")).unwrap();
                run = None;
            }
            // Ended before the manifest was written: nothing to go on with.
            None => {}
        }
    }
    let rest = run.as_ref().map_or(chosen, |run| vec!["--resume", run.as_str()]);
    succeed(&runner(results.path(), &rest).output().unwrap());
    check_complete(results.path());
    assert_eq!(processes(), 0);
    if engine_is_there() {
        assert_eq!(containers(), 0);
    }
}

/// The only run in `results` holds what an undisturbed one would: no visit twice, none missing.
fn check_complete(results: &Path) {
    let run = only_run(results, "quick");
    let (manifest, observations) = read(&run);
    let mut visits = BTreeSet::new();
    for observation in &observations {
        assert_eq!(observation.outcome, Outcome::Ok, "{}", observation.trial.cell);
        assert!(visits.insert((&observation.trial, observation.repeat)), "measured twice");
    }
    // Nothing is missing: the least invocations of each cell are there, and within a cell no number is left
    // out before the last one.
    let planned: BTreeSet<&Trial> = manifest.plan.iter().collect();
    let measured: BTreeSet<&Trial> = observations.iter().map(|o| &o.trial).collect();
    assert!(measured.is_subset(&planned));
    for trial in &measured {
        let before = planned
            .iter()
            .filter(|p| p.cell == trial.cell && p.invocation < trial.invocation)
            .all(|p| measured.contains(*p));
        assert!(before, "a visit to {} is missing before {}", trial.cell, trial.invocation);
    }
    let stops = std::fs::read_to_string(run.join("stops.json"));
    let stops: Vec<weighbridge_schema::stop::Stop> = serde_json::from_str(&stops.unwrap()).unwrap();
    for stop in stops {
        let count = measured.iter().filter(|t| t.cell == stop.cell).count();
        assert_eq!(count, stop.invocations_count as usize, "{}", stop.cell);
    }
}

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
    let planned: BTreeSet<&Trial> = manifest.plan.iter().collect();
    let measured: Vec<&Trial> = observations.iter().map(|o| &o.trial).collect();
    assert_eq!(measured.len(), planned.len(), "no trial twice, none missing");
    assert_eq!(measured.into_iter().collect::<BTreeSet<_>>(), planned);
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

//! What the tests of the runner as a program share.

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has nothing to say")]
#![allow(dead_code, reason = "not every test program uses all of it")]

mod questions;

pub use questions::{Questions, SERVICE};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, MutexGuard, PoisonError};
use weighbridge_schema::line::read as read_line;
use weighbridge_schema::manifest::{Availability, Manifest};
use weighbridge_schema::record::Observation;

/// Runs share the machine and the engine: two at once would measure, and tidy up after, each other.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes every check, to the last one, and names those that failed. `WEIGHBRIDGE_CHECK` chooses checks by a part of
/// their names.
pub fn make_all(checks: &[(&str, fn())]) {
    let _alone = alone();
    let chosen = std::env::var("WEIGHBRIDGE_CHECK").unwrap_or_default();
    let failed: Vec<&str> = checks
        .iter()
        .filter(|(name, _)| name.contains(&chosen))
        .filter(|(_, check)| std::panic::catch_unwind(*check).is_err())
        .map(|(name, _)| *name)
        .collect();
    assert!(failed.is_empty(), "failed, each as told above: {failed:#?}");
}

pub const NO_ENGINE: &str = "unix:///nonexistent/engine.sock";

/// The variables that name the engines.
const ENGINES: [&str; 3] = ["DOCKER_HOST", "DOCKER_CURRENT_HOST", "CONTAINER_HOST"];

pub fn experiments() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

pub fn artifacts() -> PathBuf {
    let folder = std::env::var_os("WEIGHBRIDGE_ARTIFACTS");
    PathBuf::from(folder.unwrap_or_else(|| panic!("cargo xtask test sets WEIGHBRIDGE_ARTIFACTS")))
}

pub fn runner(results: &Path, arguments: &[&str]) -> Command {
    runner_in(&experiments(), results, arguments)
}

/// As [`runner`], with the questions of another folder.
pub fn runner_in(questions: &Path, results: &Path, arguments: &[&str]) -> Command {
    runner_with(&artifacts(), questions, results, arguments)
}

/// As [`runner_in`], about what lies in another folder of artifacts.
pub fn runner_with(
    artifacts: &Path,
    questions: &Path,
    results: &Path,
    arguments: &[&str],
) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weighbridge-runner"));
    command.arg("run").args(arguments);
    command.arg("--folder").arg(questions).arg("--artifacts").arg(artifacts);
    command.arg("--results").arg(results);
    // Subjects whose programs were installed are exercised too.
    if let Some(programs) = std::env::var_os("WEIGHBRIDGE_PROGRAMS") {
        command.arg("--programs").arg(programs);
    }
    command
}

/// The same where no container engine answers.
pub fn runner_without_engines(results: &Path, arguments: &[&str]) -> Command {
    let mut command = runner(results, arguments);
    command.envs(ENGINES.map(|variable| (variable, NO_ENGINE)));
    command
}

/// What the subjects of these experiments are on this machine, by name; nothing is prepared or
/// measured.
pub fn availabilities(experiments: &[&str]) -> BTreeMap<String, Availability> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("manifest.json");
    let mut command = runner(&folder.path().join("results"), experiments);
    command.args(["--profile", "smoke", "--dry-run", "--write-manifest"]).arg(&file);
    succeed(&command.output().unwrap());
    let manifest: Manifest = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let known = manifest.subjects.into_iter();
    known.map(|(name, entry)| (name.to_string(), entry.availability)).collect()
}

/// Says what a test leaves out and why, past the test harness, which keeps what a passing test
/// prints to itself.
pub fn left_out(what: &str, why: &str) {
    let _ = writeln!(std::io::stderr(), "not tested: {what}: {why}");
}

pub fn read(run: &Path) -> (Manifest, Vec<Observation>) {
    let text = |name: &str| std::fs::read_to_string(run.join(name)).unwrap();
    let manifest = serde_json::from_str(&text("manifest.json")).unwrap();
    let log = text("observations.jsonl");
    let observations = log.lines().map(|line| read_line(line.as_bytes()).unwrap().observation);
    (manifest, observations.collect())
}

/// The visits that were planned: on a busy machine a disturbed trial is visited again at the end.
pub fn planned_visits(observations: &[Observation]) -> Vec<&Observation> {
    observations.iter().filter(|observation| observation.repeat == 0).collect()
}

pub fn only_run(results: &Path, ending: &str) -> PathBuf {
    let mut runs: Vec<PathBuf> = std::fs::read_dir(results)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir() && path.to_string_lossy().ends_with(ending))
        .collect();
    assert_eq!(runs.len(), 1, "{runs:?}");
    runs.pop().unwrap()
}

/// The run is complete. Whether trials of it may have failed (1) is for the test to look at.
pub fn succeed(output: &Output) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(matches!(output.status.code(), Some(0 | 1)), "{}: {stderr}", output.status);
}

/// Containers of ours that the engines still hold.
pub fn containers() -> usize {
    ENGINES
        .iter()
        .filter_map(|variable| std::env::var(variable).ok())
        .map(|at| containers_of(&at))
        .sum()
}

fn containers_of(host: &str) -> usize {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let docker = bollard::Docker::connect_with_host(host).unwrap();
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

/// Whether Docker answers.
pub fn engine_is_there() -> bool {
    // `cargo xtask test` sets it exactly when an engine answers.
    std::env::var_os("DOCKER_HOST").is_some()
}

/// Neither containers of the engine, nor bundles with their control groups.
pub fn assert_nothing_is_left() {
    assert_eq!(containers(), 0);
    assert!(!Path::new("/run/weighbridge-bundles").exists(), "a bundle is left");
    let groups = ["/sys/fs/cgroup", "/sys/fs/cgroup/memory"].map(std::fs::read_dir);
    let names = groups.into_iter().flatten().flatten().flatten();
    let left: Vec<_> = names
        .map(|entry| entry.file_name())
        .filter(|name| name.to_string_lossy().starts_with("weighbridge-"))
        .collect();
    assert!(left.is_empty(), "control groups are left: {left:?}");
}

pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Processes of ours that still run: their environment says so.
pub fn processes() -> usize {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    entries
        .filter_map(|entry| std::fs::read(entry.path().join("environ")).ok())
        .filter(|environment| {
            environment.split(|&byte| byte == 0).any(|e| e.starts_with(b"WEIGHBRIDGE_RUN="))
        })
        .count()
}

pub fn check_refused(arguments: &[&str], expected: &str) {
    let results = tempfile::tempdir().unwrap();
    let output = runner_without_engines(results.path(), arguments).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    // 3: the machine lacks what was requested by name.
    assert!(matches!(output.status.code(), Some(2 | 3)), "{}: {stderr}", output.status);
    assert!(stderr.contains(expected), "{stderr}");
}

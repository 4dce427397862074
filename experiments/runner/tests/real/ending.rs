//! Runs that end before they are complete, for whatever reason: what was measured is kept, nothing of them stays on the
//! machine, and they say how to go on.

use crate::common::*;
use rustix::process::{Pid, Signal, kill_process};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use weighbridge_schema::record::{Observation, Outcome};

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(300);

fn partial(results: &Path) -> Option<PathBuf> {
    let mut entries = std::fs::read_dir(results).ok()?.flatten().map(|entry| entry.path());
    entries.find(|path| path.extension().is_some_and(|ending| ending == "partial"))
}

/// Waits until so many lines are in the log of the only run, which is not to end before that.
fn wait_for_lines(child: &mut Child, results: &Path, count: usize) -> PathBuf {
    let begun = Instant::now();
    loop {
        if let Some(run) = partial(results) {
            let log = std::fs::read_to_string(run.join("observations.jsonl")).unwrap_or_default();
            if log.lines().count() >= count {
                return run;
            }
        }
        assert_eq!(child.try_wait().unwrap(), None, "it ended before it could be stopped");
        assert!(begun.elapsed() < PATIENCE, "it does not come so far");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn begin(command: &mut Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn end(child: Child) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (status.code(), text(stdout), text(stderr))
}

fn name_of(partial: &Path) -> String {
    partial.file_stem().unwrap().to_string_lossy().into_owned()
}

fn check_ok(observations: &[Observation]) {
    for observation in observations {
        assert_eq!(observation.outcome, Outcome::Ok, "{}", observation.trial.cell);
    }
}

const NATIVE: [&str; 7] =
    ["cold-start", "--profile", "quick", "--workload", "healthz", "--subject", "native"];

/// The same command with SIGHUP as it is by default: tests that `nohup` started hand on that it is ignored, and then it
/// is.
fn hearing_hangups(command: &Command) -> Command {
    let mut hearing = Command::new("env");
    hearing.arg("--default-signal=HUP").arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => hearing.env(name, value),
            None => hearing.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        hearing.current_dir(folder);
    }
    hearing
}

pub fn a_terminal_that_is_closed_ends_a_run_as_ctrl_c_does() {
    let results = tempfile::tempdir().unwrap();
    // Each way of starting has something of its own to clear away.
    let there = [("native", true), ("docker-scratch", engine_is_there()), ("runc", is_root())];
    let subjects: Vec<&str> = there.iter().filter(|one| one.1).map(|one| one.0).collect();
    let subjects = subjects.join(",");
    let arguments = [&NATIVE[..6], &[subjects.as_str()]].concat();
    let mut child = begin(&mut hearing_hangups(&runner(results.path(), &arguments)));
    let run = wait_for_lines(&mut child, results.path(), 5);
    kill_process(Pid::from_child(&child), Signal::HUP).unwrap();
    let (code, stdout, stderr) = end(child);
    assert_eq!(code, Some(130), "{stderr}");
    let line = format!("all of them kept; resume with: cargo xtask run --resume {}", name_of(&run));
    assert!(stdout.trim_end().ends_with(&line), "{stdout}");
    assert_nothing_is_left();
    assert_eq!(processes(), 0);
}

pub fn a_run_whose_reader_goes_away_ends_in_order() {
    let results = tempfile::tempdir().unwrap();
    let mut child = begin(&mut runner_without_engines(results.path(), &NATIVE));
    wait_for_lines(&mut child, results.path(), 1);
    drop(child.stdout.take());
    let (code, _, stderr) = end(child);
    assert!(code == Some(141) && !stderr.contains("panicked"), "{code:?}: {stderr}");
    assert!(partial(results.path()).is_some(), "it can be resumed");
    assert_eq!(processes(), 0);
}

pub fn a_second_run_is_refused_and_hears_which_the_first_is() {
    let results = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let mut first = begin(&mut runner_without_engines(results[0].path(), &NATIVE));
    let run = wait_for_lines(&mut first, results[0].path(), 1);
    let second = runner_without_engines(results[1].path(), &NATIVE).output().unwrap();
    let stderr = String::from_utf8_lossy(&second.stderr);
    assert_eq!(second.status.code(), Some(2), "{stderr}");
    let who = format!("run {} (process {} of ", name_of(&run), first.id());
    assert!(stderr.contains(&who), "{who}: {stderr}");
    assert_eq!(std::fs::read_dir(results[1].path()).unwrap().count(), 0);
    kill_process(Pid::from_child(&first), Signal::INT).unwrap();
    assert_eq!(end(first).0, Some(130));
}

pub fn a_program_that_is_replaced_ends_the_run_and_put_back_it_goes_on() {
    let root = tempfile::tempdir().unwrap();
    let (built, results) = (root.path().join(std::env::consts::ARCH), root.path().join("results"));
    std::fs::create_dir(&built).unwrap();
    for entry in std::fs::read_dir(artifacts()).unwrap().flatten() {
        if entry.path().is_file() {
            std::fs::copy(entry.path(), built.join(entry.file_name())).unwrap();
        }
    }
    let run_with = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_weighbridge-runner"));
        command.arg("run").args(arguments).arg("--folder").arg(experiments());
        command.arg("--artifacts").arg(&built).arg("--results").arg(&results);
        command.env("DOCKER_HOST", NO_ENGINE).env_remove("CONTAINER_HOST");
        command
    };
    let mut child = begin(&mut run_with(&NATIVE));
    let run = wait_for_lines(&mut child, &results, 2);
    let (native, kept) = (built.join("weighbridge-native"), built.join("kept"));
    std::fs::rename(&native, &kept).unwrap();
    std::fs::copy("/bin/true", &native).unwrap();
    let (code, _, stderr) = end(child);
    assert_eq!(code, Some(2), "{stderr}");
    assert!(stderr.contains("weighbridge-native was replaced while it was measured"), "{stderr}");
    assert!(stderr.contains(&format!("cargo xtask run --resume {}", name_of(&run))), "{stderr}");
    check_ok(&read(&run).1);
    let refused = run_with(&["--resume", &name_of(&run)]).output().unwrap();
    assert_eq!(refused.status.code(), Some(2), "it is still another one");
    std::fs::rename(&kept, &native).unwrap();
    let (code, _, stderr) = end(begin(&mut run_with(&["--resume", &name_of(&run)])));
    assert_eq!(code, Some(0), "{stderr}");
    check_ok(&read(&only_run(&results, "quick")).1);
}

/// The engine at another address, until it is "killed": what is under way is cut, and nothing answers any more.
struct Engine {
    at: PathBuf,
    is_dead: Arc<AtomicBool>,
}

impl Engine {
    fn before(real: &Path, at: PathBuf) -> Self {
        let listener = UnixListener::bind(&at).unwrap();
        let is_dead = Arc::new(AtomicBool::new(false));
        let (real, dead) = (real.to_owned(), Arc::clone(&is_dead));
        std::thread::spawn(move || {
            for client in listener.incoming() {
                if dead.load(Ordering::Relaxed) {
                    return;
                }
                let (client, engine) = (client.unwrap(), UnixStream::connect(&real).unwrap());
                let cut = (client.try_clone().unwrap(), engine.try_clone().unwrap());
                pass_on(client.try_clone().unwrap(), engine.try_clone().unwrap());
                pass_on(engine, client);
                let dead = Arc::clone(&dead);
                std::thread::spawn(move || {
                    while !dead.load(Ordering::Relaxed) {
                        std::thread::sleep(Duration::from_millis(5));
                    }
                    // It may be closed by now.
                    let _ = cut.0.shutdown(std::net::Shutdown::Both);
                    let _ = cut.1.shutdown(std::net::Shutdown::Both);
                });
            }
        });
        Self { at, is_dead }
    }

    fn host(&self) -> String {
        format!("unix://{}", self.at.display())
    }

    fn kill(&self) {
        self.is_dead.store(true, Ordering::Relaxed);
        std::fs::remove_file(&self.at).unwrap();
    }
}

fn pass_on(mut from: UnixStream, mut to: UnixStream) {
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(std::net::Shutdown::Write);
    });
}

pub fn an_engine_that_dies_ends_the_run_and_what_it_spoilt_is_measured_on_resume() {
    let real = std::env::var("DOCKER_HOST").ok();
    let Some(real) = real.as_deref().and_then(|host| host.strip_prefix("unix://")) else {
        return left_out("an engine that dies", "no Docker at a local socket");
    };
    let root = tempfile::tempdir().unwrap();
    let engine = Engine::before(Path::new(real), root.path().join("engine.sock"));
    let results = root.path().join("results");
    let arguments = [&NATIVE[..6], &["native,docker-scratch"]].concat();
    let mut command = runner(&results, &arguments);
    command.env("DOCKER_HOST", engine.host()).env_remove("CONTAINER_HOST");
    let mut child = begin(&mut command);
    let run = wait_for_lines(&mut child, &results, 4);
    engine.kill();
    let (code, _, stderr) = end(child);
    assert_eq!(code, Some(2), "{stderr}");
    assert!(stderr.contains("does not answer any more"), "{stderr}");
    assert!(stderr.contains(&format!("cargo xtask run --resume {}", name_of(&run))), "{stderr}");
    check_ok(&read(&run).1);
    let mut command = runner(&results, &["--resume", &name_of(&run)]);
    let (code, _, stderr) = end(begin(command.env_remove("CONTAINER_HOST")));
    assert_eq!(code, Some(0), "{stderr}");
    check_ok(&read(&only_run(&results, "quick")).1);
    assert_eq!(containers(), 0);
}

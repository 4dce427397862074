//! Private container engines, really started: they answer as what they are, beside each other, and nothing of them is
//! left when they are dropped.

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has nothing to say")]

// Past the test harness, which keeps what a passing test prints to itself.
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use weighbridge_machine::eprintln;
use weighbridge_setup::{Context, Engine, LocalMachine, Machine, Need, Step, engine};

/// This machine, without the engines that somebody has named or has running.
struct Bare;

impl Machine for Bare {
    fn variable(&self, name: &str) -> Option<String> {
        let engines = ["DOCKER_HOST", "DOCKER_CURRENT_HOST", "CONTAINER_HOST"];
        let names_an_engine = engines.contains(&name);
        if names_an_engine { None } else { LocalMachine.variable(name) }
    }
    fn find(&self, program: &str) -> Option<PathBuf> {
        LocalMachine.find(program)
    }
    fn exists(&self, path: &Path) -> bool {
        LocalMachine.exists(path)
    }
    fn read(&self, path: &Path) -> Option<String> {
        LocalMachine.read(path)
    }
    fn list(&self, folder: &Path) -> Vec<PathBuf> {
        LocalMachine.list(folder)
    }
    fn is_root(&self) -> bool {
        LocalMachine.is_root()
    }
    fn architecture(&self) -> &str {
        std::env::consts::ARCH
    }
    fn engine_answers(&self, _: weighbridge_schema::subject::ContainerEngine, _: &Path) -> bool {
        false
    }
    fn confirm(&self, _: &str) -> bool {
        false
    }
    fn run(&self, step: &Step) -> anyhow::Result<String> {
        LocalMachine.run(step)
    }
}

/// Processes that name the folder in their arguments: the engines name theirs.
fn processes_of(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    entries
        .filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok())
        .map(|words| String::from_utf8_lossy(&words).replace('\0', " "))
        .filter(|words| words.contains(&*folder.to_string_lossy()))
        .collect()
}

/// Folders of engines that could not be started: their configuration names the state folder.
fn left_by(state: &Path) -> Vec<String> {
    let folders = std::fs::read_dir("/run/weighbridge").into_iter().flatten().flatten();
    let configurations = folders.map(|folder| folder.path().join("storage.conf"));
    let texts = configurations.filter_map(|file| std::fs::read_to_string(file).ok());
    texts.filter(|text| text.contains(&*state.to_string_lossy())).collect()
}

/// With the programs that set-up has installed for subjects: an engine of their own is started where it is among them.
fn context<'a>(state: &Path, reporter: &'a dyn Fn(&str)) -> Context<'a> {
    let link = state.join("programs");
    if let Some(programs) = std::env::var_os("WEIGHBRIDGE_PROGRAMS").filter(|_| !link.exists()) {
        std::os::unix::fs::symlink(programs, link).unwrap();
    }
    Context {
        repo: Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."),
        state: state.to_owned(),
        build: state.to_owned(),
        assume_yes: false,
        interactive: false,
        reporter,
        machine: &Bare,
    }
}

const STATE_OF_STAND_IN: &str = "WEIGHBRIDGE_TEST_STATE";

#[test]
#[ignore = "stands for a run in the test below, which starts it"]
fn stands_for_a_run() {
    let Some(state) = std::env::var_os(STATE_OF_STAND_IN) else { return };
    let reporter = |line: &str| println!("{line}");
    let _engines = engine::ensure(&context(Path::new(&state), &reporter)).unwrap();
    std::thread::sleep(std::time::Duration::from_secs(600));
}

/// Ends a run in the moment that it starts an engine, and begins the next one at once.
#[test]
#[ignore = "starts container engines: for cargo xtask test"]
fn engines_of_a_run_that_was_killed_on_the_way_do_not_disturb_those_of_the_next() {
    use std::io::{BufRead, BufReader};
    let state = std::env::temp_dir().join(format!("xtask-engines-next-{}", std::process::id()));
    std::fs::create_dir_all(&state).unwrap();
    let mut first = Command::new(std::env::current_exe().unwrap());
    first.args(["--exact", "stands_for_a_run", "--ignored", "--nocapture"]);
    first.env(STATE_OF_STAND_IN, &state).stdout(std::process::Stdio::piped());
    let mut first = first.spawn().unwrap();
    let mut lines = BufReader::new(first.stdout.take().unwrap()).lines().map_while(Result::ok);
    let started = lines.find(|line| line.contains("starting a private "));
    first.kill().unwrap();
    first.wait().unwrap();
    if started.is_none() {
        return eprintln!("not tested: no private engine can be started here");
    }
    let printed = std::cell::RefCell::new(Vec::new());
    let reporter = |line: &str| printed.borrow_mut().push(line.to_owned());
    let engines = engine::ensure(&context(&state, &reporter)).unwrap();
    // As long as the first one's supervisor may take for one step of its end.
    std::thread::sleep(std::time::Duration::from_secs(1));
    for Engine { need, host, missing, .. } in engines.iter() {
        let Some(host) = host else {
            let (reason, _) = missing.as_ref().unwrap();
            assert!(reason.contains("is not installed"), "{need}: {reason}: {printed:?}");
            continue;
        };
        let socket = Path::new(host.strip_prefix("unix://").unwrap());
        assert!(std::os::unix::net::UnixStream::connect(socket).is_ok(), "{need}: {printed:?}");
    }
    drop(engines);
    std::fs::remove_dir_all(&state).unwrap();
}

#[test]
#[ignore = "starts container engines: for cargo xtask test"]
fn private_engines_answer_as_what_they_are_and_leave_nothing() {
    let state = std::env::temp_dir().join(format!("xtask-engines-{}", std::process::id()));
    std::fs::create_dir_all(&state).unwrap();
    let reporter = |_: &str| {};
    let context = context(&state, &reporter);
    let engines = engine::ensure(&context).unwrap();
    let mut reported = Command::new("true");
    engines.tell(&mut reported);
    let mut folders = Vec::new();
    for Engine { need, host, provider, detail, missing, .. } in engines.iter() {
        let Some(host) = host else {
            let (reason, remedy) = missing.as_ref().unwrap();
            // Past the test harness, which keeps what a passing test prints to itself.
            let _ = writeln!(std::io::stderr(), "not tested: a private {need}: {reason}");
            assert!(!reason.is_empty() && !remedy.is_empty(), "{reason}; {remedy}");
            continue;
        };
        assert!(provider.as_ref().unwrap().starts_with("private-"), "{provider:?}");
        assert!(detail.contains_key("engine Version"), "{detail:?}");
        if *need == Need::Podman {
            assert!(["overlay", "vfs"].contains(&detail["storage driver"].as_str()), "{detail:?}");
            let runtime = &detail["OCI runtime"];
            assert!(runtime.ends_with("/runc") || runtime.ends_with("/crun"), "{detail:?}");
        }
        let socket = Path::new(host.strip_prefix("unix://").unwrap());
        assert!(socket.exists());
        folders.push(socket.parent().unwrap().to_owned());
        assert!(
            reported.get_envs().any(|(_, value)| value.is_some_and(|value| value == host.as_str()))
        );
        assert!(!processes_of(folders.last().unwrap()).is_empty());
    }
    drop(engines);
    assert_eq!(left_by(&state), [""; 0]);
    for folder in &folders {
        assert!(!folder.exists(), "{}", folder.display());
        assert_eq!(processes_of(folder), [""; 0]);
    }
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
    assert!(!mounts.contains(&*state.to_string_lossy()), "{mounts}");
    std::fs::remove_dir_all(&state).unwrap();
}

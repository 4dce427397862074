//! What the programs of ours hear of Ctrl-C, of a terminal that is closed, and of a reader that has gone away.

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has nothing to say")]

// Past the test harness, which keeps what a passing test prints to itself.
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use weighbridge_machine::eprintln;
use weighbridge_project::process::{take_signals, with_events};
use weighbridge_project::progress::Progress;

/// Stands for the runner: says how many signals it got within a while after the first.
const RUNNER: &str = r#"
count=0
trap 'count=$((count + 1))' INT TERM HUP
echo '{"note":"it runs"}'
while [ $count -eq 0 ]; do sleep 0.1; done
for i in 1 2 3 4 5 6 7 8 9; do sleep 0.1; done
echo "{\"note\":\"told $count times\"}"
exit 130
"#;

#[test]
#[ignore = "stands for xtask in the tests below, which start it"]
fn stands_for_xtask() {
    if std::env::var_os("WEIGHBRIDGE_TEST_STAND_IN").is_none() {
        return;
    }
    take_signals().unwrap();
    let mut runner = Command::new("sh");
    runner.args(["-c", RUNNER]);
    let (_, code) = with_events(&mut runner, &Progress::new()).unwrap();
    eprintln!("it ended with {code}");
}

fn stand_in() -> String {
    let exe = std::env::current_exe().unwrap();
    format!("exec '{}' --exact stands_for_xtask --ignored --nocapture", exe.display())
}

/// Reads until the stand-in for the runner runs, does `then`, and gives all that was said to the end.
fn said_after(child: &mut Child, mut from: impl Read, then: impl FnOnce(&mut Child)) -> String {
    let mut printed = String::new();
    let mut lines = BufReader::new(&mut from);
    while !printed.contains("it runs") {
        assert_ne!(lines.read_line(&mut printed).unwrap(), 0, "it never ran: {printed}");
    }
    then(child);
    lines.read_to_string(&mut printed).unwrap();
    child.wait().unwrap();
    printed
}

#[test]
fn ctrl_c_at_a_terminal_reaches_the_runner_once() {
    let mut script = Command::new("script");
    script.args(["-qec", &stand_in(), "/dev/null"]).env("WEIGHBRIDGE_TEST_STAND_IN", "1");
    let started = script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let Ok(mut child) = started else { return eprintln!("not tested: there is no `script`") };
    let (mut keys, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let printed = said_after(&mut child, output, |_| keys.write_all(b"\x03").unwrap());
    assert!(printed.contains("told 1 times") && printed.contains("it ended with 130"), "{printed}");
    assert!(printed.contains("interrupted: ending what runs"), "{printed}");
}

#[test]
fn a_terminal_that_is_closed_ends_the_runner_in_order() {
    // As it is by default: tests that `nohup` started hand on that it is ignored, and then it is.
    let mut shell = Command::new("env");
    shell
        .args(["--default-signal=HUP", "sh", "-c", &stand_in()])
        .env("WEIGHBRIDGE_TEST_STAND_IN", "1");
    let mut child = shell.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let output = child.stderr.take().unwrap();
    let printed = said_after(&mut child, output, |child| {
        let pid = rustix::process::Pid::from_child(child);
        rustix::process::kill_process(pid, rustix::process::Signal::HUP).unwrap();
    });
    assert!(printed.contains("told 1 times") && printed.contains("it ended with 130"), "{printed}");
}

fn xtask(arguments: &[&str]) -> Command {
    let mut xtask = Command::new(env!("CARGO_BIN_EXE_xtask"));
    xtask.args(arguments).env("CARGO_MANIFEST_DIR", Path::new(env!("CARGO_MANIFEST_DIR")));
    xtask.stdin(Stdio::null());
    xtask
}

#[test]
fn a_reader_that_goes_away_ends_a_verb_without_a_panic() {
    for arguments in [&["list"][..], &["doctor"], &["--help"]] {
        let mut child =
            xtask(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let mut messages = String::new();
        child.stderr.take().unwrap().read_to_string(&mut messages).unwrap();
        let code = child.wait().unwrap().code();
        assert!(!messages.contains("panicked"), "{arguments:?}: {messages}");
        // clap itself writes the help, and minds no reader.
        assert!(matches!(code, Some(0 | 141)), "{arguments:?}: {code:?}: {messages}");
        assert!(arguments != ["list"] || code == Some(141), "{code:?}");
    }
}

#[test]
fn messages_that_nobody_reads_are_no_panic() {
    let mut child = xtask(&["analyze", "no-such-run"]).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stderr.take());
    let code = child.wait().unwrap().code();
    assert!(matches!(code, Some(2 | 141)), "{code:?}");
}

#[test]
fn a_run_that_is_not_there_is_not_resumed_before_anything_is_set_up() {
    let begun = std::time::Instant::now();
    let output = xtask(&["run", "--resume", "no-such-run"]).output().unwrap();
    let messages = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{messages}");
    assert!(messages.starts_with("error: there is no unfinished run"), "{messages}");
    assert!(begun.elapsed() < Duration::from_secs(60));
}

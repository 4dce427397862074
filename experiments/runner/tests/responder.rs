//! The responder and the calibration of the load generator as programs.

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has nothing to say")]

// Past the test harness, which keeps what a passing test prints to itself.
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use weighbridge_machine::eprintln;
use weighbridge_schema::calibration_load::LoadCalibration;

fn runner() -> Command {
    Command::new(env!("CARGO_BIN_EXE_weighbridge-runner"))
}

/// A responder on a port of its own choice, and a connection to it.
fn responder() -> (Child, TcpStream) {
    let mut child = runner()
        .args(["responder", "--listen", "127.0.0.1:0"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let stream = TcpStream::connect(line.trim()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    (child, stream)
}

fn ask(stream: &mut TcpStream, request: &[u8]) {
    stream.write_all(request).unwrap();
    let expected = b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\nHello, world!";
    let mut answer = [0; 52];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer[..], expected);
}

#[test]
fn it_answers_on_one_connection_until_its_input_is_closed() {
    let (mut child, mut stream) = responder();
    for _ in 0..3 {
        ask(&mut stream, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
        let body = vec![b'x'; 100_000];
        let head = format!("POST / HTTP/1.1\r\nHost: x\r\ncontent-length: {}\r\n\r\n", body.len());
        ask(&mut stream, &[head.as_bytes(), &body].concat());
    }
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
}

#[test]
fn it_ends_on_sigterm() {
    let (mut child, mut stream) = responder();
    ask(&mut stream, b"GET / HTTP/1.1\r\n\r\n");
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    child.wait().unwrap();
}

/// wrk is a tool that a machine may lack; without it there is nothing to compare with.
fn wrk() -> Option<std::path::PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join("wrk")).find(|file| file.is_file())
}

#[test]
fn the_calibration_writes_every_round() {
    let Some(wrk) = wrk() else {
        eprintln!("not tested: wrk is not installed");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("load.json");
    let output = runner()
        .args(["calibrate-load", "--rounds", "2", "--seconds", "1", "--wrk"])
        .arg(&wrk)
        .arg("--output")
        .arg(&file)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let calibration: LoadCalibration =
        serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(calibration.rounds.len(), 2);
    assert!(calibration.wrk_version.starts_with("wrk "));
    for round in &calibration.rounds {
        // How the two compare is for the eye; that both did something is not.
        assert!(round.ours.completed_count > 100 && round.wrk.completed_count > 100, "{round:?}");
        assert!(round.ratio().is_some_and(|ratio| ratio > 0.1), "{round:?}");
        // Neither has used more than the one core that it has, give or take the start of wrk.
        assert!(round.ours.client_cpu_ns <= 1_050_000_000, "{round:?}");
    }
    let stall = calibration.stall;
    assert_eq!((stall.open.completed_count, stall.open.failed_count), (1000, 0));
    // The one stall holds up all that fall into it; a closed loop sends nothing meanwhile. What else the machine does
    // meanwhile makes requests wait in both.
    let (open, closed) = (stall.open.waited_share().unwrap(), stall.closed.waited_share().unwrap());
    assert!(open >= 0.05 && closed < open, "{stall:?}");
    assert!(text.contains("ours over wrk") && text.contains("closed loop"), "{text}");
}

#[test]
fn another_program_is_not_taken_for_wrk() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("load.json");
    let output =
        runner().args(["calibrate-load", "--wrk", "true", "--output"]).arg(&file).output().unwrap();
    assert!(!output.status.success() && !file.exists());
    assert!(String::from_utf8_lossy(&output.stderr).contains("is not wrk"));
}

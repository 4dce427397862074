//! The command as its users meet it: arguments and pipes.

#![allow(clippy::unwrap_used, reason = "clippy knows test functions, not their helpers")]

use std::io::Write;
use std::process::{Command, Output, Stdio};

fn run(arguments: &[&str], body: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_weighbridge-command"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that answers without reading the body closes the pipe: not an error here.
    let _ = child.stdin.take().unwrap().write_all(body);
    child.wait_with_output().unwrap()
}

#[test]
fn the_answer_is_a_status_line_and_the_body() {
    let output = run(&["GET", "/healthz", "-"], b"");
    assert!(output.status.success());
    assert_eq!(output.stdout, b"200 text/plain; charset=utf-8\nok");
}

#[test]
fn a_refused_request_is_an_answer_and_no_failure() {
    let output = run(&["POST", "/v1/images/transform?op=sepia", "image/png"], b"x");
    assert!(output.status.success());
    let answer = String::from_utf8(output.stdout).unwrap();
    assert!(answer.starts_with("415 application/json\n{\"error\":"), "{answer}");
}

#[test]
fn missing_arguments_are_told() {
    let output = run(&["GET"], b"");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().starts_with("usage:"));
}

//! Tests of how a program is spoken to, and of what follows from its iterations.

use super::*;
use std::collections::VecDeque;

/// A program whose iterations take what the script says.
struct Scripted {
    with_ns: VecDeque<u64>,
    without_ns: VecDeque<u64>,
    asked: String,
}

fn scripted(with_ns: &[u64], without_ns: &[u64]) -> Scripted {
    let (with_ns, without_ns) = (with_ns.to_vec().into(), without_ns.to_vec().into());
    Scripted { with_ns, without_ns, asked: String::new() }
}

impl Iterate for Scripted {
    fn iterate(&mut self, word: &str) -> Result<u64, Cause> {
        self.asked += &format!("{word} ");
        let left = if word == "with" { &mut self.with_ns } else { &mut self.without_ns };
        left.pop_front().ok_or_else(|| "one iteration too many".into())
    }
}

fn told(count: u32, is_difference: bool) -> Told {
    Told { count, is_difference }
}

#[test]
fn a_whole_request_is_the_median_of_its_iterations() {
    let mut program = scripted(&[900, 500, 520], &[]);
    assert_eq!(time(&mut program, told(1, false), 3).unwrap(), 520);
    assert_eq!(time(&mut scripted(&[8_000], &[]), told(4, false), 1).unwrap(), 2_000);
}

#[test]
fn what_stands_beside_the_operation_is_taken_off_and_both_kinds_alternate() {
    let mut program = scripted(&[2_000, 1_800, 1_900], &[300, 310, 290]);
    assert_eq!(time(&mut program, told(8, true), 3).unwrap(), 200);
    assert_eq!(program.asked, "with without ".repeat(3));
}

#[test]
fn a_difference_that_is_none_is_unknown_and_no_number() {
    let error = time(&mut scripted(&[300], &[310]), told(1, true), 1).unwrap_err().to_string();
    assert!(error.contains("300") && error.contains("310"), "{error}");
    assert!(time(&mut scripted(&[300], &[]), told(0, false), 1).is_err());
    assert!(time(&mut scripted(&[], &[]), told(1, false), 0).is_err(), "nothing was asked for");
}

fn spoken_to(script: &str, iterations: u32) -> Result<u64, String> {
    let mut command = Command::new("sh");
    command.args(["-c", script]).stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let found = converse(&mut child, iterations).map_err(|why| why.to_string());
    let _ = child.kill();
    child.wait().unwrap();
    found
}

#[test]
fn a_program_is_asked_time_by_time_and_its_own_cpu_time_counts() {
    // A shell that counts, and one that only answers: the first uses far more.
    let told = r#"echo '{"count":1,"is_difference":false}'"#;
    let counts = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done";
    let busy = format!("{told}; while read word; do {counts}; echo done; done");
    let idle = format!("{told}; while read word; do echo done; done");
    let (busy_ns, idle_ns) = (spoken_to(&busy, 3).unwrap(), spoken_to(&idle, 3).unwrap());
    assert!(busy_ns > 1_000_000 && busy_ns > 5 * idle_ns, "{busy_ns} ns and {idle_ns} ns");
}

#[test]
fn what_goes_wrong_is_named() {
    let ended = spoken_to("echo no such operation >&2; exit 3", 1).unwrap_err();
    assert!(ended.contains("no such operation") && ended.contains('3'), "{ended}");
    let babbles = spoken_to("echo hello; cat >/dev/null", 1).unwrap_err();
    assert!(babbles.contains("`hello`"), "{babbles}");
    let told = r#"echo '{"count":1,"is_difference":false}'"#;
    let other = spoken_to(&format!("{told}; read word; echo never; cat >/dev/null"), 1);
    assert!(other.unwrap_err().contains("`never` to `with`"));
}

//! The host with guests that behave and misbehave: real engine, real HTTP over loopback.

// To fail in a helper is to fail its test, but clippy takes only `#[test]` functions for tests.
#![allow(clippy::unwrap_used)]
#![cfg(feature = "compiler")]

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use common::{Folder, Host};

const ANSWER: &str = "(call $answer (local.get $outparam))";
const SPIN: &str = "(loop $again (br $again))";
/// Takes longer than an epoch, so that the guest yields with its instance in use.
const BUSY: &str = "(local $count i32)
  (loop $again
    (local.set $count (i32.add (local.get $count) (i32.const 1)))
    (br_if $again (i32.lt_u (local.get $count) (i32.const 20000000))))";
/// Grows until refused, then answers 200 + the MiB that it has (and the answer's one).
const GROW: &str = "(block $full (loop $again
    (br_if $full (i32.eq (memory.grow (i32.const 16)) (i32.const -1)))
    (global.set $status (i32.add (global.get $status) (i32.const 1)))
    (br $again)))
  (call $answer (local.get $outparam))";

fn program() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_weighbridge-host"))
}

fn serve(folder: &Folder, body: &str, options: &[&str]) -> Host {
    let mut all = vec!["--compile-at-start"];
    all.extend_from_slice(options);
    Host::start(&program(), &folder.guest(body), &all)
}

#[test]
fn a_guest_answers_and_the_stages_are_told() {
    let folder = Folder::new("answers");
    let host = serve(&folder, ANSWER, &[]);
    assert_eq!(host.get("/").status, 201);
    let names: Vec<&str> = host.stages.split('"').skip(1).step_by(2).collect();
    assert_eq!(names, ["main", "engine", "load", "pre_instantiate", "listening"]);
}

#[test]
fn every_combination_of_knobs_answers_the_same_and_only_reuse_keeps_state() {
    let folder = Folder::new("knobs");
    for cow in [&[][..], &["--no-memory-cow"]] {
        let compiled = compile(&folder.guest(ANSWER), &folder, cow);
        for pooling in [&[][..], &["--no-pooling"]] {
            for (reuse, expected) in [("1", [201, 201, 201, 201]), ("3", [201, 202, 203, 201])] {
                let mut options = vec!["--threads", "1", "--reuse", reuse];
                options.extend_from_slice(pooling);
                options.extend_from_slice(cow);
                let loaded = Host::start(&program(), &compiled, &options);
                let jit = serve(&folder, ANSWER, &options);
                for host in [loaded, jit] {
                    let statuses = [(); 4].map(|()| host.get("/").status);
                    assert_eq!(statuses, expected, "{options:?}");
                }
            }
        }
    }
}

#[test]
fn a_trap_is_answered_and_harms_no_other_request() {
    let folder = Folder::new("trap");
    // The second request that an instance gets traps, after it has answered.
    let body =
        format!("{ANSWER} (if (i32.gt_u (global.get $status) (i32.const 201)) (then unreachable))");
    let host = serve(&folder, &body, &["--threads", "1", "--reuse", "10"]);
    for _ in 0..3 {
        assert_eq!(host.get("/").status, 201);
        host.get("/").assert_error(500, "internal");
    }
}

#[test]
fn a_guest_without_a_response_is_answered_for() {
    let folder = Folder::new("silent");
    let host = serve(&folder, "nop", &["--reuse", "10"]);
    host.get("/").assert_error(500, "internal");
    host.get("/").assert_error(500, "internal");
}

#[test]
fn a_guest_that_never_ends_meets_its_deadline_and_holds_up_nobody() {
    let folder = Folder::new("spin");
    for pooling in [&[][..], &["--no-pooling"]] {
        let mut options = vec!["--threads", "1", "--deadline-ms", "300"];
        options.extend_from_slice(pooling);
        let host = serve(&folder, SPIN, &options);
        let start = Instant::now();
        // Ten at once on one thread: were they served one by one, the last would take 3 s.
        std::thread::scope(|scope| {
            for _ in 0..10 {
                scope.spawn(|| host.get("/").assert_error(503, "deadline_exceeded"));
            }
        });
        let took = start.elapsed();
        assert!(took >= Duration::from_millis(300), "{took:?}");
        assert!(took < Duration::from_millis(3000), "{took:?}");
        host.get("/").assert_error(503, "deadline_exceeded");
    }
}

#[test]
fn requests_beyond_the_instances_wait_for_their_turn() {
    let folder = Folder::new("wait");
    let host = serve(&folder, &format!("{BUSY} {ANSWER}"), &["--threads", "2", "--instances", "2"]);
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| (0..4).for_each(|_| assert_eq!(host.get("/").status, 201)));
        }
    });
}

#[test]
fn memory_stops_at_the_limit() {
    let folder = Folder::new("memory");
    for pooling in [&[][..], &["--no-pooling"]] {
        let mut options = vec!["--memory-limit-mib", "32"];
        options.extend_from_slice(pooling);
        let host = serve(&folder, GROW, &options);
        // It starts with one page of 64 KiB, so 31 times 1 MiB more fit.
        assert_eq!(host.get("/").status, 200 + 31 + 1, "{pooling:?}");
    }
}

#[test]
fn a_body_over_the_limit_is_refused_even_while_it_is_sent() {
    let folder = Folder::new("body");
    let host = serve(&folder, ANSWER, &[]);
    let body = vec![7; (16 << 20) + 1];
    host.post("/", &body).assert_error(413, "body_too_large");
    assert_eq!(host.post("/", &body[1..]).status, 201);
}

#[test]
fn a_request_without_a_host_is_answered() {
    let folder = Folder::new("hostless");
    let host = serve(&folder, ANSWER, &[]);
    assert_eq!(host.send("GET / HTTP/1.0\r\n\r\n", &[]).status, 201);
}

#[test]
fn signals_end_it_with_success() {
    let folder = Folder::new("signals");
    for signal in ["TERM", "INT"] {
        let host = serve(&folder, ANSWER, &[]);
        assert_eq!(host.get("/").status, 201);
        assert_eq!(host.stop(signal), Some(0), "{signal}");
    }
}

#[test]
fn what_cannot_be_served_is_explained() {
    let folder = Folder::new("errors");
    let component = folder.guest(ANSWER);
    let listen = ["--listen", "127.0.0.1:0"];

    let told = refused(&component, &listen);
    assert!(told.contains("--compile-at-start") && told.contains("compile "), "{told}");

    let module = folder.file("module.wasm");
    std::fs::write(&module, wat::parse_str("(module)").unwrap()).unwrap();
    assert!(refused(&module, &listen).contains("core module"));

    let text = folder.file("text");
    std::fs::write(&text, "text").unwrap();
    assert!(refused(&text, &listen).contains("not a WebAssembly component"));
    assert!(refused(&folder.file("missing"), &listen).contains("missing"));

    let compiled = compile(&component, &folder, &[]);
    let jit = [&listen[..], &["--compile-at-start"]].concat();
    assert!(refused(&compiled, &jit).contains("without --compile-at-start"));

    let host = serve(&folder, ANSWER, &[]);
    let taken = host.address.to_string();
    let told = refused(&compiled, &["--listen", &taken]);
    assert!(told.contains(&taken) && told.contains("another process"), "{told}");
}

#[test]
fn code_of_another_configuration_is_refused() {
    let folder = Folder::new("configuration");
    let path = compile(&folder.guest(ANSWER), &folder, &["--no-memory-cow"]);
    let told = refused(&path, &["--listen", "127.0.0.1:0"]);
    assert!(told.contains("compile it again"), "{told}");
}

#[test]
fn instances_are_timed_and_held_without_a_request() {
    let folder = Folder::new("instantiate");
    let component = folder.guest(SPIN);
    let compiled = compile(&component, &folder, &[]);
    // A copy that no other test runs: the pages of a program that two processes map are nobody's
    // alone, so that another test's start between the two readings would lower the second.
    let program_copy = folder.file("host");
    std::fs::copy(program(), &program_copy).unwrap();
    for (file, options) in [(&compiled, &[][..]), (&component, &["--compile-at-start"])] {
        let mut command = Command::new(&program_copy);
        // More than the pool of `serve` has room for.
        command.arg("instantiate").arg(file).args(["--count", "25", "--hold", "40"]).args(options);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let line = String::from_utf8(output.stdout).unwrap();
        let (durations, rest) = line
            .strip_prefix("{\"durations_ns\":[")
            .and_then(|rest| rest.split_once("],\"held_count\":40,\"uss_bytes_before\":"))
            .unwrap_or_else(|| panic!("{line}"));
        let durations: Vec<u64> = durations.split(',').map(|text| text.parse().unwrap()).collect();
        assert_eq!(durations.len(), 25);
        assert!(durations.iter().all(|&ns| ns > 0), "{durations:?}");
        let (before, held) = rest.split_once(",\"uss_bytes_held\":").unwrap();
        let bytes = |text: &str| text.trim_end_matches("}\n").parse::<u64>().unwrap();
        // Each instance has at least a page of its own.
        assert!(bytes(held) >= bytes(before) + 40 * 4096, "{rest}");
    }
    let none = Command::new(program()).arg("instantiate").arg(folder.file("missing")).output();
    assert_eq!(none.unwrap().status.code(), Some(1));
}

fn compile(component: &Path, folder: &Folder, options: &[&str]) -> PathBuf {
    let compiled = folder.file("guest.cwasm");
    let mut command = Command::new(program());
    command.arg("compile").arg(component).arg("--output").arg(&compiled).args(options);
    assert!(command.status().unwrap().success());
    compiled
}

/// What it says on stderr when it does not start.
fn refused(component: &Path, options: &[&str]) -> String {
    let output =
        Command::new(program()).arg("serve").arg(component).args(options).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8(output.stderr).unwrap()
}

//! A host without requests: it makes no wake-ups, and still cuts a guest that never ends when one
//! comes.

// To fail in a helper is to fail its test, but clippy takes only `#[test]` functions for tests.
#![allow(clippy::unwrap_used)]
#![cfg(feature = "compiler")]

mod common;

use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use common::{Folder, Host};

/// Most wake-ups of all threads in two seconds. Epochs of 5 ms alone were 400.
const MOST_WAKE_UPS: u64 = 10;

fn assert_asleep(host: &Host, when: &str) {
    // The clock of the epochs lingers for 50 ms; on a busy machine longer, so that there are three
    // tries.
    let counts = [(); 3].map(|()| {
        sleep(Duration::from_millis(500));
        let before = host.wake_ups();
        sleep(Duration::from_secs(2));
        host.wake_ups() - before
    });
    assert!(counts.iter().any(|&count| count <= MOST_WAKE_UPS), "{when}: {counts:?} in 2 s");
}

/// Idle, busy and idle again: `base` is what the paths of the guest begin with.
fn assert_sleeps_and_cuts(host: &Host, base: &str) {
    assert_asleep(host, "before the first request");
    for round in ["first", "second"] {
        let start = Instant::now();
        host.get(&format!("{base}/s")).assert_error(503, "deadline_exceeded");
        let took = start.elapsed();
        assert!(took >= Duration::from_millis(1000), "{round}: {took:?}");
        assert!(took < Duration::from_secs(10), "{round}: {took:?}");
        assert_eq!(host.get(&format!("{base}/")).status, 201);
        assert_asleep(host, round);
    }
}

fn program() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_weighbridge-host"))
}

#[test]
fn an_idle_host_sleeps_and_still_cuts_a_guest_at_its_deadline() {
    let folder = Folder::new("idle");
    let options = ["--compile-at-start", "--threads", "2", "--deadline-ms", "1000"];
    let host = Host::start(&program(), &folder.hostile(), &options);
    assert_sleeps_and_cuts(&host, "");
}

#[test]
fn idle_tenants_let_the_host_sleep() {
    let folder = Folder::new("idle-tenants");
    let tenants = folder.file("tenants");
    std::fs::create_dir_all(&tenants).unwrap();
    std::fs::rename(folder.hostile_compiled(&program()), tenants.join("a.cwasm")).unwrap();
    // Too long for the thread that drops them to be due.
    let options = ["--threads", "2", "--deadline-ms", "1000", "--idle-timeout", "1h"];
    let host = Host::start_tenants(&program(), &tenants, &options);
    assert_sleeps_and_cuts(&host, "/t/a");
}

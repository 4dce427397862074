//! Guests that attack their host: what each is answered, what it may cost the host, and that the next request is
//! none the worse. The host is a process of its own, whose peak of memory the kernel tells.

// To fail in a helper is to fail its test, but clippy takes only `#[test]` functions for tests.
#![allow(clippy::unwrap_used)]
#![cfg(feature = "compiler")]

mod common;

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use common::{Folder, Host, Response};

/// What a host may use that compiles such a guest and answers requests that need next to nothing.
const BASE_MIB: u64 = 96;
/// Much longer than three slices of a guest (15 ms), for a busy machine; far below the 305 ms after which tokio looks at
/// its sockets by itself when a guest is always ready.
const NOT_HELD_UP: Duration = Duration::from_millis(120);

/// One test at a time: most keep a processor busy, and would delay the others.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn serve(folder: &Folder, options: &[&str]) -> Host {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_weighbridge-host"));
    let mut all = vec!["--compile-at-start", "--threads", "1"];
    all.extend_from_slice(options);
    Host::start(&program, &folder.hostile(), &all)
}

#[test]
fn what_a_guest_does_wrong_costs_its_own_request_and_little_memory() {
    let _alone = alone();
    let folder = Folder::new("hostile");
    let host = serve(&folder, &["--memory-limit-mib", "256", "--total-answers-mib", "64"]);
    let attacks = [
        ("/a", "headers that are too long"),
        ("/u", "headers that are never dropped"),
        ("/k", "200,000 headers"),
        ("/b", "bodies that are never sent"),
        ("/c", "a response without end"),
        ("/n", "10,000 pollables"),
        ("/g", "60 MB of random bytes at a time"),
        ("/i", "an error with a long text"),
        ("/t", "an error with a text of 20 MB"),
        ("/j", "another length than announced"),
        ("/l", "a body that is begun and forgotten"),
        ("/o", "a recursion without end"),
        ("/p", "no response"),
        ("/q", "a trap"),
    ];
    for (path, what) in attacks {
        // It is noticed at once, not at the deadline of 10 s.
        eprintln!("{path}: {what}");
        host.get(path).assert_error(500, "internal");
        assert_eq!(host.get("/").status, 201, "{what}");
        let peak_mib = host.peak_mib();
        assert!(peak_mib < BASE_MIB + 3 * 64, "{what}: {peak_mib} MiB");
    }
    // At most twenty descriptions of 200 characters, and what is around them.
    assert!(host.logged_bytes() < 20 * 300, "{} bytes", host.logged_bytes());
}

#[test]
fn what_never_ends_is_ended_at_its_deadline() {
    let _alone = alone();
    let folder = Folder::new("endless");
    let host = serve(&folder, &["--deadline-ms", "1000"]);
    let attacks = [
        ("/s", "a loop"),
        ("/r", "a loop, after the response has been given"),
        ("/f", "pollables that are always ready, asked again and again"),
        ("/m", "64 KiB of random bytes, again and again"),
    ];
    let start = Instant::now();
    let asked = attacks.map(|(path, what)| (host.ask(path), what));
    for (stream, what) in asked {
        eprintln!("{what}");
        Response::read(stream).assert_error(503, "deadline_exceeded");
    }
    assert!(start.elapsed() >= Duration::from_millis(1000), "{:?}", start.elapsed());
    assert!(host.cpu_time() < Duration::from_secs(4), "{:?}", host.cpu_time());
    assert_eq!(host.get("/").status, 201);
    assert!(host.peak_mib() < BASE_MIB, "{} MiB", host.peak_mib());
}

#[test]
fn a_guest_that_computes_holds_up_nobody() {
    let _alone = alone();
    let folder = Folder::new("neighbours");
    for path in ["/s", "/f", "/m"] {
        // It must be busy to the end of the test, on a busy machine too.
        let host = serve(&folder, &["--deadline-ms", "600000"]);
        let busy = host.ask(path);
        std::thread::sleep(Duration::from_millis(50));
        let median = host.median_within(NOT_HELD_UP);
        assert!(median.is_ok(), "{path}: {median:?}");
        drop(busy);
    }
}

#[test]
fn instances_share_one_allowance() {
    let _alone = alone();
    let folder = Folder::new("allowance");
    for pooling in [&[][..], &["--no-pooling"]] {
        let limits = ["--deadline-ms", "1000", "--total-memory-mib", "128"];
        let host = serve(&folder, &[&limits[..], pooling].concat());
        // Each takes all that it can get, up to 1 GiB.
        let greedy = [(); 8].map(|()| host.ask("/d"));
        // Small ones need nothing of what the others wait for.
        assert_eq!(host.get("/").status, 201);
        for stream in greedy {
            Response::read(stream).assert_error(503, "deadline_exceeded");
        }
        let peak_mib = host.peak_mib();
        // Of each instance 4 MiB are its own.
        assert!(peak_mib < BASE_MIB + 128 + 8 * 4, "{pooling:?}: {peak_mib} MiB");
        // What they had is there again, for the next and for the machine.
        let start = Instant::now();
        host.get("/d").assert_error(503, "deadline_exceeded");
        assert!(start.elapsed() >= Duration::from_millis(1000));
        assert_eq!(host.get("/").status, 201);
        // A slot of the pool keeps up to 16 MiB.
        let kept_mib = if pooling.is_empty() { 8 * 16 } else { 0 };
        let resident_mib = host.resident_mib();
        assert!(resident_mib < BASE_MIB + kept_mib, "{pooling:?}: {resident_mib} MiB");
    }
}

#[test]
fn responses_that_nobody_reads_share_one_allowance() {
    let _alone = alone();
    let folder = Folder::new("unread");
    let host = serve(&folder, &["--deadline-ms", "3000", "--total-answers-mib", "48"]);
    // 16 of 16 MiB each; the kernel takes some of each, but not all.
    let unread: Vec<_> = (0..16).map(|_| host.ask("/e")).collect();
    std::thread::sleep(Duration::from_millis(3500));
    assert_eq!(host.get("/").status, 201);
    let peak_mib = host.peak_mib();
    assert!(peak_mib < BASE_MIB + 2 * 48, "{peak_mib} MiB");
    let statuses: Vec<u16> = unread.into_iter().map(|one| Response::read(one).status).collect();
    assert!(statuses.contains(&200) && statuses.contains(&503), "{statuses:?}");
    // All have been read: there is room again.
    let answer = host.get("/e");
    assert_eq!((answer.status, answer.body.len()), (200, 16 << 20));
    assert!(host.resident_mib() < BASE_MIB, "{} MiB", host.resident_mib());
}

#[test]
fn a_fill_of_much_memory_delays_a_deadline_by_a_fill_only() {
    let _alone = alone();
    let folder = Folder::new("fill");
    let memory = ["--memory-limit-mib", "256", "--total-memory-mib", "768"];
    let host = serve(&folder, &[&["--deadline-ms", "500"][..], &memory].concat());
    let filling = [(); 3].map(|()| host.ask("/h"));
    for stream in filling {
        Response::read(stream).assert_error(503, "deadline_exceeded");
    }
    // Half a second of fills, and one more of each guest: the first of each is the longest, 0.2 s.
    assert!(host.cpu_time() < Duration::from_secs(4), "{:?}", host.cpu_time());
    assert_eq!(host.get("/").status, 201);
}

#[test]
fn a_stop_ends_while_guests_go_on() {
    let _alone = alone();
    let folder = Folder::new("stop");
    let options = ["--stop-timeout-ms", "300", "--deadline-ms", "60000"];
    let host = serve(&folder, &[&options[..], &["--memory-limit-mib", "256"]].concat());
    let busy = ["/s", "/s", "/f", "/m", "/h"].map(|path| host.ask(path));
    std::thread::sleep(Duration::from_millis(200));
    let start = Instant::now();
    assert_eq!(host.stop("TERM"), Some(0));
    let took = start.elapsed();
    assert!(took >= Duration::from_millis(300), "{took:?}: they had no time to finish");
    // Long before their deadline, on a busy machine too.
    assert!(took < Duration::from_secs(30), "{took:?}");
    drop(busy);
}

//! What clients may cost together, and what may be printed: the server in a process of its own, with small limits.

#![allow(clippy::unwrap_used)]

mod common;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use common::{LONG_BYTES, Server, read_to_end};
use rustix::process::{Resource, Rlimit, setrlimit};

/// Patience on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Not a test: a server that may have few descriptors. Its clients may be idle for a minute.
#[test]
#[ignore = "the serving process of another test"]
fn serving_with_few_descriptors() {
    common::serve_if_asked(|_| {
        setrlimit(Resource::Nofile, Rlimit { current: Some(80), maximum: Some(100) }).unwrap();
    });
}

/// Not a test: a server with room for little.
#[test]
#[ignore = "the serving process of other tests"]
fn serving_with_little_room() {
    common::serve_if_asked(|config| {
        config.body_budget_bytes = 1 << 20;
        config.answer_budget_bytes = 3 * LONG_BYTES;
        config.idle_timeout = Duration::from_secs(18);
    });
}

fn get(server: &Server, path: &str) -> String {
    let mut stream = server.connect();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n").unwrap();
    read_to_end(stream)
}

fn assert_busy(answer: &str) {
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer:.200}");
    assert!(answer.contains("retry-after: 1\r\n"), "{answer:.200}");
}

/// A POST whose body is not complete: `sent` of `announced` bytes.
fn begin_post(server: &Server, sent: usize, announced: usize) -> TcpStream {
    let mut stream = server.connect();
    write!(stream, "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: {announced}\r\n\r\n").unwrap();
    // The server may refuse it meanwhile.
    let _ = stream.write_all(&vec![b'a'; sent]);
    stream
}

#[test]
fn idle_clients_as_many_as_descriptors_keep_nobody_out() {
    let server = Server::start("serving_with_few_descriptors");
    let mut idle = Vec::new();
    for number in 0..150 {
        idle.push(server.connect());
        if number % 10 == 9 {
            assert!(get(&server, "/").starts_with("HTTP/1.1 200 "), "after {number}");
        }
    }
    // One that is used stays.
    let mut used = server.connect();
    for _ in 0..100 {
        used.write_all(b"GET / HTTP/1.1\r\nHost: t\r\n\r\n").unwrap();
        assert!(used.read(&mut [0; 1024]).unwrap() > 0, "closed although it is used");
        idle.push(server.connect());
    }
}

#[test]
fn bodies_have_a_common_limit() {
    let server = Server::start("serving_with_little_room");
    let held = [(); 2].map(|()| begin_post(&server, 500_000, 600_000));
    // What the kernel has is not the server's yet.
    let begun = Instant::now();
    loop {
        let one_more = begin_post(&server, 100_000, 100_000);
        one_more.shutdown(std::net::Shutdown::Write).unwrap();
        let answer = read_to_end(one_more);
        if !answer.starts_with("HTTP/1.1 200 ") {
            assert_busy(&answer);
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "two bodies of 500,000 bytes leave room for a third");
        thread::sleep(Duration::from_millis(20));
    }
    assert!(get(&server, "/").starts_with("HTTP/1.1 200 "), "what has no body needs no room");
    drop(held);
    let begun = Instant::now();
    while !get_with_body(&server).starts_with("HTTP/1.1 200 ") {
        assert!(begun.elapsed() < PATIENCE, "the room is not given back");
        thread::sleep(Duration::from_millis(20));
    }
}

fn get_with_body(server: &Server) -> String {
    let stream = begin_post(server, 900_000, 900_000);
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    read_to_end(stream)
}

#[test]
fn answers_that_nobody_reads_have_a_common_limit_and_an_end() {
    let server = Server::start("serving_with_little_room");
    let unread = [(); 3].map(|()| {
        let mut stream = server.connect();
        stream.write_all(b"GET /long HTTP/1.1\r\nHost: t\r\n\r\n").unwrap();
        // The answer has begun, and most of it waits in the server.
        assert_eq!(stream.peek(&mut [0]).unwrap(), 1);
        stream
    });
    assert_busy(&get(&server, "/long"));
    assert!(get(&server, "/").starts_with("HTTP/1.1 200 "), "a short answer needs no room");
    let begun = Instant::now();
    while !get(&server, "/long").starts_with("HTTP/1.1 200 ") {
        assert!(begun.elapsed() < PATIENCE, "clients that read nothing are not let go");
        thread::sleep(Duration::from_millis(100));
    }
    drop(unread);
}

#[test]
fn panics_do_not_fill_a_disk() {
    let mut server = Server::start("serving_with_little_room");
    for _ in 0..120 {
        // The connection ends without an answer.
        assert_eq!(get(&server, "/panic"), "");
    }
    assert!(get(&server, "/").starts_with("HTTP/1.1 200 "));
    server.terminate();
    let mut told = String::new();
    server.stderr.read_to_string(&mut told).unwrap();
    assert_eq!(told.matches("test: panicked at ").count(), 20, "{told:.2000}");
    assert!(told.contains("test: 100 panics so far\n"), "{told:.2000}");
    assert!(told.len() < 20 * 300, "{} bytes", told.len());
}

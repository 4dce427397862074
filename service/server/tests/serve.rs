//! The whole front in a process of its own, over loopback.

// To fail in a helper is to fail its test, but clippy takes only `#[test]` functions for tests.
#![allow(clippy::unwrap_used)]

mod common;

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use common::{Server, read_to_end};

/// Not a test: what [`Server::start`] runs in a process of its own, so that it can be signalled.
#[test]
#[ignore = "the serving process of the other tests"]
fn serving_process() {
    common::serve_if_asked(|config| config.idle_timeout = Duration::from_secs(2));
}

#[test]
fn a_connection_answers_more_than_once() {
    let server = Server::start("serving_process");
    let mut stream = server.connect();
    for _ in 0..3 {
        stream.write_all(b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\nhello").unwrap();
        let mut answer = [0; 4096];
        let mut length = 0;
        while !answer[..length].ends_with(b"\r\n\r\nhello") {
            length += stream.read(&mut answer[length..]).unwrap();
        }
        assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n"));
    }
}

#[test]
fn a_refused_client_that_is_still_sending_gets_its_answer() {
    let server = Server::start("serving_process");
    let piece = vec![7; 1 << 20];
    for framing in ["Content-Length: 50331648", "Transfer-Encoding: chunked"] {
        let mut stream = server.connect();
        write!(stream, "POST / HTTP/1.1\r\nHost: t\r\n{framing}\r\n\r\n").unwrap();
        for _ in 0..48 {
            if framing.starts_with("Transfer") {
                write!(stream, "{:x}\r\n", piece.len()).unwrap();
            }
            stream.write_all(&piece).unwrap();
            if framing.starts_with("Transfer") {
                write!(stream, "\r\n").unwrap();
            }
        }
        let answer = read_to_end(stream);
        assert!(answer.starts_with("HTTP/1.1 413 "), "{framing}: {answer}");
        assert!(answer.contains("connection: close"), "{answer}");
        assert!(answer.ends_with("too long"), "{answer}");
    }
}

#[test]
fn clients_that_stall_are_let_go_but_slow_handlers_are_waited_for() {
    let server = Server::start("serving_process");
    let start = Instant::now();
    let stalled =
        ["", "GET / HTTP/1.1\r\nHo", "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 9\r\n\r\nhal"];
    let streams = stalled.map(|sent| {
        let mut stream = server.connect();
        stream.write_all(sent.as_bytes()).unwrap();
        stream
    });
    for (stream, sent) in streams.into_iter().zip(stalled) {
        assert_eq!(read_to_end(stream), "", "{sent:?}");
    }
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
    let mut stream = server.connect();
    stream.write_all(b"GET /slow HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n").unwrap();
    assert!(read_to_end(stream).starts_with("HTTP/1.1 200 OK"));
}

#[test]
fn a_request_in_flight_is_finished_before_the_end() {
    let mut server = Server::start("serving_process");
    let _idle = server.connect();
    let mut stream = server.connect();
    stream.write_all(b"GET /slow HTTP/1.1\r\nHost: t\r\n\r\n").unwrap();
    // Let the request arrive before the signal does.
    std::thread::sleep(Duration::from_millis(200));
    let start = Instant::now();
    server.terminate();
    assert!(read_to_end(stream).starts_with("HTTP/1.1 200 OK"));
    assert!(server.child.wait().unwrap().success());
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
}

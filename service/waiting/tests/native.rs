//! The native server between a client and a backend, over loopback.

#![allow(clippy::unwrap_used, reason = "clippy knows test functions, not their helpers")]
#![cfg(not(target_family = "wasm"))]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A server that is killed when the test ends.
struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    fn start() -> Self {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_weighbridge-waiting"))
            .args(["--listen", &address.to_string()])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.starts_with("weighbridge-stages {"), "{line}");
        Self { child, address }
    }

    fn get(&self, target: &str) -> String {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        write!(stream, "GET {target} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A backend with one connection, which answers `asked PATH` so often; the paths of the requests that it got.
fn backend(listener: TcpListener, requests_count: usize) -> std::thread::JoinHandle<Vec<String>> {
    std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut writer = stream;
        let mut paths = Vec::new();
        for _ in 0..requests_count {
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                assert!(reader.read_line(&mut head).unwrap() > 0, "it hung up after {head}");
            }
            let path = head.split(' ').nth(1).unwrap().to_owned();
            let body = format!("asked {path}\n");
            let length = body.len();
            write!(writer, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}").unwrap();
            paths.push(path);
        }
        paths
    })
}

#[test]
fn the_answer_is_what_the_backend_answered_to_all_requests_on_one_connection() {
    let server = Server::start();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let backend = backend(listener, 3);
    let answer = server.get(&format!("/wait?backend={port}&requests=3"));
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\nasked /0\nasked /1\nasked /2\n"), "{answer}");
    assert_eq!(backend.join().unwrap(), ["/0", "/1", "/2"]);
}

#[test]
fn a_backend_that_is_not_there_and_another_path_are_told_apart() {
    let server = Server::start();
    // Bound and dropped: nobody listens there.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let answer = server.get(&format!("/wait?backend={port}&requests=1"));
    assert!(answer.starts_with("HTTP/1.1 502 "), "{answer}");
    assert!(answer.contains("no answer of the backend"), "{answer}");
    assert!(server.get("/healthz").starts_with("HTTP/1.1 404 "));
}

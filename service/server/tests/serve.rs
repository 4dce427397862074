//! The whole front in a process of its own, over loopback.

// To fail in a helper is to fail its test, but clippy takes only `#[test]` functions for tests.
#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use weighbridge_server::{Body, Config, Handler, Stages, serve};

/// Set for the process that serves: the address, and which thread count it takes.
const SERVE_AT: &str = "WEIGHBRIDGE_SERVER_TEST_ADDRESS";

/// Answers with the body; `/slow` after half a second; an over-limit body with 413.
#[derive(Clone)]
struct Echo;

impl Handler for Echo {
    async fn answer(self, request: Request<Body>) -> Response<Bytes> {
        if request.uri().path() == "/slow" {
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        match request.into_body() {
            Body::Complete(body) => Response::new(body),
            Body::OverLimit => {
                let mut response = Response::new(Bytes::from_static(b"too long"));
                *response.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
                response
            }
        }
    }
}

/// Not a test: what [`Server::start`] runs in a process of its own, so that it can be signalled.
#[test]
#[ignore = "the serving process of the other tests"]
fn serving_process() {
    let Ok(address) = std::env::var(SERVE_AT) else { return };
    let mut config = Config::new(address.parse().unwrap());
    config.threads = 2.try_into().unwrap();
    config.idle_timeout = Duration::from_millis(700);
    serve(config, Stages::start(), |_| Echo).unwrap();
}

struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    fn start() -> Self {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "serving_process", "--nocapture"])
            .env(SERVE_AT, address.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.starts_with("weighbridge-stages {\"main\":"), "{line}");
        assert!(line.contains("\"listening\":"), "{line}");
        Self { child, address }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    fn terminate(&self) {
        let id = self.child.id().to_string();
        assert!(
            Command::new("sh").args(["-c", "kill -s TERM \"$0\"", &id]).status().unwrap().success()
        );
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read_to_end(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn a_connection_answers_more_than_once() {
    let server = Server::start();
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
    let server = Server::start();
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
    let server = Server::start();
    let start = Instant::now();
    let stalled =
        ["", "GET / HTTP/1.1\r\nHo", "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 9\r\n\r\nhal"];
    for sent in stalled {
        let mut stream = server.connect();
        stream.write_all(sent.as_bytes()).unwrap();
        assert_eq!(read_to_end(stream), "", "{sent:?}");
    }
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    let mut stream = server.connect();
    stream.write_all(b"GET /slow HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n").unwrap();
    assert!(read_to_end(stream).starts_with("HTTP/1.1 200 OK"));
}

#[test]
fn a_request_in_flight_is_finished_before_the_end() {
    let mut server = Server::start();
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

//! The server as its clients meet it: a process, a port, HTTP.

#![allow(clippy::unwrap_used, reason = "clippy knows test functions, not their helpers")]

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use weighbridge_transform::{Request, handle};

struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    /// Starts the server on a port that was free a moment ago, and waits until it listens.
    fn start(arguments: &[&str]) -> Self {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_weighbridge-native"))
            .args(["--listen", &address.to_string()])
            .args(arguments)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = Vec::new();
        let stderr = child.stderr.as_mut().unwrap();
        while !line.ends_with(b"\n") {
            let mut byte = [0];
            assert_eq!(stderr.read(&mut byte).unwrap(), 1, "the server ended: {line:?}");
            line.push(byte[0]);
        }
        assert!(line.starts_with(b"weighbridge-stages {\"main\":"), "{line:?}");
        Self { child, address }
    }

    fn request(&self, head: &str, body: &[u8]) -> String {
        String::from_utf8_lossy(&self.request_bytes(head, body)).into_owned()
    }

    fn request_bytes(&self, head: &str, body: &[u8]) -> Vec<u8> {
        let mut stream = TcpStream::connect(self.address).unwrap();
        let length = body.len();
        let head = format!(
            "{head}\r\nhost: test\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        answer
    }

    fn transform(&self, operations: &str) -> String {
        let head =
            format!("POST /v1/images/transform?{operations} HTTP/1.1\r\ncontent-type: image/jpeg");
        self.request(&head, include_bytes!("../../../experiments/corpus/rocket.jpg"))
    }

    /// Sends a whole transform, and reads nothing.
    fn begin_transform(&self, operations: &str) -> TcpStream {
        let photograph = include_bytes!("../../../experiments/corpus/rocket.jpg");
        let length = photograph.len();
        let mut stream = TcpStream::connect(self.address).unwrap();
        write!(
            stream,
            "POST /v1/images/transform?{operations} HTTP/1.1\r\nhost: test\r\n\
             content-type: image/jpeg\r\ncontent-length: {length}\r\n\r\n"
        )
        .unwrap();
        stream.write_all(photograph).unwrap();
        stream
    }

    fn stop(mut self) -> std::process::ExitStatus {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, Signal::TERM).unwrap();
        self.child.wait().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn it_serves_and_stops_cleanly() {
    let server = Server::start(&[]);
    assert!(server.request("GET /healthz HTTP/1.1", b"").ends_with("\r\n\r\nok"));
    assert!(server.request("GET /nowhere HTTP/1.1", b"").starts_with("HTTP/1.1 404"));
    let answer = server.transform("op=resize:64x0&op=encode:png");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("content-type: image/png\r\n"), "{answer}");
    assert!(server.transform("op=sepia").starts_with("HTTP/1.1 400"));
    assert!(server.stop().success());
}

#[test]
fn a_transform_past_its_deadline_is_told_so() {
    let server = Server::start(&["--deadline-ms", "1"]);
    let answer = server.transform("op=blur:50&op=blur:50&op=blur:50");
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(answer.contains("deadline_exceeded"), "{answer}");
    assert!(server.stop().success());
}

#[test]
fn a_health_check_does_not_wait_behind_transforms() {
    let server = Server::start(&["--threads", "1", "--deadline-ms", "4000"]);
    thread::scope(|scope| {
        let heavy = "op=resize:4000x0&op=blur:50&op=blur:50&op=blur:50";
        let transforms: Vec<_> = (0..2).map(|_| scope.spawn(|| server.transform(heavy))).collect();
        thread::sleep(Duration::from_millis(300));
        let asked = Instant::now();
        assert!(server.request("GET /healthz HTTP/1.1", b"").ends_with("ok"));
        let waited = asked.elapsed();
        assert!(transforms.iter().any(|transform| !transform.is_finished()), "none was running");
        assert!(waited < Duration::from_secs(1), "waited {waited:?}");
        for transform in transforms {
            transform.join().unwrap();
        }
    });
    assert!(server.stop().success());
}

/// Every odd image of the corpus is answered as the library answers it, and none ends the server.
#[test]
fn odd_images_get_the_answers_of_the_library() {
    let odd = concat!(env!("CARGO_MANIFEST_DIR"), "/../../experiments/corpus/odd");
    let server = Server::start(&[]);
    let mut count = 0;
    for folder in [odd.to_owned(), format!("{odd}/made")] {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let Some("jpg" | "png" | "webp" | "bin") = path.extension().and_then(|e| e.to_str())
            else {
                continue;
            };
            let body = std::fs::read(&path).unwrap();
            let content_type = match body[0] {
                0xFF => "image/jpeg",
                b'R' => "image/webp",
                _ => "image/png",
            };
            let path_and_query = "/v1/images/transform?op=blur:1&op=encode:png";
            let head = format!("POST {path_and_query} HTTP/1.1\r\ncontent-type: {content_type}");
            let answer = server.request_bytes(&head, &body);
            let content_type = Some(content_type);
            let request = Request { method: "POST", path_and_query, content_type, body: &body };
            let expected = handle(&request, &|| false);
            let head = String::from_utf8_lossy(&answer[..12]).into_owned();
            assert_eq!(head, format!("HTTP/1.1 {}", expected.status), "{}", path.display());
            assert!(answer.ends_with(&expected.body), "{}", path.display());
            count += 1;
        }
    }
    assert!(count > 200, "{count} images");
    assert!(server.request("GET /healthz HTTP/1.1", b"").ends_with("\r\n\r\nok"));
    assert!(server.stop().success());
}

#[test]
fn it_does_what_http_demands_of_every_server() {
    let server = Server::start(&[]);
    let failures = weighbridge_conformance::failures(server.address);
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// By chance one of 40 got its answer where hyper dropped what was worked on.
#[test]
fn a_client_that_ends_its_side_gets_its_answer_every_time() {
    let server = Server::start(&[]);
    for _ in 0..10 {
        let mut stream = server.begin_transform("op=resize:256x0&op=encode:png");
        stream.shutdown(Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 200 "), "{} bytes", answer.len());
    }
}

/// A transform runs on a thread of its own, which has to be told.
#[test]
fn a_heavy_transform_does_not_keep_the_server_from_stopping() {
    let heavy = "op=resize:6300x6300&op=blur:50&op=blur:50&op=blur:50&op=blur:50&op=blur:50";
    let server = Server::start(&["--threads", "1", "--deadline-ms", "120000"]);
    let mut stream = server.begin_transform(heavy);
    thread::sleep(Duration::from_millis(500));
    let asked = Instant::now();
    assert!(server.stop().success());
    let taken = asked.elapsed();
    assert!(
        taken > Duration::from_secs(4),
        "it was waited for, and nothing was at work: {taken:?}"
    );
    // By itself it would end after two minutes, on an idle machine 1.5 seconds after the time to stop at most.
    assert!(taken < Duration::from_secs(20), "took {taken:?}");
    // Whoever waits for it is told rather than cut, where the transform looks at the flag within the second left.
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer);
    let is_told = answer.starts_with("HTTP/1.1 503 ") && answer.contains("deadline_exceeded");
    assert!(is_told || answer.is_empty(), "{answer}");
}

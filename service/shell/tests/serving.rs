//! The program as its clients meet it: a process, a port, HTTP. Built for the host, whose sockets it then uses; the
//! protocol is the same code as in the runtimes.

#![allow(clippy::unwrap_used, reason = "clippy knows test functions, not their helpers")]

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use weighbridge_transform::{Request, handle};

struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    /// Starts the server on a port that was free a moment ago, and waits until it listens.
    fn start() -> Self {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_weighbridge-shell"))
            .args(["--listen", &address.to_string()])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stderr.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "weighbridge-shell listens\n");
        Self { child, address }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads one response and gives its head and body.
fn read_response(stream: &mut TcpStream) -> (String, Vec<u8>) {
    let mut bytes = Vec::new();
    let mut piece = [0; 65536];
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
            let (_, length) = head.split_once("content-length: ").unwrap();
            let length: usize = length.split("\r\n").next().unwrap().parse().unwrap();
            if bytes.len() >= end + 4 + length {
                return (head, bytes.split_off(end + 4));
            }
        }
        let count = stream.read(&mut piece).unwrap();
        assert!(count > 0, "cut: {}", String::from_utf8_lossy(&bytes));
        bytes.extend_from_slice(&piece[..count]);
    }
}

#[test]
fn eight_connections_are_served_at_a_time_and_kept() {
    let server = Server::start();
    let photograph = include_bytes!("../../../experiments/corpus/chelsea-small.jpg");
    let head = format!(
        "POST /v1/images/transform?op=resize:64x0&op=encode:png HTTP/1.1\r\nHost: t\r\n\
         Content-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n",
        photograph.len()
    );
    let one = || {
        let mut stream = server.connect();
        let mut bodies = Vec::new();
        for _ in 0..5 {
            stream.write_all(head.as_bytes()).unwrap();
            stream.write_all(photograph).unwrap();
            let (head, body) = read_response(&mut stream);
            assert!(head.starts_with("HTTP/1.1 200 OK\r\ncontent-type: image/png\r\n"), "{head}");
            bodies.push(body);
        }
        bodies
    };
    let all: Vec<Vec<u8>> = thread::scope(|scope| {
        let clients: Vec<_> = (0..8).map(|_| scope.spawn(one)).collect();
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    });
    assert_eq!(all.len(), 40);
    assert!(all[0].starts_with(b"\x89PNG") && all.iter().all(|body| *body == all[0]));
}

/// A panic of a decoder would end this server, on WASI for certain: no odd image of the corpus does,
/// and each is answered as the library answers it.
#[test]
fn odd_images_get_the_answers_of_the_library_on_one_connection() {
    let odd = concat!(env!("CARGO_MANIFEST_DIR"), "/../../experiments/corpus/odd");
    let server = Server::start();
    let mut stream = server.connect();
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
            let path_and_query = "/v1/images/transform?op=grayscale&op=encode:webp";
            write!(
                stream,
                "POST {path_and_query} HTTP/1.1\r\nHost: t\r\nContent-Type: {content_type}\r\n\
                 Content-Length: {}\r\n\r\n",
                body.len()
            )
            .unwrap();
            stream.write_all(&body).unwrap();
            let (head, answer) = read_response(&mut stream);
            let content_type = Some(content_type);
            let request = Request { method: "POST", path_and_query, content_type, body: &body };
            let expected = handle(&request, &|| false);
            let status = format!("HTTP/1.1 {} ", expected.status);
            assert!(head.starts_with(&status), "{}: {head}", path.display());
            assert_eq!(answer, expected.body, "{}", path.display());
            count += 1;
        }
    }
    assert!(count > 200, "{count} images");
}

#[test]
fn a_refused_client_that_is_still_sending_gets_its_answer() {
    let server = Server::start();
    let mut stream = server.connect();
    write!(stream, "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 33554432\r\n\r\n").unwrap();
    let piece = vec![7; 1 << 20];
    for _ in 0..32 {
        stream.write_all(&piece).unwrap();
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(
        answer.contains("connection: close\r\n") && answer.contains("body_too_large"),
        "{answer}"
    );
}

#[test]
fn what_cannot_be_listened_on_is_told() {
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = held.local_addr().unwrap().to_string();
    let output = Command::new(env!("CARGO_BIN_EXE_weighbridge-shell"))
        .args(["--listen", &address])
        .output()
        .unwrap();
    assert!(!output.status.success());
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains(&address), "{told}");
}

#[test]
fn it_does_what_http_demands_of_every_server() {
    let server = Server::start();
    let failures = weighbridge_conformance::failures(server.address);
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

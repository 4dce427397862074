//! The command under Node.js, by the JavaScript that stands for preview 1 there: what a client gets is
//! what the command answers natively.

#![allow(clippy::unwrap_used, reason = "clippy knows test functions, not their helpers")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A server that ends with its test.
struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    /// Starts it and waits until it listens. `None`, and said so, where this machine has no Node.js.
    fn start() -> Option<Self> {
        let folder = std::env::var_os("WEIGHBRIDGE_ARTIFACTS");
        let folder = folder.unwrap_or_else(|| panic!("WEIGHBRIDGE_ARTIFACTS is not set"));
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../javascript/serve.mjs");
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut node = Command::new("node");
        node.arg(script).arg(PathBuf::from(folder).join("command.wasm")).arg(address.to_string());
        let Ok(child) = node.stdin(Stdio::null()).spawn() else {
            let _ = writeln!(std::io::stderr(), "not tested: the command under Node.js: no node");
            return None;
        };
        let server = Self { child, address };
        let begun = Instant::now();
        while TcpStream::connect(address).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(60), "node does not listen");
            std::thread::sleep(Duration::from_millis(10));
        }
        Some(server)
    }

    /// Status, content type and body of the answer.
    fn ask(&self, method: &str, target: &str, content_type: &str, body: &[u8]) -> Vec<u8> {
        let mut stream = TcpStream::connect(self.address).unwrap();
        let typed = match content_type {
            "-" => String::new(),
            other => format!("Content-Type: {other}\r\n"),
        };
        let head = format!(
            "{method} {target} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{typed}\
             Content-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        let head = String::from_utf8(answer[..end].to_vec()).unwrap();
        let status = head.split(' ').nth(1).unwrap();
        let kind = head.lines().find_map(|line| line.strip_prefix("content-type: ")).unwrap();
        [format!("{status} {kind}\n").as_bytes(), &answer[end + 4..]].concat()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the command answers natively.
fn natively(method: &str, target: &str, content_type: &str, body: &[u8]) -> Vec<u8> {
    let mut child = Command::new(env!("CARGO_BIN_EXE_weighbridge-command"))
        .args([method, target, content_type])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // One that answers without reading the body closes the pipe: not an error here.
    let _ = child.stdin.take().unwrap().write_all(body);
    child.wait_with_output().unwrap().stdout
}

#[test]
#[ignore = "needs built artifacts: cargo xtask test sets them"]
fn node_answers_as_the_command_does_natively() {
    let Some(server) = Server::start() else { return };
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../experiments/corpus");
    let retina = std::fs::read(corpus.join("retina.jpg")).unwrap();
    let transform = "/v1/images/transform?op=resize:64x0:lanczos3&op=encode:png";
    let over_limit = vec![0; 16 * 1024 * 1024 + 1];
    let cases: [(&str, &str, &str, &[u8]); 7] = [
        ("GET", "/healthz", "-", b""),
        ("POST", transform, "image/jpeg", &retina),
        ("POST", transform, "image/jpeg", &retina[..retina.len() / 2]),
        ("POST", transform, "image/jpeg", &over_limit),
        ("POST", "/v1/images/transform?op=%zz", "image/jpeg", &retina),
        ("DELETE", "/healthz", "-", b""),
        ("GET", "/a/../b//c?%41=%", "-", b""),
    ];
    for (method, target, content_type, body) in cases {
        let answer = server.ask(method, target, content_type, body);
        let expected = natively(method, target, content_type, body);
        let shown = String::from_utf8_lossy(&answer);
        assert!(answer == expected, "{method} {target}: {:?}", shown.chars().take(200));
    }
}

//! A server in a process of its own, so that it can be signalled and limited.

#![allow(clippy::unwrap_used)]
// Each test program is compiled with all of this, and none uses everything.
#![allow(dead_code)]

use rustix::process::{Pid, Signal};
use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use weighbridge_server::{Body, Config, Handler, Stages, bound_panics, serve};

/// Set for the process that serves: the address.
const SERVE_AT: &str = "WEIGHBRIDGE_SERVER_TEST_ADDRESS";

/// Answers with the body; `/slow` after half a second; `/long` with [`LONG_BYTES`]; `/panic` not at all; an over-limit body with 413.
#[derive(Clone)]
struct Echo;

/// Longer than all buffers between two sockets.
pub const LONG_BYTES: usize = 16 << 20;

impl Handler for Echo {
    async fn answer(self, request: Request<Body>) -> Response<Bytes> {
        match request.uri().path() {
            "/slow" => tokio::time::sleep(Duration::from_millis(500)).await,
            "/panic" => panic!("{}", "a long story\n".repeat(100_000)),
            "/long" => return Response::new(vec![b'a'; LONG_BYTES].into()),
            _ => {}
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

/// What a test's serving process does, where it is one: serves on two threads, as `configured` says.
pub fn serve_if_asked(configured: impl FnOnce(&mut Config)) {
    let Ok(address) = std::env::var(SERVE_AT) else { return };
    let mut config = Config::new(address.parse().unwrap());
    config.threads = 2.try_into().unwrap();
    configured(&mut config);
    bound_panics("test");
    serve(config, Stages::start(), |_| Echo).unwrap();
}

pub struct Server {
    pub child: Child,
    pub stderr: BufReader<ChildStderr>,
    pub address: SocketAddr,
}

impl Server {
    /// Runs the test `name` of this program, which serves.
    pub fn start(name: &str) -> Self {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", name, "--nocapture"])
            .env(SERVE_AT, address.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        stderr.read_line(&mut line).unwrap();
        assert!(line.starts_with("weighbridge-stages {\"main\":"), "{line}");
        assert!(line.contains("\"listening\":"), "{line}");
        Self { child, stderr, address }
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    pub fn terminate(&self) {
        rustix::process::kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn read_to_end(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

//! The end of a server whose work cannot be interrupted.

// To fail in a helper is to fail its test, but clippy takes only `#[test]` functions for tests.
#![allow(clippy::unwrap_used)]

use rustix::process::{Pid, Signal};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use weighbridge_server::{Body, Config, Handler, Stages, serve};

/// Set for the process that serves: its address.
const SERVE_AT: &str = "WEIGHBRIDGE_STOP_TEST_ADDRESS";

/// Works for a minute on a thread of its own, as the native service does, and looks at no clock.
#[derive(Clone)]
struct Stubborn;

impl Handler for Stubborn {
    async fn answer(self, _: Request<Body>) -> Response<Bytes> {
        let work = || std::thread::sleep(Duration::from_secs(60));
        tokio::task::spawn_blocking(work).await.unwrap();
        Response::new(Bytes::new())
    }
}

/// Not a test: what the test below runs in a process of its own, so that it can be signalled.
#[test]
#[ignore = "the serving process of the other test"]
fn serving_process() {
    let Ok(address) = std::env::var(SERVE_AT) else { return };
    let mut config = Config::new(address.parse().unwrap());
    config.threads = 2.try_into().unwrap();
    config.stop_timeout = Duration::from_millis(300);
    serve(config, Stages::start(), |_| Stubborn).unwrap();
}

/// The serving process, which does not outlive a test that fails.
struct Served(Child);

impl Drop for Served {
    fn drop(&mut self) {
        // One that has ended is neither killed nor waited for again.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_stop_ends_whatever_the_requests_do() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "serving_process", "--nocapture"])
        .env(SERVE_AT, address.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut served = Served(child);
    let mut line = String::new();
    let mut stderr = BufReader::new(served.0.stderr.take().unwrap());
    stderr.read_line(&mut line).unwrap();
    // Enough that both threads have some.
    let clients: Vec<TcpStream> = (0..8)
        .map(|_| {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.write_all(b"GET / HTTP/1.1\r\nHost: t\r\n\r\n").unwrap();
            stream
        })
        .collect();
    std::thread::sleep(Duration::from_millis(300));
    let start = Instant::now();
    rustix::process::kill_process(Pid::from_child(&served.0), Signal::TERM).unwrap();
    let code = loop {
        if let Some(status) = served.0.try_wait().unwrap() {
            break status.code();
        }
        assert!(start.elapsed() < Duration::from_secs(20), "it did not end");
        std::thread::sleep(Duration::from_millis(20));
    };
    assert_eq!(code, Some(0));
    assert!(start.elapsed() >= Duration::from_millis(300), "they had no time to finish");
    drop(clients);
}

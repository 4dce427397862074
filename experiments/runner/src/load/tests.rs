//! The load generator against real servers on loopback, one of which stalls.

use super::*;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use weighbridge_schema::workload::Expect;

/// A responder that serves one connection at a time per thread; it stalls once, and may answer wrongly.
struct Responder {
    address: SocketAddr,
    served: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
}

impl Responder {
    /// `stall_at`: which request, counted over all connections, holds up every answer for `stall`.
    fn start(body: &'static str, stall_at: Option<u64>, stall: Duration) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let served = Arc::new(AtomicU64::new(0));
        let stop = Arc::new(AtomicBool::new(false));
        let (count, ended) = (Arc::clone(&served), Arc::clone(&stop));
        // One lock stands for the one core that a stall blocks.
        let core = Arc::new(std::sync::Mutex::new(()));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if ended.load(Ordering::Relaxed) {
                    return;
                }
                let (count, core) = (Arc::clone(&count), Arc::clone(&core));
                let mut stream = stream.unwrap();
                std::thread::spawn(move || {
                    let mut buffer = [0; 4096];
                    while stream.read(&mut buffer).is_ok_and(|read| read > 0) {
                        let held = core.lock().unwrap();
                        if Some(count.fetch_add(1, Ordering::Relaxed)) == stall_at {
                            std::thread::sleep(stall);
                        }
                        drop(held);
                        let answer = format!(
                            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
                            body.len()
                        );
                        if stream.write_all(answer.as_bytes()).is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Self { address, served, stop }
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = std::net::TcpStream::connect(self.address);
    }
}

fn request() -> PreparedRequest {
    PreparedRequest {
        bytes: b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
        expect: Expect { status: 200, sha256: String::new() },
        is_head: false,
    }
}

fn reference() -> Answer {
    Answer { status: 200, body: b"ok".to_vec() }
}

#[test]
fn a_stall_shows_in_the_open_loop_and_hides_in_the_closed_one() {
    let stall = Duration::from_millis(200);
    let (request, reference) = (request(), reference());
    let window = || Window::starting_now(0, 1000);

    let server = Responder::start("ok", Some(100), stall);
    let target = Target {
        address: server.address,
        request: &request,
        reference: &reference,
        connections: 2,
        cores: &[],
    };
    let open_window = window();
    let schedule = constant_schedule(&open_window, 500);
    let (open, ()) = open_loop(&target, &open_window, &schedule, || ()).unwrap();
    assert_eq!((open.completed_count, open.failed_count), (500, 0), "{:?}", open.first_failure);
    // 500/s x 0.2 s: a fifth of all arrivals had to wait, so the 90th percentile shows it.
    let open_p90 = open.latencies.quantile_ns(0.9).unwrap();
    assert!(open_p90 > 50_000_000, "{open_p90}");
    assert!(open.backlog_peak_count > 50, "{}", open.backlog_peak_count);

    let server = Responder::start("ok", Some(100), stall);
    let target = Target { address: server.address, ..target };
    let (closed, ()) = closed_loop(&target, &window(), || ()).unwrap();
    let closed_p90 = closed.latencies.quantile_ns(0.9).unwrap();
    assert!(
        closed_p90 < 50_000_000,
        "the closed loop asks too little during the stall: {closed_p90}"
    );
}

#[test]
fn wrong_answers_are_failures() {
    let server = Responder::start("no", None, Duration::ZERO);
    let (request, reference) = (request(), reference());
    let target = Target {
        address: server.address,
        request: &request,
        reference: &reference,
        connections: 2,
        cores: &[],
    };
    let window = Window::starting_now(0, 100);
    let (result, ()) = closed_loop(&target, &window, || ()).unwrap();
    assert_eq!(result.completed_count, 0);
    assert!(result.failed_count > 0 && result.reconnects_count > 0);
    assert!(result.first_failure.unwrap().contains("differs from the reference"));
}

#[test]
fn every_completed_request_was_served_and_warm_up_does_not_count() {
    let server = Responder::start("ok", None, Duration::ZERO);
    let (request, reference) = (request(), reference());
    let target = Target {
        address: server.address,
        request: &request,
        reference: &reference,
        connections: 3,
        cores: &[],
    };
    let window = Window::starting_now(100, 100);
    let (result, ()) = closed_loop(&target, &window, || ()).unwrap();
    let served = server.served.load(Ordering::Relaxed);
    assert!(result.completed_count > 0 && result.completed_count < served, "{served}");
    assert_eq!(result.latencies.samples_count(), result.completed_count);
    assert_eq!(result.failed_count, 0);
}

#[test]
fn connections_are_spread_over_the_workers() {
    assert_eq!(split(5, 2), [3, 2]);
    assert_eq!(split(1, 4), [1]);
    assert_eq!(split(8, 1), [8]);
}

#[test]
fn a_subject_that_is_gone_is_an_error() {
    let (request, reference) = (request(), reference());
    let address = {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.local_addr().unwrap()
    };
    let target =
        Target { address, request: &request, reference: &reference, connections: 1, cores: &[] };
    let window = Window::starting_now(0, 50);
    assert!(closed_loop(&target, &window, || ()).unwrap_err().contains("connect"));
}

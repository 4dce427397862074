//! The load generator against real servers on loopback, one of which stalls.

use super::*;
use crate::calibrate::responder::{self, Stall};
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

/// The real responder on a thread of its own; it ends when this is dropped.
struct Static {
    address: SocketAddr,
    _open: std::io::PipeWriter,
}

impl Static {
    fn start(stall: Option<Stall>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let (input, open) = std::io::pipe().unwrap();
        std::thread::spawn(move || {
            responder::Responder::new(listener, input.into(), stall).unwrap().serve().unwrap();
        });
        Self { address, _open: open }
    }

    fn target<'a>(&self, requested: &'a (PreparedRequest, Answer), connections: u32) -> Target<'a> {
        Target::new(self.address, (&requested.0, &requested.1), connections, &[])
    }
}

fn requested() -> (PreparedRequest, Answer) {
    (request(), Answer { status: 200, body: responder::BODY.to_vec() })
}

const STALL: Stall =
    Stall { after: Duration::from_millis(500), length: Duration::from_millis(100) };
/// Far above what an answer takes, and far below the stall.
const WAITED_NS: u64 = 20_000_000;

fn waited_share(result: &LoadResult) -> f64 {
    result.latencies.count_above(WAITED_NS) as f64 / result.latencies.samples_count() as f64
}

#[test]
fn a_stall_shows_in_the_open_loop_and_hides_in_the_closed_one() {
    let requested = requested();
    let schedules = [
        |window: &Window| constant_schedule(window, 1000),
        |window: &Window| poisson_schedule(window, 1000, 1),
    ];
    for schedule in schedules {
        let server = Static::start(Some(STALL));
        let window = Window::starting_now(0, 1000);
        let schedule = schedule(&window);
        let (open, ()) =
            open_loop(&server.target(&requested, 8), &window, &schedule, None, || ()).unwrap();
        // 1000/s x 0.1 s: a tenth of all arrivals meets the stall, so the 99th percentile shows it.
        let p99_ns = open.latencies.quantile_ns(0.99).unwrap();
        assert!(p99_ns >= 50_000_000, "{p99_ns}");
        assert!(waited_share(&open) >= 0.05, "{}", waited_share(&open));
    }

    let server = Static::start(Some(STALL));
    let window = Window::starting_now(0, 1000);
    let (closed, ()) =
        closed_loop(&server.target(&requested, 8), &window, &Closing::new(&window, 0), || ())
            .unwrap();
    // It was there: each connection had one request in flight.
    let max_ns = closed.latencies.quantile_ns(1.0).unwrap();
    assert!(max_ns >= 90_000_000, "{max_ns}");
    assert!(waited_share(&closed) <= 0.02, "{}", waited_share(&closed));
}

#[test]
fn no_arrival_is_dropped_and_each_waits_from_when_it_was_due() {
    let (requested, server) = (requested(), Static::start(Some(STALL)));
    let window = Window::starting_now(100, 900);
    let schedule = constant_schedule(&window, 1000);
    // One connection: all arrivals during the stall but the first wait in the queue.
    let (result, ()) =
        open_loop(&server.target(&requested, 1), &window, &schedule, None, || ()).unwrap();
    let counted = schedule.iter().filter(|arrival| window.holds(arrival.due_ns)).count() as u64;
    assert_eq!(counted, 900);
    assert_eq!(result.lags.samples_count(), counted, "every one was sent");
    assert_eq!((result.completed_count, result.failed_count), (counted, 0));
    assert_eq!(result.latencies.samples_count(), counted);
    // Due in the first 80 ms of the stall, an arrival waits for more than the last 20 ms of it.
    let waited = result.latencies.count_above(WAITED_NS);
    assert!(waited >= 70, "{waited} of those due in the stall seem to have waited");
    let max_ns = result.latencies.quantile_ns(1.0).unwrap();
    assert!(max_ns >= 90_000_000, "{max_ns}");
    // What they waited for a free connection stood in the queue, and is not the generator's own lateness.
    assert!(result.lags.count_above(WAITED_NS) <= 20);
    assert!(result.backlog_peak_count >= 70, "{}", result.backlog_peak_count);
}

#[test]
fn a_backlog_that_grows_is_seen_at_the_end() {
    let requested = requested();
    // Asleep for most of the second half of the window and beyond its end. The halves are longer than a busy machine
    // keeps a thread waiting, which makes a backlog in the first half, too.
    let stall = Stall { after: Duration::from_millis(600), length: Duration::from_millis(700) };
    let server = Static::start(Some(stall));
    let window = Window::starting_now(0, 1000);
    let schedule = constant_schedule(&window, 1000);
    let (result, ()) =
        open_loop(&server.target(&requested, 2), &window, &schedule, None, || ()).unwrap();
    assert_eq!((result.completed_count, result.failed_count), (1000, 0));
    let (end, first_half) = (result.backlog_end_count, result.backlog_first_half_count);
    assert!(end >= 200, "{end}");
    assert!(end > first_half, "{end} at the end, {first_half} in the first half");
    let answered = result.answered_second_half_count;
    assert!(answered <= 300, "{answered} of the 500 that were due in the second half");
}

#[test]
fn what_is_lost_is_given_up_and_what_was_sent_is_still_awaited() {
    let requested = requested();
    let stall = Stall { after: Duration::from_millis(50), length: Duration::from_millis(300) };
    let window = Window::starting_now(0, 2000);
    let schedule = constant_schedule(&window, 1000);
    let patience = Patience::new(20_000_000, schedule.len() as u64);
    let server = Static::start(Some(stall));
    let target = server.target(&requested, 2);
    let (result, ()) = open_loop(&target, &window, &schedule, Some(&patience), || ()).unwrap();
    assert!(result.is_given_up && crate::kernel::clock::monotonic_ns() < window.to_ns);
    assert_eq!(result.failed_count, 0, "what was not sent is no failure");
    assert_eq!(result.completed_count, result.lags.samples_count(), "what was sent was answered");

    // One in a hundred may be late.
    let window = Window::starting_now(0, 400);
    let schedule = constant_schedule(&window, 1000);
    let patience = Patience::new(5_000_000_000, schedule.len() as u64);
    let (result, ()) = open_loop(&target, &window, &schedule, Some(&patience), || ()).unwrap();
    assert!(!result.is_given_up);
    assert_eq!(result.completed_count, 400);
}

#[test]
fn a_series_has_one_duration_per_request_in_their_order() {
    let (requested, server) = (requested(), Static::start(None));
    let (request, reference) = &requested;
    let series = crate::http::series(server.address, request, reference, 50).unwrap();
    assert_eq!((series.durations_ns.len(), series.reconnects_count), (50, 0));
    assert!(series.durations_ns.iter().all(|&ns| ns > 0));

    // This stall begins when the connection is accepted, before the first answer.
    let stall = Stall { after: Duration::ZERO, length: Duration::from_millis(100) };
    let server = Static::start(Some(stall));
    let series = crate::http::series(server.address, request, reference, 3).unwrap();
    assert!(series.durations_ns[0] >= 50_000_000, "{:?}", series.durations_ns);

    let wrong = Answer { status: 200, body: b"Hello, World!".to_vec() };
    let error = crate::http::series(server.address, request, &wrong, 3).unwrap_err().to_string();
    assert!(error.contains("request 0 of the series") && error.contains("differs"), "{error}");
}

#[test]
fn wrong_answers_are_failures() {
    let server = Responder::start("no", None, Duration::ZERO);
    let (request, reference) = (request(), reference());
    let target = Target::new(server.address, (&request, &reference), 2, &[]);
    let window = Window::starting_now(0, 100);
    let (result, ()) = closed_loop(&target, &window, &Closing::new(&window, 0), || ()).unwrap();
    assert_eq!(result.completed_count, 0);
    assert!(result.failed_count > 0 && result.reconnects_count > 0);
    assert!(result.first_failure.unwrap().contains("differs from the reference"));
}

#[test]
fn every_completed_request_was_served_and_warm_up_does_not_count() {
    let server = Responder::start("ok", None, Duration::ZERO);
    let (request, reference) = (request(), reference());
    let target = Target::new(server.address, (&request, &reference), 3, &[]);
    let window = Window::starting_now(100, 100);
    let (result, ()) = closed_loop(&target, &window, &Closing::new(&window, 0), || ()).unwrap();
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
    let target = Target::new(address, (&request, &reference), 1, &[]);
    let window = Window::starting_now(0, 50);
    assert!(
        closed_loop(&target, &window, &Closing::new(&window, 0), || ())
            .unwrap_err()
            .to_string()
            .contains("connect")
    );
}

/// What a heavy request computes for, on the one core that all requests share.
const HEAVY: Duration = Duration::from_millis(40);

/// A server of one core that answers `light` at once and `heavy` after its time.
fn shared_core() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let core = Arc::new(std::sync::Mutex::new(()));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, core) = (stream.unwrap(), Arc::clone(&core));
            std::thread::spawn(move || {
                let mut buffer = [0; 4096];
                while let Ok(count @ 1..) = stream.read(&mut buffer) {
                    let is_heavy = buffer[..count].starts_with(b"GET /heavy ");
                    let held = core.lock().unwrap();
                    if is_heavy {
                        std::thread::sleep(HEAVY);
                    }
                    drop(held);
                    let body = if is_heavy { "heavy" } else { "light" };
                    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{body}");
                    if stream.write_all(answer.as_bytes()).is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

fn named(path: &str, body: &str) -> (PreparedRequest, Answer) {
    let bytes = format!("GET /{path} HTTP/1.1\r\nHost: x\r\n\r\n").into_bytes();
    let answer = Answer { status: 200, body: body.as_bytes().to_vec() };
    (PreparedRequest { bytes, ..request() }, answer)
}

fn mixed_load(light: &(PreparedRequest, Answer), heavy: &(PreparedRequest, Answer)) -> LoadResult {
    let window = Window::starting_now(0, 1000);
    let mut schedule = constant_schedule(&window, 200);
    mix(&mut schedule, 5, 7);
    // Few connections: each carries both kinds, one after the other.
    let mut target = Target::new(shared_core(), (&light.0, &light.1), 2, &[]);
    target.heavy = Some(Exchange { request: &heavy.0, reference: &heavy.1 });
    open_loop(&target, &window, &schedule, None, || ()).unwrap().0
}

#[test]
fn light_requests_wait_behind_heavy_ones_and_are_counted_apart() {
    let result = mixed_load(&named("light", "light"), &named("heavy", "heavy"));
    assert_eq!((result.completed_count, result.failed_count), (200, 0));
    assert_eq!(result.latencies.samples_count(), 190);
    assert_eq!(result.heavy_latencies.samples_count(), 10);
    let heavy_ns = result.heavy_latencies.quantile_ns(0.5).unwrap();
    assert!(heavy_ns >= 39_000_000, "{heavy_ns}");
    // Seven light ones are due in each of the ten stretches of 40 ms; most of them wait for a part of it.
    let waited = result.latencies.count_above(5_000_000);
    assert!(waited >= 20, "{waited} light requests waited");
    assert!(result.latencies.quantile_ns(0.99).unwrap() >= 20_000_000);
}

/// The checker of one kind must not believe the other one's answer, which it has just found correct.
#[test]
fn each_request_of_a_mix_is_checked_against_its_own_answer() {
    let (light, heavy) = (named("light", "light"), named("heavy", "heavy"));
    // The server answers a heavy request as if it were a light one.
    let result = mixed_load(&light, &named("light", "heavy"));
    assert_eq!((result.completed_count, result.failed_count), (190, 10));
    assert_eq!(result.heavy_latencies.samples_count(), 0);
    let result = mixed_load(&named("light", "heavy"), &heavy);
    assert_eq!((result.completed_count, result.failed_count), (10, 190));
}

/// The kernel's time limits in whole milliseconds would put the median at half a millisecond. On a busy machine a
/// window may be disturbed: one good one of five tells.
#[test]
fn requests_are_sent_when_they_are_due() {
    let requested = requested();
    let best_ns = (0..5)
        .map(|_| {
            let server = Static::start(None);
            let window = Window::starting_now(0, 200);
            let schedule = constant_schedule(&window, 300);
            let (open, ()) =
                open_loop(&server.target(&requested, 8), &window, &schedule, None, || ()).unwrap();
            open.lags.quantile_ns(0.5).unwrap()
        })
        .min();
    assert!(best_ns.is_some_and(|ns| ns < 250_000), "{best_ns:?}");
}

//! Tests of the judgement of a step, and of the whole search against servers of known capacity.

use super::*;

const WINDOW: Window = Window { load_from_ns: 0, from_ns: 0, to_ns: 1_000_000_000 };
const BOUND_NS: u64 = 5_000_000;

/// A step with 1000 arrivals of 1 ms each, changed by `change`.
fn verdict(change: impl FnOnce(&mut LoadResult)) -> Verdict {
    let mut result = LoadResult::new(&WINDOW);
    for at_ns in (0..1000).map(|i| i * 1_000_000) {
        result.latencies.record(at_ns, 1_000_000);
    }
    result.completed_count = 1000;
    result.answered_second_half_count = 500;
    change(&mut result);
    judge(&result, 500, BOUND_NS)
}

fn why(verdict: Verdict) -> String {
    match verdict {
        Verdict::Fail(why) => why,
        Verdict::Pass => panic!("it passed"),
    }
}

#[test]
fn each_part_of_the_objective_can_fail_a_step() {
    assert_eq!(verdict(|_| ()), Verdict::Pass);
    assert_eq!(why(verdict(|r| r.fail(&"broken"))), "1 requests failed: broken");
    let slow = |r: &mut LoadResult| (0..11).for_each(|_| r.latencies.record(0, 12_100_000));
    assert_eq!(why(verdict(slow)), "p99 12.1 ms");
    assert_eq!(why(verdict(|r| r.answered_second_half_count = 493)), "achieved 493 of 500");
    assert_eq!(verdict(|r| r.answered_second_half_count = 494), Verdict::Pass);
    let backlog = |before, end| {
        verdict(|r| {
            r.backlog_first_half_count = before;
            r.backlog_end_count = end;
        })
    };
    assert_eq!(why(backlog(3, 4)), "backlog grew from 3 to 4");
    assert_eq!(backlog(4, 4), Verdict::Pass);
    let empty = LoadResult::new(&WINDOW);
    assert_eq!(why(judge(&empty, 0, BOUND_NS)), "no arrival within the window");
}

#[test]
fn one_in_a_hundred_may_be_late() {
    let late = |r: &mut LoadResult| (0..10).for_each(|_| r.latencies.record(0, 50_000_000));
    assert_eq!(verdict(late), Verdict::Pass);
}

fn dues_ns(window: &Window, rate: u32) -> Vec<u64> {
    constant_schedule(window, rate).iter().map(|arrival| arrival.due_ns).collect()
}

/// A step against a server that takes `1 / capacity` for each request, one after the other: what the generator would
/// have seen, without waiting for it.
fn simulated_step(rate: u32, capacity: f64, window_ns: u64) -> LoadResult {
    let window = Window { load_from_ns: 0, from_ns: 0, to_ns: window_ns };
    let schedule = dues_ns(&window, rate);
    let service_ns = 1e9 / capacity;
    let mut result = LoadResult::new(&window);
    let mut free_ns = 0.0f64;
    let completions: Vec<u64> = schedule
        .iter()
        .map(|&due| {
            free_ns = free_ns.max(due as f64) + service_ns;
            free_ns as u64
        })
        .collect();
    for (&due, &completed) in schedule.iter().zip(&completions) {
        result.completed_count += 1;
        result.latencies.record(due, completed - due);
        let is_second_half = (window.middle_ns()..window.to_ns).contains(&completed);
        result.answered_second_half_count += u64::from(is_second_half);
    }
    // What is due and not answered waits, but for the 32 that are on the connections.
    let waiting = |at: u64| {
        let due = schedule.iter().filter(|&&due| due < at).count();
        let done = completions.iter().filter(|&&completed| completed < at).count();
        (due - done).saturating_sub(32) as u64
    };
    let first_half = (0..=50).map(|part| waiting(window_ns * part / 100));
    result.backlog_first_half_count = first_half.max().unwrap_or(0);
    result.backlog_end_count = waiting(window_ns);
    result
}

fn found_rate(capacity: f64, p99_bound_us: u64, first_rate_per_second: u32) -> u32 {
    let objective =
        Objective { p99_bound_us, first_rate_per_second, connections: 32, warmup_ms: 0 };
    let window_ns = objective.least_window_ms() * 1_000_000;
    let found = search(first_rate_per_second, |rate| {
        let result = simulated_step(rate, capacity, window_ns);
        let window = Window { load_from_ns: 0, from_ns: 0, to_ns: window_ns };
        let offered =
            dues_ns(&window, rate).iter().filter(|&&due| due >= window_ns / 2).count() as u64;
        Ok::<_, std::convert::Infallible>(judge(&result, offered, p99_bound_us * 1000))
    });
    let Ok(found) = found;
    found.rate_per_second.unwrap()
}

/// Under commit 8da7646 a window of 200 ms found 157 per second where the server bears 122, with a bound of 100 ms.
#[test]
fn a_known_capacity_is_found_within_five_percent() {
    let cases = [
        (122.5, 100_000, 10),
        (45.0, 100_000, 10),
        (1000.0, 5_000, 500),
        (3700.0, 5_000, 500),
        (20_000.0, 5_000, 500),
    ];
    for (capacity, bound_us, first) in cases {
        let rate = f64::from(found_rate(capacity, bound_us, first));
        assert!(
            (0.95..=1.05).contains(&(rate / capacity)),
            "{rate} of {capacity}, bound {bound_us} us"
        );
    }
}

#[test]
fn ten_percent_above_the_capacity_never_passes() {
    for (capacity, bound_us) in
        [(122.5, 100_000u64), (30.0, 100_000), (1000.0, 5_000), (9000.0, 5_000)]
    {
        let window_ns = bound_us * 1000 * BOUNDS_PER_WINDOW;
        let rate = (capacity * 1.1f64).ceil() as u32;
        let result = simulated_step(rate, capacity, window_ns);
        let offered = u64::from(rate) * (window_ns / 2) / 1_000_000_000;
        let verdict = judge(&result, offered, bound_us * 1000);
        assert!(matches!(verdict, Verdict::Fail(_)), "{rate} of {capacity}, bound {bound_us} us");
    }
}

/// What a real search finds of a real server that answers `1 / service` requests a second, over loopback; windows of a
/// second, as in profile `paper`: of 80 arrivals none may be late, and one stolen time slice makes it so.
fn really_found(service: std::time::Duration, p99_bound_us: u64, first: u32) -> Found {
    let requested = crate::http::PreparedRequest {
        bytes: b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
        expect: weighbridge_schema::workload::Expect { status: 200, sha256: String::new() },
        is_head: false,
    };
    let answer =
        crate::http::Answer { status: 200, body: crate::calibrate::responder::BODY.to_vec() };
    let listener = std::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let (input, _open) = std::io::pipe().unwrap();
    // Each has a core of its own, as in a run: what the client's threads do on the server's is not its capacity.
    crate::kernel::affinity::pin_current_thread(&[0]);
    std::thread::spawn(move || {
        crate::kernel::affinity::pin_current_thread(&[1]);
        let mut server =
            crate::calibrate::responder::Responder::new(listener, input.into(), None).unwrap();
        server.works_for(service);
        server.serve().unwrap();
    });
    let target = Target::new(address, (&requested, &answer), 32, &[0]);
    let objective =
        Objective { p99_bound_us, first_rate_per_second: first, connections: 32, warmup_ms: 100 };
    search_on(&target, objective, 1000, std::process::id()).unwrap().0
}

#[test]
#[ignore = "measures for half a minute: for cargo xtask test"]
fn of_a_real_server_no_more_than_its_capacity_is_found() {
    let cases = [(1_000u64, 5_000, 250u32), (8_000, 100_000, 30)];
    for (service_us, bound_us, first) in cases {
        let capacity = 1e6 / service_us as f64;
        let share = |found: &Found| found.rate_per_second.map(|rate| f64::from(rate) / capacity);
        let is_near = |found: &Found| share(found).is_some_and(|s| (0.95..=1.05).contains(&s));
        let mut searches: Vec<Found> = Vec::new();
        // What else the machine does can only lower the rate: of three one must find it, and none more.
        while searches.len() < 3 && !searches.iter().any(is_near) {
            searches.push(really_found(
                std::time::Duration::from_micros(service_us),
                bound_us,
                first,
            ));
        }
        let steps: Vec<String> = searches.iter().map(ToString::to_string).collect();
        let printed = format!("{capacity} a second, bound {bound_us} us: {steps:#?}");
        assert!(searches.iter().filter_map(share).all(|share| share <= 1.05), "{printed}");
        // How near from below, a machine that others use as well cannot say: simulated servers judge it always.
        if std::env::var_os("WEIGHBRIDGE_ALONE").is_some() {
            assert!(searches.iter().any(is_near), "{printed}");
        } else if !searches.iter().any(is_near) {
            weighbridge_machine::eprintln!(
                "not tested: how near the rate found is: set WEIGHBRIDGE_ALONE=1 on a quiet machine; {printed}"
            );
        }
    }
}

//! The server against clients in memory: what is answered, in which order, and who is let go.

use std::cell::RefCell;
use std::io::ErrorKind;
use std::rc::Rc;
use std::time::Duration;

use proptest::prelude::*;
use weighbridge_transform::MAX_BODY_BYTES;

use super::*;
use network::{Network, Shared, Wire};
use weighbridge_protocol::MAX_HEAD_BYTES;

use crate::Descriptor;

#[path = "server_test_network.rs"]
mod network;

const PNG: &[u8] = include_bytes!("../../../experiments/corpus/chelsea-small.png");

struct Test<C> {
    network: Shared,
    server: Server<Shared, C>,
}

fn test(piece_bytes: usize) -> Test<impl Fn() -> Duration> {
    let network = Shared(Rc::new(RefCell::new(Network { piece_bytes, ..Network::default() })));
    let clock = network.clone();
    let server = Server::new(network.clone(), move || clock.0.borrow().now.get());
    Test { network, server }
}

impl<C: Fn() -> Duration> Test<C> {
    fn call(&mut self, number: u32, bytes: &[u8]) -> Descriptor {
        let descriptor = Descriptor(number);
        let mut network = self.network.0.borrow_mut();
        let to_server = bytes.iter().copied().collect();
        network.wires.insert(descriptor, Wire { to_server, ..Wire::default() });
        network.calling.push_back(descriptor);
        descriptor
    }

    fn turns(&mut self, count: usize) {
        for _ in 0..count {
            self.server.turn().unwrap();
        }
    }

    /// Turns until nothing moves for two turns. The clock moves then, so nothing later is seen by the caller.
    fn settle(&mut self) {
        let before = self.network.0.borrow().now.get();
        for _ in 0..200_000 {
            self.turns(1);
            if self.network.0.borrow().now.get() != before {
                return;
            }
        }
        panic!("the server never comes to rest");
    }

    fn received(&self, of: Descriptor) -> String {
        self.network.wire(of, |wire| String::from_utf8_lossy(&wire.to_client).into_owned())
    }

    fn is_closed(&self, of: Descriptor) -> bool {
        self.network.wire(of, |wire| wire.is_closed)
    }
}

fn post(operations: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "POST /v1/images/transform?{operations} HTTP/1.1\r\nHost: t\r\nContent-Type: image/png\r\n\
         Content-Length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

const HEALTH: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: t\r\n\r\n";

/// Statuses and bodies of a stream of responses.
fn responses(stream: &[u8]) -> Vec<(u16, Vec<u8>)> {
    let mut rest = stream;
    let mut all = Vec::new();
    while !rest.is_empty() {
        let mut headers = [httparse::EMPTY_HEADER; 16];
        let mut response = httparse::Response::new(&mut headers);
        let httparse::Status::Complete(from) = response.parse(rest).unwrap() else {
            panic!("a cut head: {}", String::from_utf8_lossy(rest));
        };
        let length = response.headers.iter().find(|header| header.name == "content-length");
        let length = std::str::from_utf8(length.unwrap().value).unwrap().parse::<usize>().unwrap();
        all.push((response.code.unwrap(), rest[from..from + length].to_vec()));
        rest = &rest[from + length..];
    }
    all
}

fn answers(test: &Test<impl Fn() -> Duration>, of: Descriptor) -> Vec<(u16, Vec<u8>)> {
    responses(&test.network.wire(of, |wire| wire.to_client.clone()))
}

#[test]
fn several_connections_are_served_and_kept() {
    let mut test = test(usize::MAX);
    let all: Vec<_> = (10..18).map(|number| test.call(number, HEALTH)).collect();
    test.turns(1);
    for &one in &all {
        assert_eq!(answers(&test, one), [(200, b"ok".to_vec())]);
        test.network.wire(one, |wire| wire.to_server.extend(HEALTH));
    }
    test.turns(1);
    for &one in &all {
        assert_eq!(answers(&test, one).len(), 2);
        assert!(!test.is_closed(one));
    }
}

#[test]
fn a_client_that_ends_its_side_is_answered_and_let_go() {
    let mut test = test(usize::MAX);
    let one = test.call(10, HEALTH);
    test.network.wire(one, |wire| wire.client_ended = true);
    test.turns(2);
    assert_eq!(answers(&test, one), [(200, b"ok".to_vec())]);
    assert!(test.is_closed(one));
}

#[test]
fn a_connection_ends_where_the_client_says_so() {
    let mut test = test(usize::MAX);
    let one = test.call(10, b"GET /healthz HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n");
    test.turns(1);
    assert!(test.received(one).contains("connection: close\r\n"));
    assert!(test.is_closed(one));
}

#[test]
fn a_body_over_the_limit_is_refused_before_it_is_read_and_the_client_listened_to() {
    let mut test = test(usize::MAX);
    let length = MAX_BODY_BYTES + 1;
    let head = format!("POST /x HTTP/1.1\r\nHost: t\r\nContent-Length: {length}\r\n\r\n");
    let one = test.call(10, head.as_bytes());
    test.turns(1);
    assert_eq!(answers(&test, one)[0].0, 413);
    assert!(test.network.wire(one, |wire| wire.server_ended && !wire.is_closed));
    test.network.wire(one, |wire| wire.to_server.extend(vec![0; length]));
    test.turns(1);
    assert!(test.network.wire(one, |wire| wire.to_server.is_empty() && !wire.is_closed));
    // Five seconds after the refusal, and not after the last byte.
    test.turns(1);
    assert!(test.is_closed(one));
    assert_eq!(test.network.0.borrow().now.get(), Duration::from_secs(5));
}

#[test]
fn what_is_no_request_is_refused_and_nobody_else_suffers() {
    let mut test = test(usize::MAX);
    let endless = vec![b'a'; MAX_HEAD_BYTES + 1];
    let coded = b"POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: a, chunked\r\n\r\n";
    let bad: [(&[u8], u16); 3] = [(b"\x16\x03\x01\r\n\r\n", 400), (&endless, 414), (coded, 501)];
    let good = test.call(9, HEALTH);
    let all: Vec<_> =
        (10..).zip(bad).map(|(n, (bytes, status))| (test.call(n, bytes), status)).collect();
    test.turns(1);
    for (one, status) in all {
        assert_eq!(answers(&test, one), [(status, Vec::new())]);
        assert!(test.received(one).contains("connection: close\r\n"));
    }
    assert_eq!(answers(&test, good), [(200, b"ok".to_vec())]);
}

#[test]
fn a_client_that_waits_for_a_word_gets_it() {
    let mut test = test(usize::MAX);
    let whole = post("op=grayscale", PNG);
    let text = String::from_utf8_lossy(&whole[..whole.len() - PNG.len()]).into_owned();
    let head = text.replace("Host: t", "Host: t\r\nExpect: 100-continue");
    let one = test.call(10, head.as_bytes());
    test.turns(1);
    assert_eq!(test.received(one), "HTTP/1.1 100 Continue\r\n\r\n");
    test.network.wire(one, |wire| {
        wire.to_client.clear();
        wire.to_server.extend(PNG);
    });
    test.settle();
    assert_eq!(answers(&test, one)[0].0, 200);
}

#[test]
fn a_client_that_stalls_is_let_go() {
    let mut test = test(usize::MAX);
    let silent = test.call(10, b"");
    let halfway = test.call(11, b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 9\r\n\r\nhal");
    let now = |test: &Test<_>| test.network.0.borrow().now.get();
    test.turns(2);
    assert!(test.is_closed(halfway) && !test.is_closed(silent));
    assert_eq!(now(&test), Duration::from_secs(20), "a body has to get on");
    test.turns(1);
    assert!(test.is_closed(silent));
    assert_eq!(now(&test), Duration::from_secs(60));
}

#[test]
fn a_client_that_is_gone_is_let_go() {
    let mut test = test(usize::MAX);
    let one = test.call(10, HEALTH);
    test.network.wire(one, |wire| wire.is_broken = true);
    test.turns(1);
    assert!(test.is_closed(one));
}

#[test]
fn what_waits_for_its_turn_longer_than_the_deadline_is_told_so() {
    let network =
        Shared(Rc::new(RefCell::new(Network { piece_bytes: usize::MAX, ..Network::default() })));
    let clock = network.clone();
    // Every look at the clock takes a second: the work takes long.
    let ticking = move || {
        let network = clock.0.borrow();
        network.now.set(network.now.get() + Duration::from_secs(1));
        network.now.get()
    };
    let server = Server::new(network.clone(), ticking);
    let mut test = Test { network, server };
    let slow = test.call(10, &post("op=blur:5", PNG));
    let health = test.call(11, HEALTH);
    test.turns(1);
    assert_eq!(answers(&test, slow)[0].0, 503);
    assert_eq!(answers(&test, health)[0].0, 200);
}

#[test]
fn when_all_places_are_taken_the_longest_idle_client_makes_room() {
    let mut test = test(usize::MAX);
    let count = u32::try_from(MAX_CONNECTIONS).unwrap();
    let silent: Vec<_> = (10..10 + count).map(|number| test.call(number, b"")).collect();
    test.turns(1);
    assert!(silent.iter().all(|&one| !test.is_closed(one)));
    let health = test.call(10 + count, HEALTH);
    test.turns(1);
    assert_eq!(answers(&test, health), [(200, b"ok".to_vec())]);
    let gone = silent.iter().filter(|&&one| test.is_closed(one));
    assert_eq!(gone.collect::<Vec<_>>(), [&silent[0]]);
}

#[test]
fn nobody_is_accepted_while_all_are_at_a_request() {
    let mut test = test(usize::MAX);
    let count = u32::try_from(MAX_CONNECTIONS).unwrap();
    let halfway = b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 9\r\n\r\nhal";
    for number in 10..10 + count + 5 {
        test.call(number, halfway);
    }
    test.turns(1);
    assert_eq!(test.network.0.borrow().calling.len(), 5);
    test.network.wire(Descriptor(10), |wire| wire.to_server.extend(b"way..."));
    test.turns(2);
    assert!(test.network.0.borrow().calling.len() < 5);
}

/// What is held is counted over all clients, and small answers go on.
#[test]
fn a_body_that_finds_no_room_is_refused_and_a_health_check_is_not() {
    let mut test = test(usize::MAX);
    let head = format!("POST / HTTP/1.1\r\nHost: t\r\nContent-Length: {MAX_BODY_BYTES}\r\n\r\n");
    let one = test.call(10, head.as_bytes());
    test.turns(1);
    let (connections, mut with) = test.server.surroundings();
    assert_eq!(with.room_bytes, BODY_BUDGET_BYTES - head.len());
    with.room_bytes = 4;
    test.network.wire(one, |wire| wire.to_server.extend(b"five."));
    connections[0].advance(&mut with);
    assert_eq!(answers(&test, one), [(503, Vec::new())]);
    assert!(test.received(one).contains("retry-after: 1\r\n"));
    let health = test.call(11, HEALTH);
    test.turns(1);
    assert_eq!(answers(&test, health), [(200, b"ok".to_vec())]);
}

#[test]
fn a_listener_that_fails_now_and_then_is_kept_and_one_that_always_does_is_an_error() {
    let mut test = test(usize::MAX);
    test.network.0.borrow_mut().failing_accepts = 2;
    let one = test.call(10, HEALTH);
    test.turns(3);
    assert_eq!(answers(&test, one)[0].0, 200);
    test.server.failed_accepts = FAILED_ACCEPTS - 1;
    test.network.0.borrow_mut().failing_accepts = 1;
    test.call(11, HEALTH);
    assert_eq!(test.server.turn().unwrap_err().kind(), ErrorKind::ConnectionAborted);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// However the bytes are cut, requests sent ahead are answered in their order, and never more is asked of the
    /// socket than one head or one body.
    #[test]
    fn however_bytes_are_cut_the_answers_are_the_same(piece_bytes in 1usize..5000, count in 1usize..4) {
        let mut test = test(piece_bytes);
        let mut sent = Vec::new();
        for _ in 0..count {
            sent.extend(HEALTH);
            sent.extend(post("op=sepia", PNG));
            sent.extend(b"GET /nowhere HTTP/1.1\r\nHost: t\r\n\r\n");
        }
        let one = test.call(10, &sent);
        test.settle();
        let statuses: Vec<u16> = answers(&test, one).iter().map(|(status, _)| *status).collect();
        prop_assert_eq!(statuses, [200, 400, 404].repeat(count));
        let asked = test.network.0.borrow().most_asked_bytes;
        prop_assert!(asked <= MAX_HEAD_BYTES.max(PNG.len()), "{}", asked);
    }

    #[test]
    fn arbitrary_bytes_never_end_the_server(
        bytes in prop::collection::vec(any::<u8>(), 0..600),
        piece_bytes in 1usize..100,
    ) {
        let mut test = test(piece_bytes);
        test.call(10, &bytes);
        test.settle();
        let health = test.call(11, HEALTH);
        test.turns(300);
        prop_assert_eq!(answers(&test, health), [(200, b"ok".to_vec())]);
    }
}

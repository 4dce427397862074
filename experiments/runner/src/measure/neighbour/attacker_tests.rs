//! Tests of what an attack does, and of what counts as an act of it.

use super::*;
use std::io::Read;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Mutex;

fn answer(status: u16, body: &str) -> Result<Answer, Cause> {
    Ok(Answer { status, body: body.as_bytes().to_vec() })
}

#[test]
fn who_does_it_or_takes_all_that_it_may_has_acted_and_who_has_no_way_has_not() {
    for body in [
        "possible - - 7 turns",
        "refused ENOMEM - 1008 MiB, and then no more",
        "refused ENOSPC - /dev/shm: 63 MiB, and then: No space left on device",
    ] {
        assert_eq!(done(&answer(200, body)), Ok(()), "{body}");
    }
    for (status, body, seen) in [
        (200, "refused no-folder - a file in /", "200 refused no-folder - a file in /"),
        (200, "absent - - no interface writes", "200 absent - - no interface writes"),
        (503, "busy", "503 busy"),
        (404, "no such probe", "404 no such probe"),
    ] {
        assert_eq!(done(&answer(status, body)), Err(seen.to_owned()));
    }
    let closed: Result<Answer, Cause> = Err(Cause::from("the connection was closed"));
    assert_eq!(done(&closed), Err("the connection was closed".to_owned()));
}

/// Asks of which each gets the next of these answers; after the last of them the attack is over.
fn asked(most: u64, bodies: &[&str]) -> Acts {
    let (is_over, rest) = (AtomicBool::new(false), Mutex::new(bodies.iter()));
    again(most, &is_over, || {
        let mut rest = rest.lock().unwrap();
        let next = rest.next().unwrap();
        is_over.store(rest.as_slice().is_empty(), Relaxed);
        answer(200, next)
    })
}

#[test]
fn acts_go_on_to_the_end_of_the_attack_to_the_most_or_to_the_first_refusal() {
    let (took, none) = ("possible - - taken", "refused EROFS - a file in /");
    let acts = |count, refusal: Option<&str>| {
        let refusal = refusal.map(|body| format!("200 {body}"));
        Acts { count, refusal }
    };
    assert_eq!(asked(9, &[took, took, took]), acts(3, None));
    assert_eq!(asked(2, &[took, took, took]), acts(2, None));
    assert_eq!(asked(9, &[took, none, took]), acts(1, Some(none)));
    assert_eq!(asked(9, &[none, took]), acts(0, Some(none)));
}

fn attacker(attack: Attack, address: SocketAddr) -> Attacker {
    Attacker {
        attack,
        address,
        prefix: "/t/one".to_owned(),
        folder: PathBuf::from("/a-folder"),
        spins_count: 3,
        held_connections_count: 4,
        cores: Vec::new(),
        lasts: Duration::from_millis(1),
    }
}

fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// The first lines of so many requests, each of which gets this answer.
fn serve(listener: &TcpListener, count: usize, body: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for stream in listener.incoming().take(count) {
        let (mut stream, mut bytes) = (stream.unwrap(), [0; 1024]);
        let read = stream.read(&mut bytes).unwrap();
        let text = String::from_utf8_lossy(&bytes[..read]);
        lines.push(text.lines().next().unwrap_or_default().to_owned());
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
        stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
    }
    lines
}

#[test]
fn who_spins_is_asked_by_as_many_requests_as_it_shall_until_one_moment() {
    let (listener, address) = listener();
    let attacker = attacker(Attack::Spin, address);
    let (lines, acts) = attacker.during(|| serve(&listener, 3, "possible - - 7 turns"));
    assert_eq!(acts, Acts { count: 3, refusal: None });
    let begin = "GET /t/one/isolation/spin?until_ms=";
    assert!(lines[0].starts_with(begin) && lines.iter().all(|line| *line == lines[0]), "{lines:?}");
}

#[test]
fn a_control_does_nothing_and_who_cannot_write_is_known_before() {
    let (listener, address) = listener();
    let control = attacker(Attack::None, address);
    assert_eq!(control.refusal(), None);
    assert_eq!(control.during(|| 7), (7, Acts::default()));
    let refused = "refused EROFS - a file in /";
    std::thread::scope(|scope| {
        let served = scope.spawn(|| serve(&listener, 1, refused));
        let disk = attacker(Attack::Disk, address);
        assert_eq!(disk.refusal(), Some(format!("200 {refused}")));
        let expected = "GET /t/one/isolation/disk?folder=/a-folder&sync=yes HTTP/1.1";
        assert_eq!(served.join().unwrap(), [expected]);
    });
}

#[test]
fn a_flood_holds_idle_connections_and_begun_heads_and_the_oldest_gives_way() {
    let (listener, address) = listener();
    let (streams, acts) = attacker(Attack::Connections, address).during(|| {
        let streams = listener.incoming().take(7).map(Result::unwrap);
        streams.collect::<Vec<TcpStream>>()
    });
    assert!(acts.count >= 7 && acts.refusal.is_none(), "{acts:?}");
    for (number, mut stream) in streams.into_iter().enumerate() {
        let mut sent = Vec::new();
        // The end comes since nothing of a flood goes on when it is over.
        stream.read_to_end(&mut sent).unwrap();
        match number % 2 {
            0 => assert!(sent.is_empty(), "{number}: {}", sent.escape_ascii()),
            _ => {
                let (head, slow) = sent.split_at(BEGUN_HEAD.len());
                assert_eq!(head, BEGUN_HEAD, "{number}");
                assert!(slow.iter().all(|&byte| byte == b'x'), "{number}: {slow:?}");
            }
        }
    }
}

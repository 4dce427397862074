//! Tests of the backend: when it answers, how many wait at once, and to what it gives no answer.

use super::*;
use std::time::Instant;

const DELAY: Duration = Duration::from_millis(20);

fn connect(backend: &Backend) -> TcpStream {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, backend.port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

fn ask(stream: &mut TcpStream, number: u32) {
    write!(stream, "GET /{number} HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
}

fn take(stream: &mut TcpStream, number: u32) {
    let body = body(number, "token");
    let length = body.len();
    let expected = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}");
    let mut answer = vec![0; expected.len()];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(String::from_utf8(answer).unwrap(), expected);
}

#[test]
fn each_request_is_answered_when_it_has_waited_and_says_which_it_was() {
    let backend = Backend::start(DELAY, "token".to_owned(), &[]).unwrap();
    let mut stream = connect(&backend);
    for number in 0..3 {
        let begun = Instant::now();
        ask(&mut stream, number);
        take(&mut stream, number);
        assert!(begun.elapsed() >= DELAY, "number {number}: {:?}", begun.elapsed());
    }
    let done = backend.done();
    assert_eq!(done.answers_count, 3);
    assert!(u128::from(done.waited_ns) >= 3 * DELAY.as_nanos(), "{done:?}");
    assert!(done.cpu_ns.is_some_and(|ns| ns > 0), "{done:?}");
    backend.end().unwrap();
}

/// Were they served one by one, none would wait while another does.
#[test]
fn hundreds_wait_at_once() {
    const COUNT: usize = 200;
    let backend = Backend::start(DELAY, "token".to_owned(), &[]).unwrap();
    let begun = Instant::now();
    let mut streams: Vec<TcpStream> = (0..COUNT).map(|_| connect(&backend)).collect();
    for (number, stream) in (0..).zip(&mut streams) {
        ask(stream, number);
    }
    for (number, stream) in (0..).zip(&mut streams) {
        take(stream, number);
    }
    let (done, wall) = (backend.done(), begun.elapsed());
    assert_eq!(done.answers_count, COUNT as u64);
    assert!(u128::from(done.waited_ns) > wall.as_nanos(), "{done:?} in {wall:?}");
}

#[test]
fn without_a_delay_it_answers_at_once_and_a_client_that_is_gone_harms_nobody() {
    let backend = Backend::start(Duration::ZERO, "token".to_owned(), &[]).unwrap();
    let mut gone = connect(&backend);
    ask(&mut gone, 7);
    drop(gone);
    let mut stream = connect(&backend);
    ask(&mut stream, 1);
    take(&mut stream, 1);
    backend.end().unwrap();
}

#[test]
fn what_is_no_request_of_a_service_is_hung_up_on() {
    let backend = Backend::start(Duration::ZERO, "token".to_owned(), &[]).unwrap();
    for text in [
        "GET /healthz HTTP/1.1\r\n\r\n",
        "GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n",
        "\x16\x03\x01 no HTTP\r\n\r\n",
    ] {
        let mut stream = connect(&backend);
        stream.write_all(text.as_bytes()).unwrap();
        let mut rest = Vec::new();
        // A reset is an end too.
        let _ = stream.read_to_end(&mut rest);
        assert!(rest.is_empty(), "{text:?}: {}", rest.escape_ascii());
    }
}

#[test]
fn a_head_in_pieces_is_a_request_when_it_is_whole() {
    let whole = b"GET /12 HTTP/1.1\r\nHost: x\r\n\r\n";
    assert_eq!(number(whole), Ok(Some((12, whole.len()))));
    assert_eq!(number(&whole[..20]), Ok(None));
    assert_eq!(number(b"GET /-1 HTTP/1.1\r\n\r\n"), Err(()));
}

#[test]
fn the_request_expects_what_the_backend_answers() {
    let backend = Backend::start(Duration::ZERO, "token".to_owned(), &[]).unwrap();
    let request = backend.request(2);
    let right = Answer { status: 200, body: b"0 token\n1 token\n".to_vec() };
    right.check(&request).unwrap();
    let wrong = Answer { status: 200, body: b"0 token\n0 token\n".to_vec() };
    assert!(wrong.check(&request).is_err());
    let text = String::from_utf8(request.bytes).unwrap();
    let target = format!("GET /wait?backend={}&requests=2 HTTP/1.1\r\n", backend.port);
    assert!(text.starts_with(&target), "{text}");
}

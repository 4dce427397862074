//! One connection of the responder.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// The answer to every request, as it goes over the wire.
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\nHello, world!";
/// Its body.
pub const BODY: &[u8; 13] = b"Hello, world!";

/// Whether the connection lives on.
#[derive(Debug, PartialEq, Eq)]
pub enum Served {
    /// Wait for more.
    Open,
    /// It ended, or the peer speaks another protocol.
    Closed,
}

/// A connection with what has been read of the request at hand.
pub struct Connection {
    stream: TcpStream,
    head: Vec<u8>,
    body_left_bytes: usize,
    service: Duration,
}

/// The largest head that is read.
const HEAD_LIMIT_BYTES: usize = 64 * 1024;

impl Connection {
    /// A connection that has sent nothing yet, and whose answers take `service` of the core each.
    pub fn new(stream: TcpStream, service: Duration) -> Self {
        Self { stream, head: Vec::new(), body_left_bytes: 0, service }
    }

    /// Reads what has come and answers when that completes a request. A client that pipelines is not
    /// served in full: what it sends ahead of an answer is taken for part of the request before.
    pub fn serve(&mut self, scratch: &mut [u8]) -> Served {
        match self.stream.read(scratch) {
            Ok(0) => Served::Closed,
            Ok(count) => self.take_in(&scratch[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Served::Open,
            Err(error) if error.kind() == ErrorKind::Interrupted => Served::Open,
            Err(_) => Served::Closed,
        }
    }

    fn take_in(&mut self, bytes: &[u8]) -> Served {
        if self.body_left_bytes > 0 {
            self.body_left_bytes = self.body_left_bytes.saturating_sub(bytes.len());
            return self.answer_when_complete();
        }
        // Most requests come in one piece and need no copy.
        let parsed = if self.head.is_empty() {
            request_bytes(bytes)
        } else {
            self.head.extend_from_slice(bytes);
            request_bytes(&self.head)
        };
        match parsed {
            Err(()) => Served::Closed,
            Ok(None) if self.head.len() > HEAD_LIMIT_BYTES => Served::Closed,
            Ok(None) => {
                if self.head.is_empty() {
                    self.head.extend_from_slice(bytes);
                }
                Served::Open
            }
            Ok(Some(whole)) => {
                let here = self.head.len().max(bytes.len());
                self.head.clear();
                self.body_left_bytes = whole.saturating_sub(here);
                self.answer_when_complete()
            }
        }
    }

    fn answer_when_complete(&mut self) -> Served {
        if self.body_left_bytes > 0 {
            return Served::Open;
        }
        // As a computing server does; a sleep would be late by a part of a short service.
        let begun = Instant::now();
        while begun.elapsed() < self.service {
            std::hint::spin_loop();
        }
        // So few bytes always fit the socket's buffer of a client that reads its answers.
        match self.stream.write(ANSWER) {
            Ok(count) if count == ANSWER.len() => Served::Open,
            _ => Served::Closed,
        }
    }
}

/// Bytes of the whole request whose beginning `bytes` is; `None` when its head is not complete.
fn request_bytes(bytes: &[u8]) -> Result<Option<usize>, ()> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut request = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(head) = request.parse(bytes).map_err(|_| ())? else {
        return Ok(None);
    };
    let length =
        request.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
    let Some(length) = length else { return Ok(Some(head)) };
    let length = std::str::from_utf8(length.value).map_err(|_| ())?.trim();
    Ok(Some(head + length.parse::<usize>().map_err(|_| ())?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::{Ipv4Addr, TcpListener};

    const POST: &[u8] = b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello";

    fn pair() -> (TcpStream, Connection) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        client.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        (client, Connection::new(listener.accept().unwrap().0, Duration::ZERO))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn however_it_is_cut_a_request_gets_one_answer(cuts in prop::collection::vec(1usize..40, 0..5)) {
            let (mut client, mut served) = pair();
            for _ in 0..2 {
                let mut rest = POST;
                for cut in cuts.iter().copied().chain([POST.len()]) {
                    let (piece, tail) = rest.split_at(cut.min(rest.len()));
                    if !piece.is_empty() {
                        prop_assert_eq!(served.take_in(piece), Served::Open);
                    }
                    rest = tail;
                }
                let mut answer = [0; ANSWER.len()];
                client.read_exact(&mut answer).unwrap();
                prop_assert_eq!(&answer[..], ANSWER);
            }
            client.set_nonblocking(true).unwrap();
            prop_assert!(client.read(&mut [0; 1]).is_err(), "one answer per request and no more");
        }
    }

    #[test]
    fn another_protocol_is_hung_up_on() {
        let (_client, mut served) = pair();
        assert_eq!(served.take_in(b"\x16\x03\x01 no HTTP\r\n\r\n"), Served::Closed);
    }

    #[test]
    fn the_answer_ends_in_the_body() {
        assert!(ANSWER.ends_with(BODY));
        assert!(ANSWER.windows(20).any(|w| w == b"Content-Length: 13\r\n"));
    }
}

//! The first answer of a subject that may not listen yet, and single exchanges after it.

use super::askers::{Asker, Askers};
use super::{PreparedRequest, Progress, ResponseReader, WrongAnswer};
use crate::failure::Cause;
use crate::kernel::clock::monotonic_ns;
use crate::kernel::interrupt;
use sha2::{Digest, Sha256};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// A complete response.
#[derive(Debug, Clone)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// Lower-case hexadecimal SHA-256 of the body.
    pub fn sha256(&self) -> String {
        crate::inventory::digest::hex(&Sha256::digest(&self.body))
    }

    /// Compares with what the request must get.
    ///
    /// # Errors
    /// Says what came, with the whole digest, which is how a new workload's is learnt, and what was expected.
    pub fn check(&self, request: &PreparedRequest) -> Result<(), WrongAnswer> {
        let (status, sha256) = (self.status, self.sha256());
        if status == request.expect.status && sha256 == request.expect.sha256 {
            return Ok(());
        }
        let shown: String = String::from_utf8_lossy(&self.body).chars().take(120).collect();
        Err(WrongAnswer::Unexpected(format!(
            "answered {status} with {} bytes, sha256 {sha256}, expected {} with {}...: {shown:?}",
            self.body.len(),
            request.expect.status,
            &request.expect.sha256[..12],
        )))
    }
}

/// The first answer with its moments, `CLOCK_MONOTONIC` nanoseconds.
#[derive(Debug, Clone)]
pub struct FirstAnswer {
    /// The connect that led to the answer succeeded.
    pub connected_ns: u64,
    /// Its first byte arrived.
    pub first_byte_ns: u64,
    /// Its last byte arrived.
    pub response_ns: u64,
    /// The answer.
    pub answer: Answer,
}

/// How long one connect may hang. A SYN that meets no listener on a bridge is sent again only after a
/// second: abandoning it and asking anew keeps that second out of the measurement.
const CONNECT_LIMIT: Duration = Duration::from_millis(20);
/// How long an answer is waited for without a look at whether the run was interrupted.
const LOOK_UP: Duration = Duration::from_millis(200);
/// Rest after an answer that is wrong and waited out. It is longer, since such an answer costs the
/// subject's core time that its compiler needs; it rounds the seconds that those subjects take up by
/// no more than this.
const REST_AFTER_WRONG: Duration = Duration::from_millis(5);

/// What counts as the first answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum First {
    /// The first complete one, right or wrong.
    Any,
    /// The first correct one: a subject may answer for what it does not serve yet.
    Correct,
}

/// Asks until `address` answers `request`, from now until the limit has passed, beside the others of `askers`: none of
/// several asks so often that it takes the others' time. `alive` is asked between attempts and ends the wait early with
/// its reason.
///
/// # Errors
/// The limit passed, or `alive` said why there will be no answer.
pub fn first_answer(
    askers: &Askers,
    address: SocketAddr,
    request: &PreparedRequest,
    (wanted, limit): (First, Duration),
    alive: impl FnMut() -> Result<(), Cause>,
) -> Result<FirstAnswer, Cause> {
    let kind = match wanted {
        First::Any => "answer",
        First::Correct => "correct answer",
    };
    let tries = Tries { askers, address, kind, limit };
    tries.until_one_succeeds(alive, || match attempt(address, request, limit) {
        Ok(first) if wanted == First::Any => Ok(first),
        Ok(first) => match first.answer.check(request) {
            Ok(()) => Ok(first),
            Err(wrong) => Err((wrong.into(), true)),
        },
        Err(why) => Err((why, false)),
    })
}

/// Waits until `address` takes a connection, beside the others of `askers`, and asks for nothing.
///
/// # Errors
/// As [`first_answer`].
pub fn listens(
    askers: &Askers,
    address: SocketAddr,
    limit: Duration,
    alive: impl FnMut() -> Result<(), Cause>,
) -> Result<(), Cause> {
    let tries = Tries { askers, address, kind: "connection", limit };
    tries.until_one_succeeds(alive, || {
        connect(address).map(drop).map_err(|error| (Cause::io("connect", error), false))
    })
}

/// Attempts on one address that may not listen yet.
struct Tries<'a> {
    askers: &'a Askers,
    address: SocketAddr,
    /// What is waited for.
    kind: &'a str,
    limit: Duration,
}

impl Tries<'_> {
    /// A failed attempt gives its reason, and whether that was an answer, a wrong one.
    fn until_one_succeeds<T>(
        &self,
        mut alive: impl FnMut() -> Result<(), Cause>,
        mut attempt: impl FnMut() -> Result<T, (Cause, bool)>,
    ) -> Result<T, Cause> {
        let Self { askers, address, kind, limit } = self;
        let _asker = Asker::among(askers);
        let begun = Instant::now();
        let (mut attempts_count, mut looked) = (0u64, begun);
        loop {
            let (failure, is_answered) = match attempt() {
                Ok(found) => return Ok(found),
                Err(failed) => failed,
            };
            attempts_count += 1;
            if interrupt::requested() {
                return Err(Cause::Interrupted);
            }
            // Asking the process table, or an engine, costs more than a refused connect; do it now and then.
            if is_answered || askers.is_look_due(attempts_count, looked.elapsed()) {
                alive()?;
                looked = Instant::now();
            }
            if begun.elapsed() > *limit {
                return Err(Cause::Timeout(format!(
                    "no {kind} from {address} within {} s ({attempts_count} attempts; the last: {failure})",
                    limit.as_secs()
                )));
            }
            let rest = match is_answered {
                true => REST_AFTER_WRONG,
                false => askers.rest(begun.elapsed()),
            };
            if !rest.is_zero() {
                std::thread::sleep(rest);
            }
        }
    }
}

fn attempt(
    address: SocketAddr,
    request: &PreparedRequest,
    limit: Duration,
) -> Result<FirstAnswer, Cause> {
    let (stream, connected_ns) = connect(address).map_err(|error| Cause::io("connect", error))?;
    let (first_byte_ns, response_ns, answer) = exchange_on(&stream, request, limit)?;
    Ok(FirstAnswer { connected_ns, first_byte_ns, response_ns, answer })
}

/// One exchange on a connection of its own.
///
/// # Errors
/// Connecting, writing or reading failed; the message says which.
pub fn exchange(
    address: SocketAddr,
    request: &PreparedRequest,
    limit: Duration,
) -> Result<Answer, Cause> {
    let (stream, _) =
        connect(address).map_err(|e| Cause::io(format!("connect to {address}"), e))?;
    exchange_on(&stream, request, limit).map(|(_, _, answer)| answer)
}

pub(super) fn connect(address: SocketAddr) -> std::io::Result<(TcpStream, u64)> {
    let stream = TcpStream::connect_timeout(&address, CONNECT_LIMIT)?;
    let connected_ns = monotonic_ns();
    stream.set_nodelay(true)?;
    Ok((stream, connected_ns))
}

/// Gives the moments of the first and the last byte of the answer, and the answer.
///
/// Writes in a thread of its own when the request is large: a server may answer (413) before it has read
/// everything, and a client that only writes would never see the answer.
pub(super) fn exchange_on(
    stream: &TcpStream,
    request: &PreparedRequest,
    limit: Duration,
) -> Result<(u64, u64, Answer), Cause> {
    let limited = stream.set_read_timeout(Some(LOOK_UP.min(limit)));
    let limited = limited.and_then(|()| stream.set_write_timeout(Some(limit)));
    limited.map_err(|error| Cause::io("set a time limit", error))?;
    const WRITTEN_AT_ONCE_BYTES: usize = 1 << 20;
    if request.bytes.len() <= WRITTEN_AT_ONCE_BYTES {
        let sent = (&*stream).write_all(&request.bytes);
        sent.map_err(|error| Cause::io("send the request", error))?;
        return read_answer(stream, request, limit);
    }
    std::thread::scope(|scope| {
        // A failed write is not the result: what the server answered, or the lack of it, is.
        scope.spawn(|| (&*stream).write_all(&request.bytes));
        let answer = read_answer(stream, request, limit);
        // Wakes a writer that still waits for room.
        let _ = stream.shutdown(std::net::Shutdown::Both);
        answer
    })
}

fn read_answer(
    mut stream: &TcpStream,
    request: &PreparedRequest,
    limit: Duration,
) -> Result<(u64, u64, Answer), Cause> {
    let mut heard = Instant::now();
    let mut reader = ResponseReader::new(request.is_head);
    let mut first_byte_ns = None;
    let mut chunk = vec![0u8; 64 * 1024];
    loop {
        let progress = match stream.read(&mut chunk) {
            Ok(0) => reader.close()?,
            Ok(count) => {
                first_byte_ns.get_or_insert_with(monotonic_ns);
                heard = Instant::now();
                reader.push(&chunk[..count])?
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(_) if interrupt::requested() => return Err(Cause::Interrupted),
            Err(error) if error.kind() == ErrorKind::WouldBlock && heard.elapsed() < limit => {
                continue;
            }
            Err(error) => return Err(Cause::io("read the response", error)),
        };
        if progress == Progress::Complete {
            let response_ns = monotonic_ns();
            let answer = Answer { status: reader.status(), body: reader.body().to_vec() };
            return Ok((first_byte_ns.unwrap_or(response_ns), response_ns, answer));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::digest::hex;
    use std::net::TcpListener;
    use weighbridge_schema::workload::{Body, Expect, RequestShape};

    fn request() -> PreparedRequest {
        let sha256 = hex(&Sha256::digest(b"ok"));
        let shape = RequestShape {
            method: "GET".to_owned(),
            path: "/healthz".to_owned(),
            content_type: None,
            body: Body::Empty,
            expect: Expect { status: 200, sha256 },
        };
        PreparedRequest::new(&shape, b"")
    }

    /// A server that answers 404 to the first `wrong_count` requests and then what is expected.
    fn server(wrong_count: usize) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for (index, stream) in listener.incoming().enumerate() {
                let mut stream = stream.unwrap();
                let _ = stream.read(&mut [0; 1024]);
                let answer: &[u8] = match index < wrong_count {
                    true => b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
                    false => b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
                };
                let _ = stream.write_all(answer);
            }
        });
        address
    }

    const LIMIT: Duration = Duration::from_secs(10);

    fn ask(
        address: SocketAddr,
        wanted: (First, Duration),
        alive: impl FnMut() -> Result<(), Cause>,
    ) -> Result<FirstAnswer, Cause> {
        first_answer(&Askers::default(), address, &request(), wanted, alive)
    }

    #[test]
    fn a_wrong_answer_is_waited_out_where_the_subject_says_so_and_nowhere_else() {
        let first = |wanted| ask(server(3), (wanted, LIMIT), || Ok(())).unwrap();
        let correct = first(First::Correct);
        correct.answer.check(&request()).unwrap();
        let any = first(First::Any);
        assert_eq!(any.answer.status, 404);
        let wrong = any.answer.check(&request()).unwrap_err().to_string();
        assert!(wrong.starts_with("answered 404 with 0 bytes"), "{wrong}");
    }

    #[test]
    fn a_subject_that_never_answers_correctly_fails_with_its_last_answer() {
        let limit = Duration::from_millis(60);
        let waited = ask(server(usize::MAX), (First::Correct, limit), || Ok(()));
        let reason = waited.unwrap_err().to_string();
        assert!(reason.starts_with("no correct answer from 127.0.0.1:"), "{reason}");
        assert!(reason.contains("the last: answered 404"), "{reason}");
    }

    #[test]
    fn a_subject_that_has_ended_is_not_waited_for_although_another_answers_wrongly() {
        let ended = || Err(Cause::from("it has ended"));
        let waited = ask(server(usize::MAX), (First::Correct, LIMIT), ended);
        assert_eq!(waited.unwrap_err().to_string(), "it has ended");
    }
}

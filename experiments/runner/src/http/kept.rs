//! One connection that is kept between requests, as a front before many services keeps one to each.

use super::first::{connect, exchange_on};
use super::{Answer, PreparedRequest};
use crate::failure::Cause;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// A connection that is opened when something is asked, and opened anew when the server has closed it.
#[derive(Debug)]
pub struct Kept {
    address: SocketAddr,
    stream: Option<TcpStream>,
}

impl Kept {
    /// None is open yet.
    pub fn to(address: SocketAddr) -> Self {
        Self { address, stream: None }
    }

    /// Asks, and gives the answer with the moment at which it was complete, `CLOCK_MONOTONIC` nanoseconds. Where a
    /// connection that was kept fails, which a server may have closed meanwhile, it is asked again over a new one.
    ///
    /// # Errors
    /// Connecting failed, or a new connection did.
    pub fn ask(
        &mut self,
        request: &PreparedRequest,
        limit: Duration,
    ) -> Result<(u64, Answer), Cause> {
        if let Some(stream) = self.stream.take()
            && let Ok(answered) = self.ask_over(stream, request, limit)
        {
            return Ok(answered);
        }
        let (stream, _) = connect(self.address)
            .map_err(|error| Cause::io(format!("connect to {}", self.address), error))?;
        self.ask_over(stream, request, limit)
    }

    /// Keeps the connection where it went well.
    fn ask_over(
        &mut self,
        stream: TcpStream,
        request: &PreparedRequest,
        limit: Duration,
    ) -> Result<(u64, Answer), Cause> {
        let (_, complete_ns, answer) = exchange_on(&stream, request, limit)?;
        self.stream = Some(stream);
        Ok((complete_ns, answer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use weighbridge_schema::workload::Expect;

    /// A server that closes each connection after so many answers; and how many connections it has taken.
    fn server(answers_count: usize) -> (SocketAddr, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let taken = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&taken);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                count.fetch_add(1, Ordering::Relaxed);
                for _ in 0..answers_count {
                    if stream.read(&mut [0; 1024]).is_ok_and(|read| read > 0) {
                        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
                    }
                }
            }
        });
        (address, taken)
    }

    #[test]
    fn a_connection_is_kept_as_long_as_the_server_keeps_it() {
        let expect = Expect { status: 200, sha256: String::new() };
        let bytes = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec();
        let request = PreparedRequest { bytes, expect, is_head: false };
        for (answers_count, connections_count) in [(6, 1), (3, 2), (1, 6)] {
            let (address, taken) = server(answers_count);
            let mut kept = Kept::to(address);
            let mut last_ns = 0;
            for _ in 0..6 {
                let (complete_ns, answer) = kept.ask(&request, Duration::from_secs(10)).unwrap();
                assert_eq!((answer.status, answer.body.as_slice()), (200, &b"ok"[..]));
                assert!(complete_ns > last_ns);
                last_ns = complete_ns;
            }
            assert_eq!(taken.load(Ordering::Relaxed), connections_count, "{answers_count}");
        }
    }

    #[test]
    fn nobody_there_is_a_failure_that_names_the_address() {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let expect = Expect { status: 200, sha256: String::new() };
        let request = PreparedRequest { bytes: b"x".to_vec(), expect, is_head: false };
        let error = Kept::to(address).ask(&request, Duration::from_secs(1)).unwrap_err();
        assert!(error.to_string().starts_with(&format!("connect to {address}")), "{error}");
    }
}

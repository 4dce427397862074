//! The loop: wait, take in what arrived, answer what is complete, let go of who is gone.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use weighbridge_transform::{deadline_exceeded, handle};

use crate::connection::Connection;
use crate::response::Dates;
use crate::{Interest, MAX_CONNECTIONS, Sockets, Wish};

/// How long one request may take from its last byte on, its wait for its turn included, as in the other shells.
const DEADLINE: Duration = Duration::from_secs(10);
/// How many bytes are received at a time.
const SCRATCH_BYTES: usize = 64 << 10;
/// The longest wait when there is nobody to give up on.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// How long to leave a listener alone after a failed accept.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);
/// After so many failed accepts in a row the server ends: nobody is served any more.
const FAILED_ACCEPTS: u32 = 1000;

/// An HTTP/1.1 server round the service, on one thread.
///
/// `C` is its clock: the time since some moment, which never goes back.
#[derive(Debug)]
pub struct Server<S, C> {
    sockets: S,
    clock: C,
    connections: Vec<Connection>,
    interests: Vec<Interest>,
    scratch: Box<[u8]>,
    dates: Dates,
    failed_accepts: u32,
}

impl<S: Sockets, C: Fn() -> Duration> Server<S, C> {
    /// A server on `sockets`.
    pub fn new(sockets: S, clock: C) -> Self {
        Self {
            sockets,
            clock,
            connections: Vec::new(),
            interests: Vec::new(),
            scratch: vec![0; SCRATCH_BYTES].into_boxed_slice(),
            dates: Dates::default(),
            failed_accepts: 0,
        }
    }

    /// Serves until the process is ended.
    ///
    /// # Errors
    /// The runtime cannot wait, or a thousand accepts failed one after the other.
    pub fn serve(&mut self) -> io::Result<Infallible> {
        loop {
            self.turn()?;
        }
    }

    /// One round: everybody who is ready is served once.
    ///
    /// # Errors
    /// As [`Server::serve`].
    pub fn turn(&mut self) -> io::Result<()> {
        self.wait()?;
        if self.is_called() {
            self.accept()?;
        }
        self.advance();
        self.answer();
        self.let_go();
        Ok(())
    }

    fn wait(&mut self) -> io::Result<()> {
        self.interests.clear();
        if self.connections.len() < MAX_CONNECTIONS {
            let descriptor = self.sockets.listener();
            self.interests.push(Interest { descriptor, wish: Wish::Receive, is_ready: false });
        }
        let wishes = self.connections.iter().filter_map(|connection| {
            let wish = connection.wish()?;
            Some(Interest { descriptor: connection.descriptor, wish, is_ready: false })
        });
        self.interests.extend(wishes);
        let at_most = self.longest_wait();
        self.sockets.wait(&mut self.interests, at_most)
    }

    /// Until the first client is given up on; not at all while a request waits for its turn.
    fn longest_wait(&self) -> Duration {
        if self.connections.iter().any(Connection::is_complete) {
            return Duration::ZERO;
        }
        let now = (self.clock)();
        let first = self.connections.iter().filter_map(Connection::gives_up_at).min();
        first.map_or(LONGEST_WAIT, |at| at.saturating_sub(now)).min(LONGEST_WAIT)
    }

    /// Whether a client waits to be accepted.
    fn is_called(&self) -> bool {
        let listener = self.sockets.listener();
        self.interests
            .first()
            .is_some_and(|interest| interest.descriptor == listener && interest.is_ready)
    }

    fn accept(&mut self) -> io::Result<()> {
        while self.connections.len() < MAX_CONNECTIONS {
            match self.sockets.accept() {
                Ok(Some(descriptor)) => {
                    self.failed_accepts = 0;
                    let now = (self.clock)();
                    let mut connection = Connection::new(descriptor, now);
                    // Its request has often arrived already.
                    connection.advance(&mut self.sockets, &mut self.scratch, now, &mut self.dates);
                    self.connections.push(connection);
                }
                Ok(None) => break,
                Err(error) => {
                    self.failed_accepts += 1;
                    if self.failed_accepts >= FAILED_ACCEPTS {
                        return Err(error);
                    }
                    std::thread::sleep(ACCEPT_PAUSE);
                    break;
                }
            }
        }
        Ok(())
    }

    fn advance(&mut self) {
        let now = (self.clock)();
        for interest in self.interests.iter().filter(|interest| interest.is_ready) {
            let mut connections = self.connections.iter_mut();
            let connection =
                connections.find(|connection| connection.descriptor == interest.descriptor);
            if let Some(connection) = connection {
                connection.advance(&mut self.sockets, &mut self.scratch, now, &mut self.dates);
            }
        }
    }

    /// Answers every request that is complete, one after the other: each connection has one at most.
    fn answer(&mut self) {
        for connection in &mut self.connections {
            let Some((request, arrived)) = connection.request() else { continue };
            let has_passed = || (self.clock)().saturating_sub(arrived) >= DEADLINE;
            // What has no body costs nothing: a health check is answered however late its turn came.
            let response = if !request.body.is_empty() && has_passed() {
                deadline_exceeded()
            } else {
                handle(&request, &has_passed)
            };
            connection.respond(&response, &mut self.sockets, (self.clock)(), &mut self.dates);
        }
    }

    fn let_go(&mut self) {
        let now = (self.clock)();
        let sockets = &mut self.sockets;
        self.connections.retain(|connection| {
            let is_kept = connection.gives_up_at().is_none_or(|at| now < at);
            if !is_kept {
                sockets.close(connection.descriptor);
            }
            is_kept
        });
    }
}

#[cfg(test)]
#[path = "server_tests.rs"]
mod tests;

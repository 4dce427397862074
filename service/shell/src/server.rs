//! The loop: wait, take in what arrived, answer what is complete, let go of who is gone.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use weighbridge_transform::{deadline_exceeded, handle};

use crate::connection::{Connection, Surroundings};
use crate::response::Dates;
use crate::{
    ANSWER_BUDGET_BYTES, BODY_BUDGET_BYTES, Interest, MAX_CONNECTIONS, Sockets,
    UNCOUNTED_ANSWER_BYTES, Wish,
};

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
        if self.has_room() {
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

    /// Whether another client may come: there is a place, or one that somebody holds who is at no request.
    fn has_room(&self) -> bool {
        self.connections.len() < MAX_CONNECTIONS
            || self.connections.iter().any(|connection| connection.idle_since().is_some())
    }

    /// Closes the connection whose client has been at no request for longest, if all places are taken.
    fn make_room(&mut self) {
        if self.connections.len() < MAX_CONNECTIONS {
            return;
        }
        let idle = self.connections.iter().enumerate().filter_map(|(at, connection)| {
            let since = connection.idle_since()?;
            Some((since, at))
        });
        if let Some((_, at)) = idle.min() {
            let connection = self.connections.remove(at);
            self.sockets.close(connection.descriptor);
        }
    }

    /// What is lent to connections, at the present time.
    fn surroundings(&mut self) -> (&mut Vec<Connection>, Surroundings<'_, S>) {
        let held_bytes = self.connections.iter().map(|connection| connection.held_bytes().0);
        let room_bytes = BODY_BUDGET_BYTES.saturating_sub(held_bytes.sum());
        let surroundings = Surroundings {
            sockets: &mut self.sockets,
            scratch: &mut self.scratch,
            dates: &mut self.dates,
            now: (self.clock)(),
            room_bytes,
        };
        (&mut self.connections, surroundings)
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
        // Not without end: those who are here already are served, too.
        for _ in 0..MAX_CONNECTIONS {
            if !self.has_room() {
                break;
            }
            match self.sockets.accept() {
                Ok(Some(descriptor)) => {
                    self.failed_accepts = 0;
                    self.make_room();
                    let (connections, mut with) = self.surroundings();
                    let mut connection = Connection::new(descriptor, with.now);
                    // Its request has often arrived already.
                    connection.advance(&mut with);
                    connections.push(connection);
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
        let interests = std::mem::take(&mut self.interests);
        let (connections, mut with) = self.surroundings();
        for interest in interests.iter().filter(|interest| interest.is_ready) {
            let mut connections = connections.iter_mut();
            let connection =
                connections.find(|connection| connection.descriptor == interest.descriptor);
            if let Some(connection) = connection {
                connection.advance(&mut with);
            }
        }
        self.interests = interests;
    }

    /// Answers every request that is complete, one after the other: each connection has one at most.
    fn answer(&mut self) {
        for at in 0..self.connections.len() {
            let Some((request, arrived)) = self.connections[at].request() else { continue };
            let has_passed = || (self.clock)().saturating_sub(arrived) >= DEADLINE;
            // What has no body costs nothing: a health check is answered however late its turn came.
            let response = if !request.body.is_empty() && has_passed() {
                deadline_exceeded()
            } else {
                handle(&request, &has_passed)
            };
            let is_room = self.is_room_for(response.body.len());
            let (connections, mut with) = self.surroundings();
            connections[at].respond(is_room.then_some(&response), &mut with);
        }
    }

    /// Whether an answer of so many bytes has room beside those that wait to be sent.
    fn is_room_for(&self, bytes: usize) -> bool {
        if bytes <= UNCOUNTED_ANSWER_BYTES {
            return true;
        }
        let held_bytes = self.connections.iter().map(|connection| connection.held_bytes().1);
        bytes <= ANSWER_BUDGET_BYTES.saturating_sub(held_bytes.sum())
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

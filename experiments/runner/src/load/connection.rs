//! One non-blocking connection of the load generator.

use super::{Arrival, Exchange, Kind, Target};
use crate::failure::Cause;
use crate::http::{Progress, ResponseChecker};
use rustix::event::epoll;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::time::Duration;

/// A connection with at most one request in flight.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    written: usize,
    light: ResponseChecker,
    /// A checker believes a response that equals the last correct one: each answer has a checker of its own.
    heavy: ResponseChecker,
    /// The request in flight; `None` when idle.
    pub in_flight: Option<Arrival>,
    /// The request in flight, or the last one.
    kind: Kind,
}

/// What a readiness event led to.
#[derive(Debug)]
pub enum Ready {
    /// The response is not complete yet, or there was nothing to do.
    Pending,
    /// The response is complete and equals the reference.
    Correct,
    /// The response is complete and differs, or the connection broke: why. It must be opened anew.
    Broken(Cause),
}

const CONNECT_LIMIT: Duration = Duration::from_secs(5);

impl Connection {
    /// Connects and registers with `epoll` under `index`, edge-triggered: after an event everything
    /// possible is done, so no event is missed and none is repeated.
    ///
    /// # Errors
    /// Connecting or registering failed.
    pub fn open(epoll: &OwnedFd, index: usize, target: &Target<'_>) -> Result<Self, Cause> {
        let address = target.address;
        let fail = |error| Cause::io(format!("connect to {address}"), error);
        let stream = TcpStream::connect_timeout(&address, CONNECT_LIMIT).map_err(fail)?;
        stream.set_nodelay(true).map_err(fail)?;
        stream.set_nonblocking(true).map_err(fail)?;
        let flags = epoll::EventFlags::IN | epoll::EventFlags::OUT | epoll::EventFlags::ET;
        epoll::add(epoll, &stream, epoll::EventData::new_u64(index as u64), flags)
            .map_err(|error| Cause::io("epoll_ctl", error))?;
        let checker = |kind| ResponseChecker::new(target.exchange(kind).request.is_head);
        let (light, heavy) = (checker(Kind::Light), checker(Kind::Heavy));
        Ok(Self { stream, written: 0, light, heavy, in_flight: None, kind: Kind::Light })
    }

    /// Sends the request of `arrival`, as far as the socket takes it.
    ///
    /// # Errors
    /// The connection broke.
    pub fn begin(&mut self, target: &Target<'_>, arrival: Arrival) -> Result<(), Cause> {
        self.written = 0;
        self.kind = arrival.kind;
        self.checker().clear();
        self.in_flight = Some(arrival);
        self.write(target.exchange(self.kind))
    }

    /// Goes on after an event.
    pub fn ready(&mut self, target: &Target<'_>, scratch: &mut [u8]) -> Ready {
        if self.in_flight.is_none() {
            return self.check_idle(scratch);
        }
        let exchange = target.exchange(self.kind);
        // A write can fail because the server answered early and closed: its answer is read all the same.
        let write_failure = self.write(exchange).err();
        match self.read(exchange, scratch) {
            Ok(Progress::Partial) => write_failure.map_or(Ready::Pending, Ready::Broken),
            Ok(Progress::Complete) => {
                self.in_flight = None;
                Ready::Correct
            }
            Err(why) => Ready::Broken(why),
        }
    }

    /// Whether the connection may carry another request.
    pub fn keep_alive(&self) -> bool {
        match self.kind {
            Kind::Light => self.light.keep_alive(),
            Kind::Heavy => self.heavy.keep_alive(),
        }
    }

    /// Of the request in flight.
    fn checker(&mut self) -> &mut ResponseChecker {
        match self.kind {
            Kind::Light => &mut self.light,
            Kind::Heavy => &mut self.heavy,
        }
    }

    /// An idle connection has something to read only when the server closed it.
    fn check_idle(&mut self, scratch: &mut [u8]) -> Ready {
        match self.stream.read(scratch) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ready::Pending,
            Ok(0) => Ready::Broken("the server closed an idle connection".into()),
            Ok(_) => Ready::Broken("bytes arrived that nothing had asked for".into()),
            Err(error) => Ready::Broken(Cause::io("an idle connection failed", error)),
        }
    }

    fn write(&mut self, Exchange { request, .. }: Exchange<'_>) -> Result<(), Cause> {
        while self.written < request.bytes.len() {
            match self.stream.write(&request.bytes[self.written..]) {
                Ok(count) => self.written += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(Cause::io("send a request", error)),
            }
        }
        Ok(())
    }

    fn read(&mut self, exchange: Exchange<'_>, scratch: &mut [u8]) -> Result<Progress, Cause> {
        let reference = exchange.reference;
        loop {
            match self.stream.read(scratch) {
                Ok(0) => return Ok(self.checker().close(reference)?),
                Ok(count) => {
                    let bytes = &scratch[..count];
                    if self.checker().push(bytes, reference)? == Progress::Complete {
                        return Ok(Progress::Complete);
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    return Ok(Progress::Partial);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(Cause::io("read a response", error)),
            }
        }
    }
}

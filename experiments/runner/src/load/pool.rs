//! The connections of one load thread, on one epoll instance.

use super::connection::{Connection, Ready};
use super::{Arrival, LoadResult, Target, new_epoll};
use crate::failure::Cause;
use crate::kernel::clock::{monotonic_ns, timespec};
use rustix::event::epoll;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create, timerfd_settime,
};
use std::os::fd::OwnedFd;

/// Most events taken from the kernel at once.
const EVENTS: usize = 256;
const SCRATCH_BYTES: usize = 256 * 1024;

/// What the timer is registered with: no pool has so many connections.
const TIMER: u64 = u64::MAX;

/// A timer with nanoseconds, registered with `epoll` edge-triggered: it need not be read.
fn new_timer(epoll: &OwnedFd) -> Result<OwnedFd, Cause> {
    let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
    let timer = timerfd_create(TimerfdClockId::Monotonic, flags)
        .map_err(|error| Cause::io("timerfd_create", error))?;
    let events = epoll::EventFlags::IN | epoll::EventFlags::ET;
    epoll::add(epoll, &timer, epoll::EventData::new_u64(TIMER), events)
        .map_err(|error| Cause::io("epoll_ctl", error))?;
    Ok(timer)
}

/// A fixed number of connections; a broken one is opened anew in its place.
pub struct Pool<'a> {
    target: &'a Target<'a>,
    epoll: OwnedFd,
    /// Ends a wait. epoll's own time limit is in whole milliseconds, rounded up: with it every request was sent up to a
    /// millisecond late, half of one in the median.
    timer: OwnedFd,
    connections: Vec<Connection>,
    events: Vec<epoll::Event>,
    scratch: Vec<u8>,
}

/// A response that has been completed, or has failed.
pub struct Finished {
    /// Which connection carried it.
    pub index: usize,
    /// Which request it was, and when it was due.
    pub arrival: Arrival,
    /// When its last byte had been read and compared, or its failure was seen.
    pub completed_ns: u64,
    /// Why it counts as failed; `None` when it was correct.
    pub failure: Option<Cause>,
}

impl<'a> Pool<'a> {
    /// Opens `count` connections.
    ///
    /// # Errors
    /// One of them cannot be opened.
    pub fn open(target: &'a Target<'a>, count: u32) -> Result<Self, Cause> {
        let epoll = new_epoll()?;
        let timer = new_timer(&epoll)?;
        let connections = (0..count as usize)
            .map(|index| Connection::open(&epoll, index, target))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            target,
            epoll,
            timer,
            connections,
            events: Vec::with_capacity(EVENTS),
            scratch: vec![0; SCRATCH_BYTES],
        })
    }

    /// Connections in all.
    pub fn len(&self) -> usize {
        self.connections.len()
    }

    /// The requests that are still in flight.
    pub fn unanswered(&self) -> impl Iterator<Item = Arrival> {
        self.connections.iter().filter_map(|connection| connection.in_flight)
    }

    /// Sends the request of `arrival` over connection `index`; a broken connection is replaced
    /// and counted, and the request is a failure then.
    ///
    /// # Errors
    /// The replacement cannot be opened: the subject is gone.
    pub fn send(
        &mut self,
        index: usize,
        arrival: Arrival,
        result: &mut LoadResult,
    ) -> Result<Option<Finished>, Cause> {
        let Err(why) = self.connections[index].begin(self.target, arrival) else {
            return Ok(None);
        };
        let completed_ns = monotonic_ns();
        self.reopen(index, result)?;
        Ok(Some(Finished { index, arrival, completed_ns, failure: Some(why) }))
    }

    /// Waits until something happens, `wait_ns` at most, and collects what finished.
    ///
    /// # Errors
    /// epoll failed, or a broken connection cannot be replaced.
    pub fn wait(
        &mut self,
        wait_ns: u64,
        finished: &mut Vec<Finished>,
        result: &mut LoadResult,
    ) -> Result<(), Cause> {
        // Without a wait the timer is left as it is: should it go off later, one wait ends too early, which does no
        // harm.
        let limit = match wait_ns {
            0 => Some(timespec(0)),
            _ => {
                self.arm(wait_ns)?;
                None
            }
        };
        self.events.clear();
        match epoll::wait(
            &self.epoll,
            rustix::buffer::spare_capacity(&mut self.events),
            limit.as_ref(),
        ) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(Cause::io("epoll_wait", error)),
        }
        for position in 0..self.events.len() {
            let registered = self.events[position].data.u64();
            if registered == TIMER {
                continue;
            }
            // Registered by this pool with the index of a connection.
            let index = registered as usize;
            self.handle(index, finished, result)?;
        }
        Ok(())
    }

    fn arm(&self, wait_ns: u64) -> Result<(), Cause> {
        let once = Itimerspec { it_interval: timespec(0), it_value: timespec(wait_ns) };
        timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &once)
            .map(|_| ())
            .map_err(|error| Cause::io("timerfd_settime", error))
    }

    fn handle(
        &mut self,
        index: usize,
        finished: &mut Vec<Finished>,
        result: &mut LoadResult,
    ) -> Result<(), Cause> {
        let connection = &mut self.connections[index];
        let in_flight = connection.in_flight;
        let ready = connection.ready(self.target, &mut self.scratch);
        let failure = match ready {
            Ready::Pending => return Ok(()),
            Ready::Correct => None,
            Ready::Broken(why) => Some(why),
        };
        let completed_ns = monotonic_ns();
        if failure.is_some() || !self.connections[index].keep_alive() {
            self.reopen(index, result)?;
        }
        if let Some(arrival) = in_flight {
            finished.push(Finished { index, arrival, completed_ns, failure });
        }
        Ok(())
    }

    fn reopen(&mut self, index: usize, result: &mut LoadResult) -> Result<(), Cause> {
        result.reconnects_count += 1;
        self.connections[index] = Connection::open(&self.epoll, index, self.target)?;
        Ok(())
    }
}

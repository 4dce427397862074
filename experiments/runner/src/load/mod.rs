//! The load generator: an open loop on a fixed arrival schedule and a closed loop, over epoll, with every
//! response checked.
//!
//! In the open loop latency counts from the *intended* send time: a server that stalls cannot make the
//! generator stop asking, so the requests that had to wait are not lost from the distribution
//! ("coordinated omission", G. Tene). The closed loop serves for saturation only.

mod closed;
mod closing;
mod connection;
mod open;
mod patience;
mod pool;
mod recorder;
mod schedule;
mod tenants;

pub use closing::{Closing, LONGEST_NS};
pub use patience::Patience;
pub use recorder::Recorder;
pub use schedule::{Arrival, Kind, Window, constant_schedule, mix, poisson_schedule};
pub use tenants::to_tenants;

use crate::failure::Cause;
use crate::http::{Answer, PreparedRequest};
use crate::kernel::interrupt;
use rustix::event::epoll;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;

/// A request and its answer.
#[derive(Debug, Clone, Copy)]
pub struct Exchange<'a> {
    /// The request, laid out once.
    pub request: &'a PreparedRequest,
    /// The answer every response must equal; its digest has been checked already.
    pub reference: &'a Answer,
}

/// What to send, where, and from which cores.
#[derive(Debug)]
pub struct Target<'a> {
    /// The subject's address.
    pub address: SocketAddr,
    /// The request of every arrival, or of the light ones of a mix.
    pub light: Exchange<'a>,
    /// The request of the heavy arrivals of a mix; `None` where there is no mix.
    pub heavy: Option<Exchange<'a>>,
    /// Connections in all.
    pub connections: u32,
    /// Cores of the generator, one thread each; empty: one thread, unpinned.
    pub cores: &'a [u32],
}

impl<'a> Target<'a> {
    /// A target of one request; a mix names the heavy one besides.
    pub fn new(
        address: SocketAddr,
        light: (&'a PreparedRequest, &'a Answer),
        connections: u32,
        cores: &'a [u32],
    ) -> Self {
        let light = Exchange { request: light.0, reference: light.1 };
        Self { address, light, heavy: None, connections, cores }
    }

    /// What is sent for an arrival of that kind. Only a schedule that was made for a mix has heavy ones.
    fn exchange(&self, kind: Kind) -> Exchange<'a> {
        match kind {
            Kind::Light => self.light,
            Kind::Heavy => self.heavy.unwrap_or(self.light),
        }
    }
}

/// What a load showed within its window.
#[derive(Debug)]
pub struct LoadResult {
    /// Latencies of correct responses, per second of the window; of a mix those of the light requests.
    pub latencies: Recorder,
    /// The same of the heavy requests of a mix; empty where there is none.
    pub heavy_latencies: Recorder,
    /// Actual send time minus the first possible one; empty for a closed loop.
    pub lags: Recorder,
    /// Correct responses: in a closed loop those that arrived within the window, in an open one those to
    /// requests that were due within it.
    pub completed_count: u64,
    /// The first and the last moment at which a correct response of a closed loop arrived within the window.
    pub completed_between_ns: Option<(u64, u64)>,
    /// Correct responses that arrived within the second half of the window of an open loop, whenever they were due.
    pub answered_second_half_count: u64,
    /// Wrong or missing responses.
    pub failed_count: u64,
    /// The first failure in words.
    pub first_failure: Option<String>,
    /// Connections opened anew.
    pub reconnects_count: u64,
    /// Largest number of arrivals that were due and could not be sent yet.
    pub backlog_peak_count: u64,
    /// Largest number of such arrivals in the first half of the window.
    pub backlog_first_half_count: u64,
    /// Number of such arrivals when the window closed.
    pub backlog_end_count: u64,
    /// CPU time of the generator's threads within the window.
    pub client_cpu_ns: u64,
    /// An open loop was given up before its end, because too many answers were late.
    pub is_given_up: bool,
}

impl LoadResult {
    /// Nothing seen yet.
    pub fn new(window: &Window) -> Self {
        Self {
            latencies: Recorder::new(window),
            heavy_latencies: Recorder::new(window),
            lags: Recorder::new(window),
            completed_count: 0,
            completed_between_ns: None,
            answered_second_half_count: 0,
            failed_count: 0,
            first_failure: None,
            reconnects_count: 0,
            backlog_peak_count: 0,
            backlog_first_half_count: 0,
            backlog_end_count: 0,
            client_cpu_ns: 0,
            is_given_up: false,
        }
    }

    /// Counts a correct response of a closed loop.
    pub fn complete(&mut self, at_ns: u64) {
        self.completed_count += 1;
        let (first, last) = self.completed_between_ns.unwrap_or((at_ns, at_ns));
        self.completed_between_ns = Some((first.min(at_ns), last.max(at_ns)));
    }

    /// Time from the first completion of a closed loop to the last: n completions are n - 1 of these gaps. `None` with
    /// fewer than two.
    pub fn completions_span_ns(&self) -> Option<u64> {
        let (first, last) = self.completed_between_ns?;
        Some(last - first).filter(|&span_ns| span_ns > 0)
    }

    /// Counts a failure and keeps the reason of the first.
    pub fn fail(&mut self, why: &impl ToString) {
        self.failed_count += 1;
        self.first_failure.get_or_insert_with(|| why.to_string());
    }

    fn merge(&mut self, other: Self) {
        self.latencies.merge(&other.latencies);
        self.heavy_latencies.merge(&other.heavy_latencies);
        self.lags.merge(&other.lags);
        self.completed_count += other.completed_count;
        self.completed_between_ns = match (self.completed_between_ns, other.completed_between_ns) {
            (Some((first, last)), Some((from, to))) => Some((first.min(from), last.max(to))),
            (mine, theirs) => mine.or(theirs),
        };
        self.answered_second_half_count += other.answered_second_half_count;
        self.failed_count += other.failed_count;
        if self.first_failure.is_none() {
            self.first_failure = other.first_failure;
        }
        self.reconnects_count += other.reconnects_count;
        // The threads' peaks need not fall together: their sum is an upper bound of the common one.
        self.backlog_peak_count += other.backlog_peak_count;
        self.backlog_first_half_count += other.backlog_first_half_count;
        self.backlog_end_count += other.backlog_end_count;
        self.client_cpu_ns += other.client_cpu_ns;
        self.is_given_up |= other.is_given_up;
    }
}

/// Closed loop: every connection sends its next request when its last answer is complete, until `closing` says that the
/// window is over. `during` runs on the calling thread meanwhile, to read what the window needs read.
///
/// # Errors
/// The generator itself failed (no descriptor, no epoll); failures of the subject are counted instead.
pub fn closed_loop<T>(
    target: &Target<'_>,
    window: &Window,
    closing: &Closing,
    during: impl FnOnce() -> T,
) -> Result<(LoadResult, T), Cause> {
    let shares = split(target.connections, target.cores.len().max(1));
    run_workers(target, window, during, shares.len(), |index| {
        let result = closed::run(target, window, shares[index], closing);
        // Whoever reads meanwhile waits for the end, which a failed or interrupted thread has not set.
        closing.close(crate::kernel::clock::monotonic_ns());
        result
    })
}

/// Open loop: each arrival of the schedule is due at its time, whatever the answers do, unless they exhaust a
/// `patience`. What was sent by then is still waited for, so that the server is at rest afterwards.
///
/// # Errors
/// As [`closed_loop`].
pub fn open_loop<T>(
    target: &Target<'_>,
    window: &Window,
    schedule: &[Arrival],
    patience: Option<&Patience>,
    during: impl FnOnce() -> T,
) -> Result<(LoadResult, T), Cause> {
    let shares = split(target.connections, target.cores.len().max(1));
    run_workers(target, window, during, shares.len(), |index| {
        // Every n-th arrival: each thread sees the same rate from start to end.
        let own: Vec<Arrival> =
            schedule.iter().skip(index).step_by(shares.len()).copied().collect();
        open::run(target, window, shares[index], &own, patience)
    })
}

fn run_workers<T>(
    target: &Target<'_>,
    window: &Window,
    during: impl FnOnce() -> T,
    workers_count: usize,
    work: impl Fn(usize) -> Result<LoadResult, Cause> + Sync,
) -> Result<(LoadResult, T), Cause> {
    std::thread::scope(|scope| {
        let work = &work;
        let workers: Vec<_> = (0..workers_count)
            .map(|index| {
                scope.spawn(move || {
                    if let Some(&core) = target.cores.get(index) {
                        crate::kernel::affinity::pin_current_thread(&[core]);
                    }
                    work(index)
                })
            })
            .collect();
        let observed = during();
        let mut total = LoadResult::new(window);
        for worker in workers {
            let result = worker.join().map_err(|_| "a load thread panicked")??;
            total.merge(result);
        }
        if interrupt::requested() {
            return Err(Cause::Interrupted);
        }
        Ok((total, observed))
    })
}

/// Spreads `connections` over `workers`, none of them without one.
fn split(connections: u32, workers: usize) -> Vec<u32> {
    let workers = u32::try_from(workers).unwrap_or(1).clamp(1, connections.max(1));
    (0..workers)
        .map(|index| connections / workers + u32::from(index < connections % workers))
        .collect()
}

/// A new epoll instance, with the timer slack of this thread down to 1 ns: the default of 50 us would
/// show in every send lag.
fn new_epoll() -> Result<OwnedFd, Cause> {
    let _ = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1));
    epoll::create(epoll::CreateFlags::CLOEXEC).map_err(|e| Cause::io("epoll_create", e))
}

#[cfg(test)]
mod tests;

//! One thread of the open loop.

use super::pool::{Finished, Pool};
use super::{Arrival, Kind, LoadResult, Patience, Target, Window};
use crate::failure::Cause;
use crate::kernel::clock::{monotonic_ns, thread_cpu_ns};
use crate::kernel::interrupt;
use std::collections::VecDeque;

/// Longest single wait, so that an interrupt is seen.
const WAIT_NS: u64 = 50_000_000;
/// The kernel wakes a sleeper late by less than this; the rest of the way to the next arrival is spun.
const SPIN_NS: u64 = 200_000;
/// How long answers are waited for after the last arrival; what is missing then counts as failed.
const DRAIN_NS: u64 = 10_000_000_000;

/// A connection without a request, and since when.
struct Idle {
    index: usize,
    since_ns: u64,
}

struct Worker<'a> {
    pool: Pool<'a>,
    idle: Vec<Idle>,
    due: VecDeque<Arrival>,
    result: LoadResult,
    window: &'a Window,
    patience: Option<&'a Patience>,
}

/// Sends each request when it is due, or as soon after as a connection is free; arrivals that wait are
/// queued and never dropped.
///
/// # Errors
/// The subject is gone, or epoll failed.
pub fn run(
    target: &Target<'_>,
    window: &Window,
    connections: u32,
    schedule: &[Arrival],
    patience: Option<&Patience>,
) -> Result<LoadResult, Cause> {
    let pool = Pool::open(target, connections)?;
    let since_ns = monotonic_ns();
    let idle = (0..pool.len()).rev().map(|index| Idle { index, since_ns }).collect();
    let (due, result) = (VecDeque::new(), LoadResult::new(window));
    let mut worker = Worker { pool, idle, due, result, window, patience };
    let mut finished = Vec::new();
    let mut arrivals = schedule.iter().copied().peekable();
    let mut cpu_from_ns = None;
    let mut cpu_to_ns = None;
    loop {
        let now = monotonic_ns();
        if now >= window.from_ns && cpu_from_ns.is_none() {
            cpu_from_ns = Some(thread_cpu_ns());
            worker.result.reconnects_count = 0;
        }
        while let Some(arrival) = arrivals.next_if(|arrival| arrival.due_ns <= now) {
            worker.due.push_back(arrival);
        }
        if worker.gives_up() {
            arrivals = [].iter().copied().peekable();
        }
        worker.send_due(&mut finished)?;
        if now >= window.to_ns && cpu_to_ns.is_none() {
            cpu_to_ns = Some(thread_cpu_ns());
            worker.result.backlog_end_count = worker.due.len() as u64;
        }
        let all_sent = arrivals.peek().is_none() && worker.due.is_empty();
        let drained = all_sent && worker.idle.len() == worker.pool.len();
        if drained || now > window.to_ns + DRAIN_NS || interrupt::requested() {
            break;
        }
        let wait_ns = match arrivals.peek() {
            Some(next) => next.due_ns.saturating_sub(now).saturating_sub(SPIN_NS).min(WAIT_NS),
            None => WAIT_NS,
        };
        worker.pool.wait(wait_ns, &mut finished, &mut worker.result)?;
        worker.drain(&mut finished);
    }
    worker.count_missing(&arrivals.collect::<Vec<_>>());
    let to_ns = cpu_to_ns.unwrap_or_else(thread_cpu_ns);
    worker.result.client_cpu_ns = cpu_from_ns.map_or(0, |from| to_ns - from);
    Ok(worker.result)
}

impl Worker<'_> {
    /// Whether nothing more is to be sent; what waits for a connection is dropped.
    fn gives_up(&mut self) -> bool {
        if self.patience.is_some_and(Patience::is_lost) {
            self.due.clear();
            self.result.is_given_up = true;
        }
        self.result.is_given_up
    }

    /// Hands due arrivals to idle connections, oldest first.
    fn send_due(&mut self, finished: &mut Vec<Finished>) -> Result<(), Cause> {
        while let (Some(&arrival), Some(&Idle { index, since_ns })) =
            (self.due.front(), self.idle.last())
        {
            self.due.pop_front();
            self.idle.pop();
            let intended_ns = arrival.due_ns;
            if self.window.holds(intended_ns) {
                // What a request waits for a connection is the subject's doing, not ours.
                let possible_ns = intended_ns.max(since_ns);
                self.result.lags.record(intended_ns, monotonic_ns().saturating_sub(possible_ns));
            }
            finished.extend(self.pool.send(index, arrival, &mut self.result)?);
        }
        let now = monotonic_ns();
        if self.window.holds(now) {
            let (waiting, result) = (self.due.len() as u64, &mut self.result);
            result.backlog_peak_count = result.backlog_peak_count.max(waiting);
            if now < self.window.middle_ns() {
                result.backlog_first_half_count = result.backlog_first_half_count.max(waiting);
            }
        }
        Ok(())
    }

    fn drain(&mut self, finished: &mut Vec<Finished>) {
        for done in finished.drain(..) {
            self.idle.push(Idle { index: done.index, since_ns: done.completed_ns });
            let is_second_half =
                (self.window.middle_ns()..self.window.to_ns).contains(&done.completed_ns);
            if done.failure.is_none() && is_second_half {
                self.result.answered_second_half_count += 1;
            }
            let intended_ns = done.arrival.due_ns;
            if !self.window.holds(intended_ns) {
                continue;
            }
            match done.failure {
                None => {
                    self.result.completed_count += 1;
                    let latencies = match done.arrival.kind {
                        Kind::Light => &mut self.result.latencies,
                        Kind::Heavy => &mut self.result.heavy_latencies,
                    };
                    let latency_ns = done.completed_ns.saturating_sub(intended_ns);
                    latencies.record(intended_ns, latency_ns);
                    if let Some(patience) = self.patience {
                        patience.see(latency_ns);
                    }
                }
                Some(why) => self.result.fail(&why),
            }
        }
    }

    /// Arrivals without an answer when the wait ended are failures, not absences.
    fn count_missing(&mut self, never_due: &[Arrival]) {
        let counts = |arrival: &Arrival| self.window.holds(arrival.due_ns);
        let queued = self.due.iter().chain(never_due).filter(|arrival| counts(arrival)).count();
        let unanswered = self.pool.unanswered().filter(counts).count();
        for _ in 0..queued + unanswered {
            self.result.fail(&format_args!("no answer within {} s", DRAIN_NS / 1_000_000_000));
        }
    }
}

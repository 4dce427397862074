//! One thread of the closed loop.

use super::pool::Pool;
use super::{Arrival, Closing, LoadResult, Target, Window};
use crate::failure::Cause;
use crate::kernel::clock::{monotonic_ns, thread_cpu_ns};
use crate::kernel::interrupt;

/// Longest single wait, so that an interrupt is seen.
const WAIT_NS: u64 = 50_000_000;

/// Keeps `connections` requests in flight until the window closes; what completes within it is counted.
///
/// # Errors
/// The subject is gone, or epoll failed.
pub fn run(
    target: &Target<'_>,
    window: &Window,
    connections: u32,
    closing: &Closing,
) -> Result<LoadResult, Cause> {
    let mut result = LoadResult::new(window);
    let mut pool = Pool::open(target, connections)?;
    let mut finished = Vec::new();
    let mut batch = Vec::new();
    let mut cpu_from_ns = None;
    for index in 0..pool.len() {
        finished.extend(pool.send(index, Arrival::light(monotonic_ns()), &mut result)?);
    }
    loop {
        let now = monotonic_ns();
        if now >= window.from_ns && cpu_from_ns.is_none() {
            cpu_from_ns = Some(thread_cpu_ns());
            result.reconnects_count = 0;
        }
        if closing.is_over(now) || interrupt::requested() {
            break;
        }
        let until = if now < window.from_ns { window.from_ns } else { window.to_ns };
        // Once the least time has passed, a completion ends the window or nothing does.
        let wait_ns = until.checked_sub(now).filter(|&ns| ns > 0).unwrap_or(WAIT_NS);
        pool.wait(wait_ns.min(WAIT_NS), &mut finished, &mut result)?;
        std::mem::swap(&mut finished, &mut batch);
        for done in batch.drain(..) {
            if closing.holds(done.completed_ns) {
                match done.failure {
                    None => {
                        closing.count();
                        result.complete(done.completed_ns);
                        let latency_ns = done.completed_ns - done.arrival.due_ns;
                        result.latencies.record(done.completed_ns, latency_ns);
                    }
                    Some(why) => result.fail(&why),
                }
            }
            if !closing.is_over(done.completed_ns) {
                let arrival = Arrival::light(monotonic_ns());
                finished.extend(pool.send(done.index, arrival, &mut result)?);
            }
        }
    }
    result.client_cpu_ns = cpu_from_ns.map_or(0, |from| thread_cpu_ns() - from);
    Ok(result)
}

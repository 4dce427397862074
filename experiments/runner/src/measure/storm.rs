//! The rule of a storm: all tenants are asked for at once, and each is waited for by a thread of its own.

use crate::failure::{Cause, Failure, Phase};
use crate::subject::gate::{Gate, Turn};
use std::collections::BTreeMap;
use std::sync::Arc;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::storm::{FailedStart, Storm, TenantStart};

/// What starts tenants: this machine, or a script in tests.
pub trait Starter: Sync {
    /// A tenant that has answered.
    type Started: Send;
    /// Prepares tenant `number`, counted from 0, passes the gate with its turn right before the start call, and waits
    /// for the first correct answer. Gives the moment at which that was complete, `CLOCK_MONOTONIC` nanoseconds.
    fn start(&self, number: u32, turn: Arc<Turn>) -> Result<(Self::Started, u64), Failure>;
    /// Whether a failure is no matter of the tenants: the run shall end, or a daemon does not answer any more.
    fn is_hindered(&self) -> bool;
}

/// What a storm came to.
pub struct Stormed<T, B> {
    /// Each tenant, as the raw log keeps it.
    pub record: Storm,
    /// Those that answered, which run until they are ended.
    pub started: Vec<T>,
    /// What was read when all were ready and none was asked for.
    pub before: B,
}

/// One tenant: when it passed the gate, and what came of it.
type Ended<T> = (Option<u64>, Result<(T, u64), Failure>);

/// Starts `count` tenants at once; `at_gate` is called when all are ready and none is asked for.
///
/// # Errors
/// Not one tenant gave a correct answer, or a failure is no matter of the tenants. Those that run are dropped.
pub fn storm<S: Starter, B>(
    starter: &S,
    count: u32,
    at_gate: impl FnOnce() -> B,
) -> Result<Stormed<S::Started, B>, Failure> {
    let (before, ended) = rush(starter, count, at_gate);
    // A tenant that failed before the gate opened was never asked for.
    let first_ns = ended.iter().filter_map(|(asked_ns, _)| *asked_ns).min();
    let since_first = |ns: u64| ns.saturating_sub(first_ns.unwrap_or(ns));
    let (mut record, mut started, mut failed) = (Storm::default(), Vec::new(), None);
    for (asked_ns, result) in ended {
        let asked_ns = asked_ns.map(since_first);
        record.tenants.push(match result {
            Ok((tenant, answered_ns)) => {
                started.push(tenant);
                let answered_ns = Some(since_first(answered_ns));
                TenantStart { asked_ns, answered_ns, failure: None }
            }
            Err(failure) => {
                let (stage, reason) = (failure.to_string(), failure.cause.to_string());
                failed.get_or_insert(failure);
                let failure = Some(FailedStart { stage, reason });
                TenantStart { asked_ns, answered_ns: None, failure }
            }
        });
    }
    match failed {
        Some(failure) if started.is_empty() || starter.is_hindered() => Err(failure),
        _ => Ok(Stormed { record, started, before }),
    }
}

/// A thread for each tenant, so that none waits for another: starting is the work of processes and daemons, and who
/// waits sleeps.
fn rush<S: Starter, B>(
    starter: &S,
    count: u32,
    at_gate: impl FnOnce() -> B,
) -> (B, Vec<Ended<S::Started>>) {
    let gate = Gate::new(count);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..count)
            .map(|number| {
                let turn = Arc::new(gate.turn());
                std::thread::Builder::new().spawn_scoped(scope, move || {
                    let result = starter.start(number, Arc::clone(&turn));
                    (turn.passed_ns(), result)
                })
            })
            .collect();
        gate.wait_for_all();
        let before = at_gate();
        gate.open();
        let ended = threads.into_iter().map(|thread| match thread {
            Ok(thread) => thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            Err(error) => {
                let cause = Cause::io("spawn the thread that waits for a tenant", error);
                (None, Err(Failure::new(Phase::Start, cause)))
            }
        });
        (before, ended.collect())
    })
}

/// What a storm showed, in numbers.
pub fn metrics(record: &Storm) -> BTreeMap<Metric, u64> {
    let count = record.tenants.len();
    let failed_count = record.failures().count();
    let known = [
        (Metric::FirstAnswer, record.answer_ns(1)),
        (Metric::MedianAnswer, record.answer_ns(count.div_ceil(2))),
        (Metric::LastAnswer, record.answer_ns(count)),
        (Metric::StormAsked, record.tenants.iter().filter_map(|tenant| tenant.asked_ns).max()),
        (Metric::StartsAnswered, Some((count - failed_count) as u64)),
        (Metric::StartsFailed, Some(failed_count as u64)),
    ];
    known.into_iter().filter_map(|(metric, value)| Some((metric, value?))).collect()
}

/// Why tenants failed, in a remark; `None` where none did.
pub fn remark(record: &Storm) -> Option<String> {
    let (count, all) = (record.failures().count(), record.tenants.len());
    let (number, FailedStart { stage, reason }) = record.failures().next()?;
    Some(format!(
        "{count} of {all} tenants gave no correct answer; the first of them, number {number}: {stage}: {reason}"
    ))
}

#[cfg(test)]
#[path = "storm_tests.rs"]
mod tests;

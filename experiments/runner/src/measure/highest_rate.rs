//! The highest offered rate at which a subject still meets its service level objective.

use super::instance::with_instance;
use super::load::{record, server_cpu_unless_lost, target};
use super::rate_search::{Found, Verdict, search};
use super::{Bench, Measured, Visit};
use crate::failure::{Cause, Failure, Phase};
use crate::http::PreparedRequest;
use crate::kernel::clock::monotonic_ns;
use crate::load::{Arrival, LoadResult, Patience, Target, Window, constant_schedule, open_loop};
use weighbridge_schema::metric::Metric;

/// Share of its core above which the generator itself may be what fails a step, percent of the window.
const CLIENT_BUSY_PERCENT: u64 = 70;

/// What a step must meet.
#[derive(Debug, Clone, Copy)]
pub struct Objective {
    /// Bound on the 99th percentile of latency from the intended send time, microseconds.
    pub p99_bound_us: u64,
    /// Rate of the first step.
    pub first_rate_per_second: u32,
    /// Connections over which the arrivals are spread.
    pub connections: u32,
    /// Load before each step's window opens.
    pub warmup_ms: u64,
}

/// A step's window by its bound. An overload of 1 in 20 makes a queue that reaches the bound only after 20 of them: in
/// a window twice as long as the bound a rate of half as much again "passed".
const BOUNDS_PER_WINDOW: u64 = 20;

impl Objective {
    fn least_window_ms(&self) -> u64 {
        least_window_ms(self.p99_bound_us)
    }
}

/// The shortest window of a step, milliseconds, by its bound on the p99 of latency.
pub fn least_window_ms(p99_bound_us: u64) -> u64 {
    (p99_bound_us * BOUNDS_PER_WINDOW).div_ceil(1000)
}

/// Searches step by step on one instance; each step is an open loop with a window of its own. The metrics
/// beside the rate are those of the step that confirmed it.
///
/// # Errors
/// As [`super::visit`]; no rate at all met the objective, or none met it again.
pub fn measure(
    bench: &Bench<'_>,
    visit: &Visit<'_>,
    request: &PreparedRequest,
    objective: Objective,
    measure_ms: u64,
) -> Result<Measured, Failure> {
    with_instance(bench, visit, request, |instance, reference, measured| {
        let pid = instance.pid().map_err(Failure::at(Phase::Load))?;
        let target = target(bench, instance, request, reference, objective.connections);
        let (found, last) =
            search_on(&target, objective, measure_ms, pid).map_err(Failure::at(Phase::Load))?;
        let (Some(rate), Some(step)) = (found.rate_per_second, last) else {
            let bound_ms = shown_ms(objective.p99_bound_us * 1000);
            let why = format!("no rate met p99 <= {bound_ms} ms: {found}");
            return Err(Failure::new(Phase::Search, why));
        };
        measured.set(Metric::HighestRate, Some(u64::from(rate)));
        measured.set(Metric::SendLagP99, step.result.lags.quantile_ns(0.99));
        measured.set(Metric::BacklogPeak, Some(step.result.backlog_peak_count));
        record(measured, step.result, &step.window, step.server_cpu_ns);
        // The latencies of one step out of many belong to no cell.
        measured.latencies = None;
        measured.remarks.push(found.to_string());
        Ok(())
    })
}

/// What the search found, and the readings of its last step.
fn search_on(
    target: &Target<'_>,
    objective: Objective,
    measure_ms: u64,
    pid: u32,
) -> Result<(Found, Option<StepReadings>), Cause> {
    let mut last = None;
    let found = search(objective.first_rate_per_second, |rate| {
        let mut tried = attempt(target, objective, rate, measure_ms, pid)?;
        // One stolen time slice exceeds a bound of milliseconds: only a rate that fails twice has failed.
        if matches!(tried.0, Verdict::Fail(_)) {
            tried = attempt(target, objective, rate, measure_ms, pid)?;
        }
        last = Some(tried.1);
        Ok::<_, Cause>(tried.0)
    })?;
    Ok((found, last))
}

struct StepReadings {
    window: Window,
    result: LoadResult,
    server_cpu_ns: Option<u64>,
}

fn attempt(
    target: &Target<'_>,
    objective: Objective,
    rate: u32,
    measure_ms: u64,
    pid: u32,
) -> Result<(Verdict, StepReadings), Cause> {
    let window =
        Window::starting_now(objective.warmup_ms, measure_ms.max(objective.least_window_ms()));
    let schedule = constant_schedule(&window, rate);
    let bound_ns = objective.p99_bound_us * 1000;
    let counted = schedule.iter().filter(|arrival| window.holds(arrival.due_ns)).count();
    let patience = Patience::new(bound_ns, counted as u64);
    let (result, server_cpu_ns) = open_loop(target, &window, &schedule, Some(&patience), || {
        server_cpu_unless_lost(pid, &window, &patience)
    })?;
    let second_half = window.middle_ns()..window.to_ns;
    let is_second_half = |arrival: &&Arrival| second_half.contains(&arrival.due_ns);
    let offered_count = schedule.iter().filter(is_second_half).count() as u64;
    let mut verdict = judge(&result, offered_count, bound_ns);
    if let Verdict::Fail(why) = &mut verdict {
        let ended_ns = window.to_ns.min(monotonic_ns());
        let busy_percent =
            result.client_cpu_ns * 100 / ended_ns.saturating_sub(window.from_ns).max(1);
        if busy_percent > CLIENT_BUSY_PERCENT * target.cores.len().max(1) as u64 {
            why.push_str(&format!(", client {busy_percent} % busy"));
        }
    }
    Ok((verdict, StepReadings { window, result, server_cpu_ns }))
}

/// A step passes when no request failed, the p99 is within the bound, at least 99 % of the rate offered in the second
/// half of the window was achieved there, and the backlog did not grow.
///
/// Achieved are the correct responses that arrived in the second half, whenever they were due: as many are in flight
/// when it begins as when it ends, so that nothing needs to be allowed for but the one request that a count may be off
/// by. The backlog has not grown when it is empty at the end, or not above the highest it was in the first half.
fn judge(result: &LoadResult, offered_second_half_count: u64, bound_ns: u64) -> Verdict {
    let fail = |why: String| Verdict::Fail(why);
    if result.failed_count > 0 {
        let first = result.first_failure.as_deref().unwrap_or("unknown");
        return fail(format!("{} requests failed: {first}", result.failed_count));
    }
    if result.is_given_up {
        return fail(format!("p99 above {} ms, given up early", shown_ms(bound_ns)));
    }
    let Some(p99_ns) = result.latencies.quantile_ns(0.99) else {
        return fail("no arrival within the window".to_owned());
    };
    if p99_ns > bound_ns {
        return fail(format!("p99 {} ms", shown_ms(p99_ns)));
    }
    let answered = result.answered_second_half_count;
    if (answered + 1) * 100 < offered_second_half_count * 99 {
        return fail(format!("achieved {answered} of {offered_second_half_count}"));
    }
    let (before, end) = (result.backlog_first_half_count, result.backlog_end_count);
    if end > before {
        return fail(format!("backlog grew from {before} to {end}"));
    }
    Verdict::Pass
}

fn shown_ms(ns: u64) -> String {
    format!("{:.1}", ns as f64 / 1e6)
}

#[cfg(test)]
#[path = "highest_rate_tests.rs"]
mod tests;

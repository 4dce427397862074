//! The highest offered rate at which a subject still meets its service level objective.

use super::instance::{request, with_instance};
use super::load::{record, server_cpu_ns, target};
use super::rate_search::{Verdict, search};
use super::{Bench, Failure, Measured, Visit};
use crate::load::{LoadResult, Target, Window, constant_schedule, open_loop};
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

/// Searches step by step on one instance; each step is an open loop with a window of its own. The metrics
/// beside the rate are those of the step that confirmed it.
///
/// # Errors
/// As [`super::visit`]; no rate at all met the objective, or none met it again.
pub fn measure(
    bench: &Bench<'_>,
    visit: &Visit<'_>,
    objective: Objective,
) -> Result<Measured, Failure> {
    let request = request(bench, visit)?;
    with_instance(bench, visit, request, |instance, reference, measured| {
        let pid = instance.pid().map_err(Failure::at("load"))?;
        let target = target(bench, instance, request, reference, objective.connections);
        let measure_ms = visit.settings.measure_ms.unwrap_or(0);
        let mut last = None;
        let found = search(objective.first_rate_per_second, |rate| {
            let mut tried = attempt(&target, objective, rate, measure_ms, pid)?;
            // One stolen time slice exceeds a bound of milliseconds: only a rate that fails twice has failed.
            if matches!(tried.0, Verdict::Fail(_)) {
                tried = attempt(&target, objective, rate, measure_ms, pid)?;
            }
            last = Some(tried.1);
            Ok(tried.0)
        })
        .map_err(Failure::at("load"))?;
        let (Some(rate), Some(step)) = (found.rate_per_second, last) else {
            return Err(Failure::at("search")(format!(
                "no rate met p99 <= {} ms: {found}",
                shown_ms(objective.p99_bound_us * 1000)
            )));
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
) -> Result<(Verdict, StepReadings), String> {
    let window = Window::starting_now(objective.warmup_ms, measure_ms);
    let schedule = constant_schedule(&window, rate);
    let (result, server_cpu_ns) =
        open_loop(target, &window, &schedule, || server_cpu_ns(pid, &window))?;
    let offered_count =
        schedule.iter().filter(|arrival| window.holds(arrival.due_ns)).count() as u64;
    let mut verdict = judge(&result, offered_count, objective.p99_bound_us * 1000, &window);
    if let Verdict::Fail(why) = &mut verdict {
        let busy_percent = result.client_cpu_ns * 100 / window.length_ns().max(1);
        if busy_percent > CLIENT_BUSY_PERCENT * target.cores.len().max(1) as u64 {
            why.push_str(&format!(", client {busy_percent} % busy"));
        }
    }
    Ok((verdict, StepReadings { window, result, server_cpu_ns }))
}

/// A step passes when no request failed, the p99 is within the bound, at least 99 % of the offered rate was
/// achieved and the backlog did not grow.
///
/// Achieved are the correct responses that arrived within the window; those that may rightly be in flight
/// when it closes (rate times bound, Little's law) are allowed for. The backlog has not grown when it is
/// empty at the end, or not above the highest it was in the first half of the window.
fn judge(result: &LoadResult, offered_count: u64, bound_ns: u64, window: &Window) -> Verdict {
    let fail = |why: String| Verdict::Fail(why);
    if result.failed_count > 0 {
        let first = result.first_failure.as_deref().unwrap_or("unknown");
        return fail(format!("{} requests failed: {first}", result.failed_count));
    }
    let Some(p99_ns) = result.latencies.quantile_ns(0.99) else {
        return fail("no arrival within the window".to_owned());
    };
    if p99_ns > bound_ns {
        return fail(format!("p99 {} ms", shown_ms(p99_ns)));
    }
    let in_flight =
        (u128::from(offered_count) * u128::from(bound_ns)).div_ceil(u128::from(window.length_ns()));
    let answered = u128::from(result.answered_within_count) + in_flight;
    if answered * 100 < u128::from(offered_count) * 99 {
        return fail(format!("achieved {} of {offered_count}", result.answered_within_count));
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
mod tests {
    use super::*;

    const WINDOW: Window = Window { load_from_ns: 0, from_ns: 0, to_ns: 1_000_000_000 };
    const BOUND_NS: u64 = 5_000_000;

    /// A step with 1000 arrivals of 1 ms each, changed by `change`.
    fn verdict(change: impl FnOnce(&mut LoadResult)) -> Verdict {
        let mut result = LoadResult::new(&WINDOW);
        for at_ns in (0..1000).map(|i| i * 1_000_000) {
            result.latencies.record(at_ns, 1_000_000);
        }
        result.completed_count = 1000;
        result.answered_within_count = 999;
        change(&mut result);
        judge(&result, 1000, BOUND_NS, &WINDOW)
    }

    fn why(verdict: Verdict) -> String {
        match verdict {
            Verdict::Fail(why) => why,
            Verdict::Pass => panic!("it passed"),
        }
    }

    #[test]
    fn each_part_of_the_objective_can_fail_a_step() {
        assert_eq!(verdict(|_| ()), Verdict::Pass);
        assert_eq!(why(verdict(|r| r.fail("broken".to_owned()))), "1 requests failed: broken");
        let slow = |r: &mut LoadResult| (0..11).for_each(|_| r.latencies.record(0, 12_100_000));
        assert_eq!(why(verdict(slow)), "p99 12.1 ms");
        assert_eq!(why(verdict(|r| r.answered_within_count = 984)), "achieved 984 of 1000");
        // Five may be in flight: 1000 per second times 5 ms.
        assert_eq!(verdict(|r| r.answered_within_count = 985), Verdict::Pass);
        let backlog = |before, end| {
            verdict(|r| {
                r.backlog_first_half_count = before;
                r.backlog_end_count = end;
            })
        };
        assert_eq!(why(backlog(3, 4)), "backlog grew from 3 to 4");
        assert_eq!(backlog(4, 4), Verdict::Pass);
        let empty = LoadResult::new(&WINDOW);
        assert_eq!(why(judge(&empty, 0, BOUND_NS, &WINDOW)), "no arrival within the window");
    }

    #[test]
    fn one_in_a_hundred_may_be_late() {
        let late = |r: &mut LoadResult| (0..10).for_each(|_| r.latencies.record(0, 50_000_000));
        assert_eq!(verdict(late), Verdict::Pass);
    }
}

//! Throughput by a closed loop, latency by an open one.

use super::instance::{client_cores, with_instance};
use super::task::{ClosedLoad, Heavy, OpenLoad};
use super::{Bench, Measured, Visit};
use crate::failure::{Failure, Phase};
use crate::http::{Answer, PreparedRequest, exchange};
use crate::kernel::clock::monotonic_ns;
use crate::kernel::procfs;
use crate::load::{
    Closing, Exchange, LONGEST_NS, LoadResult, Patience, Target, Window, closed_loop,
    constant_schedule, mix, open_loop,
};
use crate::subject::Instance;
use std::time::Duration;
use weighbridge_schema::metric::Metric;

/// Longest wait for the answer to the heavy request of a mix, before the load.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);
/// How late the end of a window is noticed by the reader of the CPU time: a thousandth of a window of a second, and
/// wake-ups that are not felt.
const CLOSED_WITHIN: Duration = Duration::from_millis(1);

/// How late a step that is lost is left: little beside the shortest window, which is of 100 ms.
const LOST_WITHIN_NS: u64 = 10_000_000;

/// Correct responses within the window under a fixed concurrency.
///
/// # Errors
/// As [`super::visit`].
pub fn throughput(
    bench: &Bench<'_>,
    visit: &Visit<'_>,
    request: &PreparedRequest,
    load: &ClosedLoad,
) -> Result<Measured, Failure> {
    with_instance(bench, visit, request, |instance, reference, measured| {
        let target = target(bench, instance, request, reference, load.connections);
        let window = Window::starting_now(load.warmup_ms, load.measure_ms);
        let closing = Closing::new(&window, load.completions_least.into());
        let pid = instance.pid().map_err(Failure::at(Phase::Load))?;
        let read = || procfs::cpu_ns(&procfs::tree(pid));
        let (result, (from, to)) =
            closed_loop(&target, &window, &closing, || at_both_ends(&window, &closing, read))
                .map_err(Failure::at(Phase::Load))?;
        let cpu_ns = to.zip(from).map(|(to_ns, from_ns)| to_ns.saturating_sub(from_ns));
        record_closed(measured, result, (window, &closing), load, cpu_ns);
        Ok(())
    })
}

/// Latency from the intended send time at a fixed offered rate; of a mix that of the light requests, and that of
/// the heavy ones apart.
///
/// # Errors
/// As [`super::visit`].
pub fn latency(
    bench: &Bench<'_>,
    visit: &Visit<'_>,
    request: &PreparedRequest,
    heavy: Option<&Heavy>,
    load: &OpenLoad,
) -> Result<Measured, Failure> {
    let OpenLoad { rate_per_second, connections, warmup_ms, measure_ms } = *load;
    with_instance(bench, visit, request, |instance, reference, measured| {
        let asked = heavy.map(|heavy| reference_of(instance, &heavy.request));
        let heavy_reference = asked.transpose()?;
        let mut target = target(bench, instance, request, reference, connections);
        target.heavy = heavy
            .zip(heavy_reference.as_ref())
            .map(|(heavy, reference)| Exchange { request: &heavy.request, reference });
        let window = Window::starting_now(warmup_ms, measure_ms);
        let mut schedule = constant_schedule(&window, rate_per_second);
        if let Some(heavy) = heavy {
            // All subjects of a block are asked the same.
            let seed = bench.seed.wrapping_add(u64::from(visit.trial.invocation));
            mix(&mut schedule, heavy.percent, seed);
        }
        let pid = instance.pid().map_err(Failure::at(Phase::Load))?;
        let (result, cpu_ns) =
            open_loop(&target, &window, &schedule, None, || server_cpu_ns(pid, &window))
                .map_err(Failure::at(Phase::Load))?;
        measured.set(Metric::SendLagP99, result.lags.quantile_ns(0.99));
        measured.set(Metric::BacklogPeak, Some(result.backlog_peak_count));
        record(measured, result, &window, cpu_ns);
        Ok(())
    })
}

/// The answer to the heavy request, which every later one must equal; asked before the load begins.
fn reference_of(instance: &dyn Instance, heavy: &PreparedRequest) -> Result<Answer, Failure> {
    let answer = exchange(instance.address(), heavy, ANSWER_LIMIT)
        .map_err(Failure::at(Phase::HeavyRequest))?;
    answer.check(heavy).map_err(Failure::at(Phase::HeavyRequest))?;
    Ok(answer)
}

/// What a load of `connections` sends, and where.
pub fn target<'a>(
    bench: &Bench<'a>,
    instance: &dyn Instance,
    request: &'a PreparedRequest,
    reference: &'a Answer,
    connections: u32,
) -> Target<'a> {
    Target::new(instance.address(), (request, reference), connections, client_cores(bench))
}

/// CPU time that the subject's processes use within the window; read from outside the load's threads.
fn server_cpu_ns(pid: u32, window: &Window) -> Option<u64> {
    let read = || procfs::cpu_ns(&procfs::tree(pid));
    sleep_until(window.from_ns);
    let from = read();
    sleep_until(window.to_ns);
    Some(read()?.saturating_sub(from?))
}

/// The same for a step of a search; `None` when it was lost before its end, and at once.
pub fn server_cpu_unless_lost(pid: u32, window: &Window, patience: &Patience) -> Option<u64> {
    let read = || procfs::cpu_ns(&procfs::tree(pid));
    sleep_until(window.from_ns);
    let from = read();
    while monotonic_ns() < window.to_ns {
        if patience.is_lost() || crate::kernel::interrupt::requested() {
            return None;
        }
        sleep_until(window.to_ns.min(monotonic_ns() + LOST_WITHIN_NS));
    }
    Some(read()?.saturating_sub(from?))
}

/// What is read when the window of a closed loop opens, and when enough work is done and it closes; from outside the
/// load's threads.
pub fn at_both_ends<T>(window: &Window, closing: &Closing, read: impl Fn() -> T) -> (T, T) {
    sleep_until(window.from_ns);
    let from = read();
    sleep_until(window.to_ns);
    while closing.closed_ns().is_none() && !crate::kernel::interrupt::requested() {
        std::thread::sleep(CLOSED_WITHIN);
    }
    (from, read())
}

fn sleep_until(ns: u64) {
    while let Some(rest) = ns.checked_sub(monotonic_ns()).filter(|&rest| rest > 0) {
        if crate::kernel::interrupt::requested() {
            return;
        }
        std::thread::sleep(Duration::from_nanos(rest.min(50_000_000)));
    }
}

/// Puts down what a closed loop showed within its window, and gives the length of that, nanoseconds.
pub fn record_closed(
    measured: &mut Measured,
    result: LoadResult,
    (mut window, closing): (Window, &Closing),
    load: &ClosedLoad,
    cpu_ns: Option<u64>,
) -> u64 {
    window.to_ns = closing.closed_ns().unwrap_or(window.to_ns);
    let least = load.completions_least;
    if result.completed_count < least.into() {
        measured.remarks.push(format!(
            "the window closed after {} s with {} completions of {least}",
            LONGEST_NS / 1_000_000_000,
            result.completed_count
        ));
    }
    measured.set(Metric::CompletionsSpan, result.completions_span_ns());
    record(measured, result, &window, cpu_ns);
    window.length_ns()
}

/// Puts down what a load showed within its window.
pub fn record(measured: &mut Measured, result: LoadResult, window: &Window, cpu_ns: Option<u64>) {
    measured.set(Metric::RequestsCompleted, Some(result.completed_count));
    measured.set(Metric::RequestsFailed, Some(result.failed_count));
    measured.set(Metric::Reconnects, Some(result.reconnects_count));
    measured.set(Metric::Measured, Some(window.length_ns()));
    measured.set(Metric::ClientCpu, Some(result.client_cpu_ns));
    measured.set(Metric::ServerCpu, cpu_ns);
    measured.set(Metric::LatencyP50, result.latencies.quantile_ns(0.5));
    measured.set(Metric::LatencyP90, result.latencies.quantile_ns(0.9));
    measured.set(Metric::LatencyP99, result.latencies.quantile_ns(0.99));
    measured.set(Metric::LatencyMax, result.latencies.quantile_ns(1.0));
    if result.heavy_latencies.samples_count() > 0 {
        measured.set(Metric::HeavyLatencyP50, result.heavy_latencies.quantile_ns(0.5));
        measured.set(Metric::HeavyLatencyP99, result.heavy_latencies.quantile_ns(0.99));
        measured.heavy_latencies = Some(result.heavy_latencies);
    }
    measured.remarks.extend(result.first_failure.map(|why| format!("first failed request: {why}")));
    measured.latencies = Some(result.latencies);
}

//! A service that asks a backend and waits: the closed loop of throughput, in which as many requests wait at once as
//! there are connections, and what each of them holds of memory.

mod backend;

use super::instance::{client_cores, with_instance_started};
use super::load::{at_both_ends, record_closed};
use super::memory::highest;
use super::task::ClosedLoad;
use super::{Bench, Measured, Visit};
use crate::failure::{Failure, Phase};
use crate::kernel::procfs::{self, Memory};
use crate::load::{Closing, Target, Window, closed_loop};
use backend::{Backend, Done};
use std::time::Duration;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::start::Start;

/// What waits, and for what.
pub struct Waiting {
    /// How what stands in the service's place is started.
    pub start: Start,
    /// The closed loop.
    pub load: ClosedLoad,
    /// Requests to the backend for each request.
    pub backend_requests: u32,
    /// How long the backend waits before each answer.
    pub delay: Duration,
    /// Rest between the first response and the reading of memory before the load.
    pub rest: Duration,
}

/// Starts a backend and a service that asks it, and loads the service. Memory is read before the load and in its
/// warm-up, so that no reading falls into the window.
///
/// # Errors
/// As [`super::visit`]; the backend could not be started, or ended by itself.
pub fn measure(
    bench: &Bench<'_>,
    visit: &Visit<'_>,
    waiting: &Waiting,
) -> Result<Measured, Failure> {
    let (generator_cores, backend_cores) = divide(client_cores(bench));
    let token = format!("{}-{}-{}", bench.run, visit.position, visit.repeat);
    let backend =
        Backend::start(waiting.delay, token, backend_cores).map_err(Failure::at(Phase::Prepare))?;
    let request = backend.request(waiting.backend_requests);
    let load = waiting.load;
    let start = &waiting.start;
    let measured =
        with_instance_started(bench, visit, start, &request, |instance, reference, measured| {
            std::thread::sleep(waiting.rest);
            let pid = instance.pid().map_err(Failure::at(Phase::Load))?;
            let before = procfs::memory(&procfs::tree(pid));
            let asked = (&request, reference);
            let target = Target::new(instance.address(), asked, load.connections, generator_cores);
            let window = Window::starting_now(load.warmup_ms, load.measure_ms);
            let closing = Closing::new(&window, load.completions_least.into());
            let read = || (procfs::cpu_ns(&procfs::tree(pid)), backend.done());
            let during = || (highest(pid, window.from_ns), at_both_ends(&window, &closing, read));
            let (mut result, (highest, (from, to))) =
                closed_loop(&target, &window, &closing, during)
                    .map_err(Failure::at(Phase::Load))?;

            match to.1.cpu_ns.zip(from.1.cpu_ns) {
                Some((to_ns, from_ns)) => result.client_cpu_ns += to_ns.saturating_sub(from_ns),
                None => measured.remarks.push("client_cpu_ns is without the backend".to_owned()),
            }
            let cpu_ns = to.0.zip(from.0).map(|(to_ns, from_ns)| to_ns.saturating_sub(from_ns));
            let length_ns = record_closed(measured, result, (window, &closing), &load, cpu_ns);
            record_waiting(measured, (from.1, to.1), u64::from(load.connections) * length_ns);
            record_memory(measured, before, highest, load.connections);
            Ok(())
        })?;
    backend.end().map_err(Failure::at(Phase::Load))?;
    Ok(measured)
}

/// The generator's cores and the backend's: one of its own where the client has several.
fn divide(cores: &[u32]) -> (&[u32], &[u32]) {
    match cores {
        [generator @ .., last] if !generator.is_empty() => (generator, std::slice::from_ref(last)),
        all => (all, all),
    }
}

/// What the backend did between two readings, and the share of it in the time of all requests in flight meanwhile.
fn record_waiting(measured: &mut Measured, (from, to): (Done, Done), in_flight_ns: u64) {
    let waited_ns = to.waited_ns.saturating_sub(from.waited_ns);
    let answers_count = to.answers_count.saturating_sub(from.answers_count);
    measured.set(Metric::BackendDelay, waited_ns.checked_div(answers_count));
    let percent = (u128::from(waited_ns) * 100).checked_div(u128::from(in_flight_ns));
    let percent = percent.and_then(|percent| u64::try_from(percent).ok());
    measured.set(Metric::WaitingShare, percent);
}

/// The highest reading under load, and what each of the requests that waited then had added.
fn record_memory(
    measured: &mut Measured,
    before: Option<Memory>,
    highest: Option<Memory>,
    connections: u32,
) {
    measured.set(Metric::Pss, highest.map(|memory| memory.pss_bytes));
    measured.set(Metric::Uss, highest.map(|memory| memory.uss_bytes));
    let Some((before, highest)) = before.zip(highest) else { return };
    match highest.pss_bytes.checked_sub(before.pss_bytes) {
        Some(added) => {
            measured.set(Metric::WaitingPss, added.checked_div(u64::from(connections)));
        }
        None => measured.remarks.push("memory fell under load".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_backend_has_a_core_of_its_own_where_the_client_has_several() {
        assert_eq!(divide(&[0, 1, 2]), (&[0, 1][..], &[2][..]));
        assert_eq!(divide(&[4]), (&[4][..], &[4][..]));
        assert_eq!(divide(&[]), (&[][..], &[][..]));
    }

    #[test]
    fn the_share_of_waiting_is_that_of_the_time_of_all_requests() {
        let done = |waited_ns, answers_count| Done { waited_ns, answers_count, cpu_ns: None };
        let mut measured = Measured::default();
        // Four connections for a second; 100 answers, each of which had waited for 10 ms.
        record_waiting(&mut measured, (done(500, 1), done(1_000_000_500, 101)), 4_000_000_000);
        assert_eq!(measured.metrics[&Metric::BackendDelay], 10_000_000);
        assert_eq!(measured.metrics[&Metric::WaitingShare], 25);
        let mut none = Measured::default();
        record_waiting(&mut none, (done(1, 1), done(1, 1)), 4_000_000_000);
        assert_eq!(none.metrics.get(&Metric::BackendDelay), None, "nothing was answered");
        assert_eq!(none.metrics[&Metric::WaitingShare], 0);
    }

    #[test]
    fn what_a_waiting_request_holds_is_what_came_with_all_of_them() {
        let memory = |pss_bytes| Some(Memory { pss_bytes, uss_bytes: pss_bytes / 2 });
        let mut measured = Measured::default();
        record_memory(&mut measured, memory(1_000), memory(9_000), 4);
        assert_eq!(measured.metrics[&Metric::WaitingPss], 2_000);
        assert_eq!(measured.metrics[&Metric::Pss], 9_000);
        for (before, highest) in [(None, memory(9_000)), (memory(9_000), memory(1_000))] {
            let mut unknown = Measured::default();
            record_memory(&mut unknown, before, highest, 4);
            assert_eq!(unknown.metrics.get(&Metric::WaitingPss), None, "it is unknown, not 0");
            assert!(unknown.metrics.contains_key(&Metric::Pss));
        }
    }
}

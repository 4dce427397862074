//! Requests to many tenants as they come, for a window, against a real packing: an instance for each tenant, or one
//! host for all. What that took is held against the cost model by the analysis.

mod books;
mod life;
mod tenant;

use super::instance::{Running, ask, client_cores, start_context};
use super::starters::end_all;
use super::tenants::Tenants;
use super::{Bench, Measured, Visit, start_cpu};
use crate::engine::engines::Engines;
use crate::failure::{Cause, Failure, Phase};
use crate::http::{Askers, PreparedRequest};
use crate::kernel::affinity::pin_current_thread;
use crate::kernel::clock::monotonic_ns;
use crate::kernel::interrupt;
use crate::load::{Recorder, Window, to_tenants};
use crate::subject::{StartContext, way};
use books::Books;
use life::{Answered, Asked, Tenant, live};
use std::num::NonZeroU64;
use std::time::Duration;
use tenant::{OfHost, OfInstance};
use weighbridge_machine::local_cores;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::replay::{Bursts, ReplayLoad};
use weighbridge_schema::start::Start;
use weighbridge_schema::subject::Subject;

/// Gap between two readings of memory.
const READ_EVERY_NS: u64 = 100_000_000;
/// Longest sleep between two looks at whether the run shall end.
const SLICE_NS: u64 = 100_000_000;
const MS_NS: u64 = 1_000_000;

/// What is replayed.
pub struct Replay {
    /// How an instance is started: as the subject is, or as a host that drops its idle tenants.
    pub start: Start,
    /// The load.
    pub load: ReplayLoad,
    /// Its number in the definition.
    pub number: u32,
    /// How long bursts are.
    pub bursts: Bursts,
    /// Load before the window opens, besides the load's idle timeout.
    pub warmup_ms: u64,
    /// Length of the window.
    pub measure_ms: u64,
}

impl Replay {
    /// Whoever is up when the window opens was asked within the idle timeout before: the warm-up is no shorter, so that
    /// the window is like any other stretch of the load.
    fn window(&self) -> Window {
        let idle_timeout_ms = self.load.idle_timeout_ms.unwrap_or(0);
        Window::starting_now(self.warmup_ms.saturating_add(idle_timeout_ms), self.measure_ms)
    }

    fn idle_timeout_ns(&self) -> Option<u64> {
        self.load.idle_timeout_ms.map(|ms| ms.saturating_mul(MS_NS))
    }
}

/// Replays one load and ends what it was replayed against.
///
/// # Errors
/// As [`super::visit`]. Requests that fail are counted.
pub fn measure(
    bench: &Bench<'_>,
    visit: &Visit<'_>,
    request: &PreparedRequest,
    tenants: Option<&Tenants>,
    replay: &Replay,
) -> Result<Measured, Failure> {
    let stage = Stage::new(bench, visit, request, replay);
    // All subjects of a block are asked the same, and each load of a block something else.
    let seed = bench.seed.wrapping_add(u64::from(visit.trial.invocation));
    let seed = seed ^ (u64::from(replay.number) << 32);
    let (mut measured, running) = match tenants {
        None => {
            let each = (0..replay.load.tenants).map(|number| OfInstance::new(&stage, number));
            let (measured, each) = stage.play(each.collect::<Vec<_>>(), seed)?;
            (measured, each.into_iter().filter_map(OfInstance::into_running).collect())
        }
        Some(tenants) => {
            let host = stage.start(0)?;
            stage.books.enter(0, host.instance.as_ref()).map_err(Failure::at(Phase::Start))?;
            let address = host.instance.address();
            let each = (0..replay.load.tenants)
                .map(|number| OfHost::new(address, tenants.request(number)));
            let (mut measured, each) = stage.play(each.collect::<Vec<_>>(), seed)?;
            // The connections end before the host does.
            drop(each);
            if replay.load.idle_timeout_ms.is_some() {
                // Which of its tenants were loaded, the host does not say.
                measured.metrics.remove(&Metric::StartsMet);
            }
            (measured, vec![host])
        }
    };
    measured.emulated = bench.job.emulator.is_some();
    end_all(running)?;
    Ok(measured)
}

/// What all tenants of a visit share.
struct Stage<'a, 'v> {
    subject: &'a Subject,
    engines: &'a Engines,
    replay: &'v Replay,
    /// What an instance is asked; of a host the request to its first tenant.
    request: &'v PreparedRequest,
    /// Of the first instance; the others have another number.
    context: StartContext<'a>,
    client_cores: &'a [u32],
    all_cores: Vec<u32>,
    askers: Askers,
    books: Books<'a>,
}

impl<'a, 'v> Stage<'a, 'v> {
    fn new(
        bench: &Bench<'a>,
        visit: &Visit<'_>,
        request: &'v PreparedRequest,
        replay: &'v Replay,
    ) -> Self {
        Self {
            subject: bench.job.subject,
            engines: bench.engines,
            replay,
            request,
            context: start_context(bench, visit, 0),
            client_cores: client_cores(bench),
            all_cores: local_cores(),
            askers: Askers::default(),
            books: Books::new(bench.job.engine),
        }
    }

    /// Starts an instance under a number that no other one has, and has it asked once. That is done on all cores, as in
    /// a storm: who waits for a start spins at first, and would hold up the other tenants on the client's.
    fn start(&self, copy: u32) -> Result<Running<'a>, Failure> {
        let mut context = self.context.clone();
        context.copy = copy;
        if let Some(name) = context.stderr_file.file_stem() {
            let name = format!("{}-{copy}.txt", name.to_string_lossy());
            context.stderr_file.set_file_name(name);
        }
        let before = local_cores();
        pin_current_thread(&self.all_cores);
        let running = way(&self.replay.start)
            .start(&context)
            .map_err(Failure::at(Phase::Start))
            .and_then(|instance| ask(instance, self.subject, &context, self.request, &self.askers));
        pin_current_thread(&before);
        let mut running = running?;
        running.instance.answered().map_err(Failure::at(Phase::Limits))?;
        Ok(running)
    }

    /// Sends the load to the tenants, each of which lives on a thread of its own, and gives them back.
    fn play<T: Tenant + Send>(
        &self,
        mut tenants: Vec<T>,
        seed: u64,
    ) -> Result<(Measured, Vec<T>), Failure> {
        let (replay, client_cores) = (self.replay, self.client_cores);
        let idle_timeout_ns = replay.idle_timeout_ns();
        if idle_timeout_ns.is_none() {
            // What is always on was started before, and asked once.
            for tenant in &mut tenants {
                tenant.ask()?;
            }
        }
        let window = replay.window();
        let due_ns = to_tenants(&window, &replay.load, replay.bursts, seed);
        let (lives, watched) = std::thread::scope(|scope| {
            let threads: Vec<_> = tenants
                .into_iter()
                .zip(&due_ns)
                .map(|(mut tenant, due_ns)| {
                    std::thread::Builder::new().spawn_scoped(scope, move || {
                        pin_current_thread(client_cores);
                        // The default of 50 us would be in every latency.
                        let _ = rustix::thread::set_current_timer_slack(NonZeroU64::new(1));
                        let asked = live(&mut tenant, due_ns, idle_timeout_ns, window.to_ns);
                        asked.map(|asked| (tenant, asked))
                    })
                })
                .collect();
            pin_current_thread(client_cores);
            let watched = self.watch(&window);
            pin_current_thread(&self.all_cores);
            let lives = threads.into_iter().map(|thread| match thread {
                Ok(thread) => thread.join().unwrap_or_else(|e| std::panic::resume_unwind(e)),
                Err(error) => {
                    let cause = Cause::io("spawn the thread of a tenant", error);
                    Err(Failure::new(Phase::Load, cause))
                }
            });
            (lives.collect::<Result<Vec<_>, Failure>>(), watched)
        });
        let (tenants, asked): (Vec<T>, Vec<Vec<Asked>>) = lives?.into_iter().unzip();
        let mut measured = Measured::default();
        self.record(&mut measured, &window, asked.into_iter().flatten())?;
        self.record_used(&mut measured, watched?);
        Ok((measured, tenants))
    }

    /// Opens the books when the window opens, and reads memory until it closes.
    fn watch(&self, window: &Window) -> Result<Watched, Failure> {
        rest_until(window.from_ns)?;
        let daemons_before = start_cpu::of_possible_daemons();
        self.books.open();
        let mut held_bytes = Vec::new();
        let mut at_ns = window.from_ns;
        while at_ns < window.to_ns {
            rest_until(at_ns)?;
            held_bytes.extend(self.books.held_bytes());
            at_ns = at_ns.saturating_add(READ_EVERY_NS).max(monotonic_ns());
        }
        rest_until(window.to_ns)?;
        Ok(Watched { daemons_before, held_bytes })
    }

    /// What the requests showed that were due within the window.
    fn record(
        &self,
        measured: &mut Measured,
        window: &Window,
        asked: impl Iterator<Item = Asked>,
    ) -> Result<(), Failure> {
        let mut latencies = Recorder::new(window);
        let (mut completed_count, mut met_count, mut failed_count) = (0, 0, 0);
        for Asked { due_ns, answer } in asked {
            let is_counted = window.holds(due_ns);
            match answer {
                Ok(Answered { at_ns, met_start }) if is_counted => {
                    latencies.record(due_ns, at_ns.saturating_sub(due_ns));
                    completed_count += 1;
                    met_count += u64::from(met_start);
                }
                Ok(_) => {}
                // The run shall end, or a daemon does not answer any more: no matter of the tenants.
                Err(failure) if self.is_hindered() => return Err(failure),
                Err(failure) => {
                    let (when, cause) =
                        (if is_counted { "" } else { " before the window" }, &failure.cause);
                    if measured.remarks.is_empty() {
                        let remark = format!("first failed request{when}: {failure}: {cause}");
                        measured.remarks.push(remark);
                    }
                    failed_count += u64::from(is_counted);
                }
            }
        }
        measured.set(Metric::RequestsCompleted, Some(completed_count));
        measured.set(Metric::RequestsFailed, Some(failed_count));
        measured.set(Metric::StartsMet, Some(met_count));
        measured.set(Metric::Measured, Some(window.length_ns()));
        measured.set(Metric::LatencyP50, latencies.quantile_ns(0.5));
        measured.set(Metric::LatencyP99, latencies.quantile_ns(0.99));
        measured.set(Metric::LatencyMax, latencies.quantile_ns(1.0));
        Ok(())
    }

    /// CPU time until the last answer, and what the readings of memory come to.
    fn record_used(&self, measured: &mut Measured, watched: Watched) {
        let Watched { daemons_before, held_bytes } = watched;
        match self.books.used_ns(&daemons_before, &start_cpu::of_possible_daemons()) {
            Ok(used_ns) => measured.set(Metric::PackingCpu, Some(used_ns)),
            Err(why) => measured.remarks.push(format!("CPU time is unknown: {why}")),
        }
        measured.set(Metric::PackingPssPeak, held_bytes.iter().copied().max());
        let sum_bytes: u64 = held_bytes.iter().sum();
        measured.set(Metric::PackingPss, sum_bytes.checked_div(held_bytes.len() as u64));
        if held_bytes.is_empty() {
            measured.remarks.push("memory is unknown: no reading of it was whole".to_owned());
        }
    }

    fn is_hindered(&self) -> bool {
        interrupt::requested() || way(&self.replay.start).silence(self.engines).is_some()
    }
}

/// What was seen while the window was open.
struct Watched {
    daemons_before: start_cpu::Used,
    held_bytes: Vec<u64>,
}

/// Sleeps until a moment, or until somebody ends the run.
fn rest_until(ns: u64) -> Result<(), Failure> {
    while !interrupt::requested() {
        let Some(left_ns) = ns.checked_sub(monotonic_ns()).filter(|&left_ns| left_ns > 0) else {
            return Ok(());
        };
        std::thread::sleep(Duration::from_nanos(left_ns.min(SLICE_NS)));
    }
    Err(Failure::new(Phase::Load, Cause::Interrupted))
}

//! A tenant beside another one that attacks: an open loop at one rate before the attack, and the same loop during it.
//! The aggressor is `service/probe`, started as the victim is and under the same limits, or a tenant of the same host.
//!
//! Nothing here can harm the machine: what an attack takes is bounded by the probe, by the limits of every subject and
//! by the end of the window, and all of it stays on loopback.

mod attacker;

use super::instance::{client_cores, keep_stderr, start_context, with_instance};
use super::instructions::Scratch;
use super::isolation::{get, lacking, until_alive};
use super::load::target;
use super::task::OpenLoad;
use super::{Bench, Measured, Visit};
use crate::failure::{Cause, Failure, Phase};
use crate::http::PreparedRequest;
use crate::load::{LoadResult, Target, Window, constant_schedule, open_loop};
use crate::subject::{Instance, way};
use attacker::{Acts, Attacker};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;
use weighbridge_schema::attack::Attack;
use weighbridge_schema::isolation::Attempt;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::quantity::Latency;
use weighbridge_schema::start::Start;

/// The name of the aggressor among the tenants of one host.
pub const AGGRESSOR: &str = "aggressor";
/// Longest wait until an aggressor in the victim's host answers: its code is mapped then.
const FIRST_LIMIT: Duration = Duration::from_secs(30);
/// How much longer an attack lasts than the load before its window and the window: threads need a moment to start.
const START_UP: Duration = Duration::from_millis(100);

/// A victim, and who attacks it.
pub struct Neighbours {
    /// What the victim is asked.
    pub request: Rc<PreparedRequest>,
    /// The load on it, before the attack and during it.
    pub load: OpenLoad,
    /// What the aggressor does.
    pub attack: Attack,
    /// Who that is.
    pub aggressor: Aggressor,
    /// Requests that it computes for at once.
    pub spins_count: u32,
    /// Connections to it that are held at once.
    pub held_connections_count: u32,
}

/// Who attacks.
pub enum Aggressor {
    /// An instance of its own, which is started so.
    Instance(Start),
    /// A tenant of the victim's host.
    Tenant,
}

/// Loads the victim while the aggressor waits, and again while it attacks.
///
/// # Errors
/// As [`super::visit`]; or the machine has too little memory or disk for the attack.
pub fn measure(
    bench: &Bench<'_>,
    visit: &Visit<'_>,
    neighbours: &Neighbours,
) -> Result<Measured, Failure> {
    let Neighbours { request, load, attack, aggressor, .. } = neighbours;
    let needed = match attack {
        Attack::Allocate => Some(Attempt::Allocate),
        Attack::Disk => Some(Attempt::Disk),
        Attack::None | Attack::Spin | Attack::Connections => None,
    };
    if let Some(why) = needed.and_then(lacking) {
        return Err(Failure::new(Phase::Prepare, why));
    }
    let scratch = Scratch::new(bench.run, visit.position).map_err(Failure::at(Phase::Prepare))?;
    let request: &PreparedRequest = request;
    with_instance(bench, visit, request, |victim, reference, measured| {
        let standing = Standing::beside(bench, visit, aggressor, victim.address())?;
        let attacker = Attacker {
            attack: *attack,
            address: standing.address,
            prefix: standing.prefix.clone(),
            folder: scratch.folder.clone(),
            spins_count: neighbours.spins_count,
            held_connections_count: neighbours.held_connections_count,
            cores: client_cores(bench).to_vec(),
            lasts: Duration::from_millis(load.warmup_ms + load.measure_ms) + START_UP,
        };
        if let Some(why) = attacker.refusal() {
            record_none(measured, *attack, Some(why));
            return standing.end();
        }
        let target = target(bench, victim, request, reference, load.connections);
        let before = loaded(&target, load).map_err(Failure::at(Phase::Load))?;
        record_before(measured, &before);
        let (during, acts) = attacker.during(|| loaded(&target, load));
        let during = during.map_err(Failure::at(Phase::Attack))?;
        match (attack, acts) {
            (Attack::None, _) => record_during(measured, &during),
            (_, Acts { count: 0, refusal }) => record_none(measured, *attack, refusal),
            (_, Acts { count, refusal }) => {
                measured.set(Metric::AttackActs, Some(count));
                measured.remarks.extend(refusal.map(|why| format!("the attack ended at: {why}")));
                record_during(measured, &during);
            }
        }
        standing.end()
    })
}

/// Arrivals at one rate, in a window that opens after some load.
fn loaded(target: &Target<'_>, load: &OpenLoad) -> Result<LoadResult, Cause> {
    let window = Window::starting_now(load.warmup_ms, load.measure_ms);
    let schedule = constant_schedule(&window, load.rate_per_second);
    open_loop(target, &window, &schedule, None, || ()).map(|(result, ())| result)
}

/// The 99th percentile, where there are requests enough for one.
fn p99_ns(result: &LoadResult) -> Option<u64> {
    let has_enough = result.latencies.samples_count() >= Latency::P99.least_requests_count();
    result.latencies.quantile_ns(Latency::P99.share()).filter(|_| has_enough)
}

fn record_before(measured: &mut Measured, before: &LoadResult) {
    measured.set(Metric::BeforeLatencyP50, before.latencies.quantile_ns(0.5));
    measured.set(Metric::BeforeLatencyP99, p99_ns(before));
    measured.set(Metric::BeforeFailed, Some(before.failed_count));
    let failure = before.first_failure.as_ref();
    measured.remarks.extend(failure.map(|why| format!("first failed request before: {why}")));
}

fn record_during(measured: &mut Measured, during: &LoadResult) {
    measured.set(Metric::RequestsCompleted, Some(during.completed_count));
    measured.set(Metric::RequestsFailed, Some(during.failed_count));
    measured.set(Metric::LatencyP50, during.latencies.quantile_ns(0.5));
    measured.set(Metric::LatencyP99, p99_ns(during));
    measured.set(Metric::SendLagP99, during.lags.quantile_ns(0.99));
    measured.set(Metric::BacklogPeak, Some(during.backlog_peak_count));
    let failure = during.first_failure.as_ref();
    measured.remarks.extend(failure.map(|why| format!("first failed request: {why}")));
}

/// There was no attack, and nothing is known of one.
fn record_none(measured: &mut Measured, attack: Attack, why: Option<String>) {
    measured.set(Metric::AttackActs, Some(0));
    let why = why.unwrap_or_else(|| "it gave no answer in time".to_owned());
    measured.remarks.push(format!("no attack, {}: {why}", attack.impossible()));
}

/// An aggressor that has answered, and waits.
struct Standing<'a> {
    address: SocketAddr,
    /// What stands before its paths.
    prefix: String,
    /// With the file that takes what it writes; `None` of a tenant of the victim's host.
    instance: Option<(Box<dyn Instance + 'a>, PathBuf)>,
}

impl<'a> Standing<'a> {
    fn beside(
        bench: &Bench<'a>,
        visit: &Visit<'_>,
        aggressor: &Aggressor,
        victim: SocketAddr,
    ) -> Result<Self, Failure> {
        let Aggressor::Instance(start) = aggressor else {
            let prefix = format!("/t/{AGGRESSOR}");
            let answer = get(victim, &format!("{prefix}/isolation/alive"), FIRST_LIMIT);
            let answer = answer.map_err(Failure::at(Phase::FirstResponse))?;
            if answer.status != 200 {
                let why = format!("the aggressor answered {}", answer.status);
                return Err(Failure::new(Phase::FirstResponse, why));
            }
            return Ok(Self { address: victim, prefix, instance: None });
        };
        let context = start_context(bench, visit, 1);
        let mut instance = way(start).start(&context).map_err(Failure::at(Phase::Start))?;
        until_alive(instance.as_mut()).map_err(Failure::at(Phase::FirstResponse))?;
        instance.answered().map_err(Failure::at(Phase::Limits))?;
        let (address, file) = (instance.address(), context.stderr_file);
        Ok(Self { address, prefix: String::new(), instance: Some((instance, file)) })
    }

    /// One that is deaf to SIGTERM is killed, and one that has ended is none: whether it stops is not what was asked.
    fn end(self) -> Result<(), Failure> {
        let Some((instance, file)) = self.instance else { return Ok(()) };
        match instance.stop() {
            Ok(stderr) => keep_stderr(&file, &stderr),
            Err(_) => Ok(()),
        }
    }
}

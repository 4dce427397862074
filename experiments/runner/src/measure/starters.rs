//! Storms on this machine: an instance of the subject for each tenant, or one warm instance that serves all of them.

use super::instance::{FIRST_ANSWER_LIMIT, Running, ask, begin, start_context};
use super::start_cpu::{self, Used};
use super::storm::{self, Starter, Stormed, storm};
use super::tenants::Tenants;
use super::{Bench, Measured, Visit};
use crate::engine::engines::Engines;
use crate::failure::{Cause, Failure, Phase};
use crate::http::{Askers, First, PreparedRequest, first_answer, listens};
use crate::kernel::daemons::shim;
use crate::kernel::{interrupt, procfs};
use crate::subject::gate::Turn;
use crate::subject::{StartContext, start, way};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::subject::Subject;

/// Rest of an instance that listens and was never asked, before it counts as one that stands ready.
const READY_REST: Duration = Duration::from_millis(100);

/// Which storm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// Tenants that are started at once.
    pub count: u32,
    /// Whether they were started before, and are asked for the first time at once.
    pub stand_ready: bool,
}

/// Starts the tenants of one visit at once, and ends them.
///
/// # Errors
/// As [`super::visit`].
pub fn measure(
    bench: &Bench<'_>,
    visit: &Visit<'_>,
    request: &PreparedRequest,
    tenants: Option<&Tenants>,
    wanted: Wanted,
) -> Result<Measured, Failure> {
    match tenants {
        Some(tenants) => within_a_host(bench, visit, request, tenants, wanted.count),
        None => of_instances(bench, visit, request, wanted),
    }
}

/// Each tenant is an instance of its own.
struct Instances<'a, 'v> {
    subject: &'a Subject,
    engines: &'a Engines,
    /// By the tenant's number.
    contexts: Vec<StartContext<'a>>,
    request: &'v PreparedRequest,
    askers: Askers,
    stand_ready: bool,
}

/// One that has answered.
struct Tenant<'a> {
    running: Running<'a>,
    /// What it had used when it stood ready; nothing of one that was not started yet.
    before: Result<Used, Cause>,
}

impl<'a> Starter for Instances<'a, '_> {
    type Started = Tenant<'a>;

    fn start(&self, number: u32, turn: Arc<Turn>) -> Result<(Tenant<'a>, u64), Failure> {
        let Self { subject, request, askers, .. } = self;
        let mut context = self.contexts[number as usize].clone();
        let (instance, before) = match self.stand_ready {
            false => {
                context.turn = Some(turn);
                (
                    start(&subject.start, &context).map_err(Failure::at(Phase::Start))?,
                    Ok(Used::new()),
                )
            }
            true => {
                let mut instance =
                    start(&subject.start, &context).map_err(Failure::at(Phase::Start))?;
                let address = instance.address();
                listens(askers, address, FIRST_ANSWER_LIMIT, || instance.alive())
                    .map_err(Failure::at(Phase::Start))?;
                instance.answered().map_err(Failure::at(Phase::Limits))?;
                std::thread::sleep(READY_REST);
                let before = start_cpu::of_instance(instance.as_ref());
                turn.pass();
                (instance, before)
            }
        };
        let running = ask(instance, subject, &context, request, askers)?;
        let answered_ns = running.first.response_ns;
        Ok((Tenant { running, before }, answered_ns))
    }

    fn is_hindered(&self) -> bool {
        interrupt::requested() || way(&self.subject.start).silence(self.engines).is_some()
    }
}

fn of_instances(
    bench: &Bench<'_>,
    visit: &Visit<'_>,
    request: &PreparedRequest,
    wanted: Wanted,
) -> Result<Measured, Failure> {
    let Wanted { count, stand_ready } = wanted;
    let contexts = (0..count).map(|number| start_context(bench, visit, number)).collect();
    let (subject, engines, askers) = (bench.job.subject, bench.engines, Askers::default());
    let starter = Instances { subject, engines, contexts, request, askers, stand_ready };
    let stormed = storm(&starter, count, start_cpu::of_possible_daemons)?;
    // Before anything else asks the daemons.
    let daemons_after = start_cpu::of_possible_daemons();
    let Stormed { record, mut started, before: daemons_before } = stormed;
    if !stand_ready {
        let answered = started.iter_mut().try_for_each(|one| one.running.instance.answered());
        answered.map_err(Failure::at(Phase::Limits))?;
    }
    let total_ns = cpu_ns(bench, &started, (&daemons_before, &daemons_after));
    let mut measured = Measured { metrics: storm::metrics(&record), ..Measured::default() };
    measured.remarks.extend(storm::remark(&record));
    let failed_count = record.failures().count();
    record_cpu(&mut measured, total_ns, count, failed_count);
    measured.storm = Some(record);
    end_all(started.into_iter().map(|tenant| tenant.running).collect())?;
    Ok(measured)
}

/// What the instances have used since they were asked for, with shims and daemons.
fn cpu_ns(
    bench: &Bench<'_>,
    started: &[Tenant<'_>],
    daemons: (&Used, &Used),
) -> Result<u64, Cause> {
    let (mut before, mut after, mut shims) = (Used::new(), Used::new(), BTreeSet::new());
    for Tenant { running, before: ready } in started {
        before.extend(ready.as_ref().map_err(Clone::clone)?);
        shims.extend(shim(running.instance.pid()?));
        after.extend(start_cpu::of_instance(running.instance.as_ref())?);
    }
    start_cpu::between(bench, (&before, &after), daemons, &shims)
}

/// CPU time for each tenant. What failed tenants used is gone with them, and then nothing is known.
fn record_cpu(
    measured: &mut Measured,
    total_ns: Result<u64, Cause>,
    count: u32,
    failed_count: usize,
) {
    match total_ns {
        Ok(total_ns) if failed_count == 0 => {
            measured.set(Metric::StartCpu, total_ns.checked_div(count.into()));
        }
        Ok(_) => {
            let why = "CPU time per start is unknown: what failed tenants used is gone with them";
            measured.remarks.push(why.to_owned());
        }
        Err(why) => measured.remarks.push(format!("CPU time per start is unknown: {why}")),
    }
}

/// Ends all of them at once, whatever becomes of one: one after the other takes an engine longer than their storm.
pub(super) fn end_all(running: Vec<Running<'_>>) -> Result<(), Failure> {
    let ended: Vec<Result<(), Failure>> = std::thread::scope(|scope| {
        let ends: Vec<_> = running
            .into_iter()
            .map(|one| std::thread::Builder::new().spawn_scoped(scope, || one.end().map(drop)))
            .collect();
        let each = ends.into_iter().map(|end| match end {
            Ok(end) => end.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            // It was dropped, which ends it.
            Err(error) => {
                let cause = Cause::io("spawn the thread that ends a tenant", error);
                Err(Failure::new(Phase::Stop, cause))
            }
        });
        each.collect()
    });
    ended.into_iter().collect()
}

/// Tenants of one warm host: each is asked for the first time, which maps its code.
struct Host {
    address: SocketAddr,
    /// By the tenant's number.
    requests: Vec<PreparedRequest>,
    askers: Askers,
}

impl Starter for Host {
    type Started = ();

    fn start(&self, number: u32, turn: Arc<Turn>) -> Result<((), u64), Failure> {
        let request = &self.requests[number as usize];
        turn.pass();
        let wanted = (First::Any, FIRST_ANSWER_LIMIT);
        let first = first_answer(&self.askers, self.address, request, wanted, || Ok(()))
            .map_err(Failure::at(Phase::FirstResponse))?;
        first.answer.check(request).map_err(Failure::at(Phase::FirstResponse))?;
        Ok(((), first.response_ns))
    }

    fn is_hindered(&self) -> bool {
        interrupt::requested()
    }
}

fn within_a_host(
    bench: &Bench<'_>,
    visit: &Visit<'_>,
    request: &PreparedRequest,
    tenants: &Tenants,
    count: u32,
) -> Result<Measured, Failure> {
    let running = begin(bench, visit, request, 0)?;
    let pid = running.instance.pid().map_err(Failure::at(Phase::Start))?;
    // The first tenant was asked for when the host was started, and made it a warm one.
    let requests = (1..=count).map(|number| tenants.request(number)).collect();
    let address = running.instance.address();
    let host = Host { address, requests, askers: Askers::default() };
    let used = || procfs::cpu_ns(&procfs::tree(pid));
    let Stormed { record, before, .. } = storm(&host, count, used)?;
    let total_ns = before.zip(used()).map(|(before, after)| after.saturating_sub(before));
    let total_ns = total_ns.ok_or_else(|| Cause::from("that of the host cannot be read"));
    let mut measured = Measured { metrics: storm::metrics(&record), ..Measured::default() };
    measured.remarks.extend(storm::remark(&record));
    // A tenant that failed used the host's time, which is known; it is not that of a start.
    record_cpu(&mut measured, total_ns, count, record.failures().count());
    measured.storm = Some(record);
    running.end()?;
    Ok(measured)
}

//! Memory of an instance, idle and under load, and of several instances side by side.

use super::instance::{Running, begin, client_cores, request, with_instance};
use super::{Bench, Measured, Visit};
use crate::clock::monotonic_ns;
use crate::daemons::{containerd, daemons, shim};
use crate::failure::{Failure, Phase};
use crate::http::{Answer, PreparedRequest};
use crate::load::{Closing, Target, Window, closed_loop};
use crate::procfs::{self, Memory};
use crate::subject::Instance;
use std::collections::BTreeSet;
use std::time::Duration;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::parameter::Parameter;

/// Gap between two readings under load.
const SAMPLE_EVERY: Duration = Duration::from_millis(50);

/// Idle: one reading after the first response and a rest. Loaded: the highest of the readings taken under
/// a closed loop. Copies: one reading of several instances that have all answered, after a rest.
///
/// # Errors
/// As [`super::visit`].
pub fn measure(
    bench: &Bench<'_>,
    visit: &Visit<'_>,
    concurrency: u32,
    settle_ms: u64,
) -> Result<Measured, Failure> {
    let request = request(bench, visit)?;
    let settle = Duration::from_millis(settle_ms);
    match visit.trial.cell.parameter {
        Parameter::Idle => with_instance(bench, visit, request, |instance, _, measured| {
            std::thread::sleep(settle);
            let pid = instance.pid().map_err(Failure::at(Phase::Memory))?;
            record_idle(bench, visit, &[pid], measured)
        }),
        Parameter::Loaded => with_instance(bench, visit, request, |instance, answer, measured| {
            loaded(bench, visit, concurrency, instance, (request, answer), measured)
        }),
        Parameter::Copies(count) => copies(bench, visit, request, count, settle),
        other => Err(Failure::new(Phase::Plan, format!("a memory trial cannot have `{other}`"))),
    }
}

fn loaded(
    bench: &Bench<'_>,
    visit: &Visit<'_>,
    concurrency: u32,
    instance: &dyn Instance,
    (request, reference): (&PreparedRequest, &Answer),
    measured: &mut Measured,
) -> Result<(), Failure> {
    let pid = instance.pid().map_err(Failure::at(Phase::Memory))?;
    let asked = (request, reference);
    let target = Target::new(instance.address(), asked, concurrency, client_cores(bench));
    let window = Window::starting_now(0, visit.window_ms()?);
    let (result, highest) =
        closed_loop(&target, &window, &Closing::new(&window, 0), || highest(pid, &window))
            .map_err(Failure::at(Phase::Load))?;
    measured.set(Metric::RequestsCompleted, Some(result.completed_count));
    measured.set(Metric::RequestsFailed, Some(result.failed_count));
    measured.remarks.extend(result.first_failure);
    record(&[pid], highest, measured)?;
    measured.set(Metric::CgroupPeak, procfs::cgroup_peak_bytes(pid));
    Ok(())
}

/// Starts `count` instances one after the other, reads them together, and ends all of them.
fn copies(
    bench: &Bench<'_>,
    visit: &Visit<'_>,
    request: &PreparedRequest,
    count: u32,
    settle: Duration,
) -> Result<Measured, Failure> {
    // What fails half-way drops the instances that run, and that ends them.
    let running: Vec<Running<'_>> =
        (0..count).map(|copy| begin(bench, visit, request, copy)).collect::<Result<_, _>>()?;
    std::thread::sleep(settle);
    let pids = running
        .iter()
        .map(|one| one.instance.pid())
        .collect::<Result<Vec<_>, _>>()
        .map_err(Failure::at(Phase::Memory))?;
    let mut measured = Measured::default();
    record_idle(bench, visit, &pids, &mut measured)?;
    measured.subject_involuntary_switches_count = procfs::involuntary_switches_count(&trees(&pids));
    for one in running {
        one.end()?;
    }
    Ok(measured)
}

fn trees(pids: &[u32]) -> Vec<u32> {
    pids.iter().copied().flat_map(procfs::tree).collect()
}

fn record_idle(
    bench: &Bench<'_>,
    visit: &Visit<'_>,
    pids: &[u32],
    measured: &mut Measured,
) -> Result<(), Failure> {
    record(pids, procfs::memory(&trees(pids)), measured)?;
    if let [pid] = pids {
        measured.set(Metric::CgroupPeak, procfs::cgroup_peak_bytes(*pid));
    }
    let shim = pids.first().copied().and_then(shim);
    let daemons = match bench.engine(visit) {
        Some(engine) => engine
            .socket
            .as_deref()
            .zip(shim)
            .and_then(|(socket, shim)| daemons(engine.kind, socket, shim)),
        // containerd without an engine above it; a bundle has no shim.
        None => shim.and_then(containerd).map(|daemon| vec![daemon]),
    };
    measured.set(
        Metric::EnginePss,
        daemons.and_then(|pids| procfs::memory(&pids)).map(|memory| memory.pss_bytes),
    );
    Ok(())
}

/// PSS and USS of the instances' processes, and the PSS of their shims, which are not among them.
fn record(pids: &[u32], memory: Option<Memory>, measured: &mut Measured) -> Result<(), Failure> {
    let memory = memory.ok_or_else(|| {
        Failure::new(
            Phase::Memory,
            format!("smaps_rollup of the processes below {pids:?} cannot be read"),
        )
    })?;
    measured.set(Metric::Pss, Some(memory.pss_bytes));
    measured.set(Metric::Uss, Some(memory.uss_bytes));
    let shims: BTreeSet<u32> = pids.iter().copied().filter_map(shim).collect();
    if !shims.is_empty() {
        let shims: Vec<u32> = shims.into_iter().collect();
        measured.set(Metric::ShimPss, procfs::memory(&shims).map(|memory| memory.pss_bytes));
    }
    Ok(())
}

fn highest(pid: u32, window: &Window) -> Option<Memory> {
    let mut highest: Option<Memory> = None;
    while monotonic_ns() < window.to_ns && !crate::interrupt::requested() {
        std::thread::sleep(SAMPLE_EVERY);
        if let Some(now) = procfs::memory(&procfs::tree(pid)) {
            let so_far = highest.unwrap_or(now);
            highest = Some(Memory {
                pss_bytes: so_far.pss_bytes.max(now.pss_bytes),
                uss_bytes: so_far.uss_bytes.max(now.uss_bytes),
            });
        }
    }
    highest
}

//! Memory of an instance, idle and under load, and of several instances side by side.

use super::instance::{Running, begin, client_cores, with_instance};
use super::{Bench, Measured, Visit};
use crate::engine::Engine;
use crate::failure::{Failure, Phase};
use crate::http::PreparedRequest;
use crate::kernel::clock::monotonic_ns;
use crate::kernel::daemons::{containerd, daemons, shim};
use crate::kernel::procfs::{self, Memory};
use crate::load::{Closing, Target, Window, closed_loop};
use std::collections::BTreeSet;
use std::time::Duration;
use weighbridge_schema::metric::Metric;

/// Gap between two readings under load.
const SAMPLE_EVERY: Duration = Duration::from_millis(50);

/// One reading after the first response and a rest.
///
/// # Errors
/// As [`super::visit`].
pub fn idle(
    bench: &Bench<'_>,
    visit: &Visit<'_>,
    request: &PreparedRequest,
    rest: Duration,
) -> Result<Measured, Failure> {
    with_instance(bench, visit, request, |instance, _, measured| {
        std::thread::sleep(rest);
        let pid = instance.pid().map_err(Failure::at(Phase::Memory))?;
        record_idle(bench, &[pid], measured)
    })
}

/// The highest of the readings taken under a closed loop.
///
/// # Errors
/// As [`super::visit`].
pub fn loaded(
    bench: &Bench<'_>,
    visit: &Visit<'_>,
    request: &PreparedRequest,
    connections: u32,
    measure_ms: u64,
) -> Result<Measured, Failure> {
    with_instance(bench, visit, request, |instance, reference, measured| {
        let pid = instance.pid().map_err(Failure::at(Phase::Memory))?;
        let asked = (request, reference);
        let target = Target::new(instance.address(), asked, connections, client_cores(bench));
        let window = Window::starting_now(0, measure_ms);
        let (result, highest) =
            closed_loop(&target, &window, &Closing::new(&window, 0), || highest(pid, window.to_ns))
                .map_err(Failure::at(Phase::Load))?;
        measured.set(Metric::RequestsCompleted, Some(result.completed_count));
        measured.set(Metric::RequestsFailed, Some(result.failed_count));
        measured.remarks.extend(result.first_failure);
        record(&[pid], highest, measured)?;
        measured.set(Metric::CgroupPeak, procfs::cgroup_peak_bytes(pid));
        Ok(())
    })
}

/// One reading of `count` instances together, which have all answered and rested; they are started one after the other.
///
/// # Errors
/// As [`super::visit`].
pub fn copies(
    bench: &Bench<'_>,
    visit: &Visit<'_>,
    request: &PreparedRequest,
    count: u32,
    rest: Duration,
) -> Result<Measured, Failure> {
    // What fails half-way drops the instances that run, and that ends them.
    let running: Vec<Running<'_>> =
        (0..count).map(|copy| begin(bench, visit, request, copy)).collect::<Result<_, _>>()?;
    std::thread::sleep(rest);
    let pids = running
        .iter()
        .map(|one| one.instance.pid())
        .collect::<Result<Vec<_>, _>>()
        .map_err(Failure::at(Phase::Memory))?;
    let mut measured = Measured::default();
    record_idle(bench, &pids, &mut measured)?;
    measured.subject_involuntary_switches_count = procfs::involuntary_switches_count(&trees(&pids));
    for one in running {
        one.end()?;
    }
    Ok(measured)
}

/// The processes of the instances that these are the first ones of.
pub(super) fn trees(pids: &[u32]) -> Vec<u32> {
    pids.iter().copied().flat_map(procfs::tree).collect()
}

fn record_idle(bench: &Bench<'_>, pids: &[u32], measured: &mut Measured) -> Result<(), Failure> {
    record(pids, procfs::memory(&trees(pids)), measured)?;
    if let [pid] = pids {
        measured.set(Metric::CgroupPeak, procfs::cgroup_peak_bytes(*pid));
    }
    let daemons = engine_daemons(bench, pids.first().copied().and_then(shim));
    let memory = daemons.and_then(|pids| procfs::memory(&pids));
    measured.set(Metric::EnginePss, memory.map(|memory| memory.pss_bytes));
    Ok(())
}

/// The daemons behind an instance with that shim; `None` where there are none, or one of them is not found.
pub(super) fn engine_daemons(bench: &Bench<'_>, shim: Option<u32>) -> Option<Vec<u32>> {
    daemons_behind(bench.job.engine, shim)
}

/// The same of an instance that `engine` has started, or none.
pub(super) fn daemons_behind(engine: Option<&Engine>, shim: Option<u32>) -> Option<Vec<u32>> {
    match engine {
        Some(engine) => engine
            .socket
            .as_deref()
            .zip(shim)
            .and_then(|(socket, shim)| daemons(engine.kind, socket, shim)),
        // containerd without an engine above it; a bundle has no shim.
        None => shim.and_then(containerd).map(|daemon| vec![daemon]),
    }
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

/// The highest of the readings until that moment.
pub(super) fn highest(pid: u32, until_ns: u64) -> Option<Memory> {
    let mut highest: Option<Memory> = None;
    while monotonic_ns() < until_ns && !crate::kernel::interrupt::requested() {
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

//! Memory of an instance, idle and under load.

use super::instance::{client_cores, request, with_instance};
use super::{Bench, Failure, Measured, Visit};
use crate::clock::monotonic_ns;
use crate::load::{Target, Window, closed_loop};
use crate::procfs::{self, Memory};
use std::time::Duration;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::parameter::Parameter;

/// Gap between two readings under load.
const SAMPLE_EVERY: Duration = Duration::from_millis(50);

/// Idle: one reading after the first response and a rest. Loaded: the highest of the readings taken under
/// a closed loop.
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
    with_instance(bench, visit, request, |instance, reference, measured| {
        let pid = instance.pid().map_err(Failure::at("memory"))?;
        let memory = match visit.trial.cell.parameter {
            Parameter::Idle => {
                std::thread::sleep(Duration::from_millis(settle_ms));
                procfs::memory(&procfs::tree(pid))
            }
            Parameter::Loaded => {
                let target = Target {
                    address: instance.address(),
                    request,
                    reference,
                    connections: concurrency,
                    cores: client_cores(bench),
                };
                let window = Window::starting_now(0, visit.settings.measure_ms.unwrap_or(0));
                let (result, highest) = closed_loop(&target, &window, || highest(pid, &window))
                    .map_err(Failure::at("load"))?;
                measured.set(Metric::RequestsCompleted, Some(result.completed_count));
                measured.set(Metric::RequestsFailed, Some(result.failed_count));
                measured.remarks.extend(result.first_failure);
                highest
            }
            other => {
                return Err(Failure::at("plan")(format!("a memory trial cannot have `{other}`")));
            }
        };
        let memory = memory.ok_or_else(|| {
            Failure::at("memory")(format!("/proc/{pid}/smaps_rollup cannot be read"))
        })?;
        measured.set(Metric::Pss, Some(memory.pss_bytes));
        measured.set(Metric::Uss, Some(memory.uss_bytes));
        measured.set(Metric::CgroupPeak, procfs::cgroup_peak_bytes(pid));
        measured.set(Metric::ShimPss, shim_pss_bytes(pid));
        Ok(())
    })
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

/// A container's first process is the child of its shim; a plain process is the runner's own.
fn shim_pss_bytes(pid: u32) -> Option<u64> {
    let (parent, name) = procfs::parent(pid)?;
    let is_shim = name.starts_with("containerd-shim") || name.starts_with("conmon");
    if !is_shim {
        return None;
    }
    procfs::memory(&[parent]).map(|memory| memory.pss_bytes)
}

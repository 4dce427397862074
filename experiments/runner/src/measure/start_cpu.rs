//! What starting takes of the processors: CPU time of instances, of the programs that start them, of shims and of an
//! engine's daemons.

use super::Bench;
use super::memory::engine_daemons;
use crate::failure::Cause;
use crate::kernel::daemons::{NAMES, shim};
use crate::kernel::procfs;
use crate::subject::Instance;
use std::collections::{BTreeMap, BTreeSet};

/// CPU time by process since that began, nanoseconds: of an instance under its first process.
pub type Used = BTreeMap<u32, u64>;

/// What an instance has used: its processes, the programs that started it and have ended, and its shim, with what that
/// has waited for.
///
/// # Errors
/// One of them cannot be read.
pub fn of_instance(instance: &dyn Instance) -> Result<Used, Cause> {
    let pid = instance.pid()?;
    let starters_ns = instance.starters_cpu_ns().ok_or("a program that starts it still runs")?;
    of_process(pid, starters_ns)
}

/// The same of an instance by its first process, with what the programs have used that started it.
///
/// # Errors
/// As [`of_instance`].
pub fn of_process(pid: u32, starters_ns: u64) -> Result<Used, Cause> {
    let own_ns = procfs::cpu_ns(&procfs::tree(pid)).ok_or_else(|| unreadable(pid))?;
    let mut used = Used::from([(pid, own_ns + starters_ns)]);
    if let Some(shim) = shim(pid) {
        used.insert(shim, with_children(shim).ok_or_else(|| unreadable(shim))?);
    }
    Ok(used)
}

/// What every process has used that may be an engine's daemon, with what it has waited for. Which of them are, is known
/// when there is a container.
pub fn of_possible_daemons() -> Used {
    let pids = NAMES.into_iter().flat_map(procfs::named);
    pids.filter_map(|pid| Some((pid, with_children(pid)?))).collect()
}

/// What instances have used, and the daemons behind them, between two readings of each: of the instances `before` holds
/// nothing where they were not started yet.
///
/// # Errors
/// A daemon is not found, or was not read both times.
pub fn between(
    bench: &Bench<'_>,
    (before, instances): (&Used, &Used),
    daemons: (&Used, &Used),
    shims: &BTreeSet<u32>,
) -> Result<u64, Cause> {
    let since = |pid: &u32, used: u64| used.saturating_sub(before.get(pid).copied().unwrap_or(0));
    let of_instances: u64 = instances.iter().map(|(pid, &used)| since(pid, used)).sum();
    if bench.job.engine.is_none() && shims.is_empty() {
        return Ok(of_instances);
    }
    let found = engine_daemons(bench, shims.first().copied());
    let found = found.ok_or("the daemons behind the containers are not found")?;
    let each = found.iter().map(|pid| -> Result<u64, Cause> {
        let used = daemons.0.get(pid).zip(daemons.1.get(pid));
        let (from, to) = used.ok_or_else(|| unreadable(*pid))?;
        Ok(to.saturating_sub(*from))
    });
    Ok(of_instances + each.sum::<Result<u64, Cause>>()?)
}

fn with_children(pid: u32) -> Option<u64> {
    Some(procfs::cpu_ns(&[pid])? + procfs::ended_children_cpu_ns(pid)?)
}

fn unreadable(pid: u32) -> Cause {
    format!("the CPU time of process {pid} cannot be read").into()
}

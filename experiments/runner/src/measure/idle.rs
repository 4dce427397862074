//! What an instance costs that nobody asks: CPU time, wake-ups and memory.

use super::instance::with_instance;
use super::{Bench, Measured, Visit};
use crate::failure::{Cause, Failure, Phase};
use crate::http::PreparedRequest;
use crate::kernel::clock::monotonic_ns;
use crate::kernel::daemons::shim;
use crate::kernel::interrupt;
use crate::kernel::procfs::{self, ThreadActivity};
use std::collections::BTreeMap;
use std::time::Duration;
use weighbridge_schema::metric::Metric;

/// Longest sleep between two looks at whether the run shall end.
const SLICE: Duration = Duration::from_millis(100);
const HOUR_NS: u128 = 3_600_000_000_000;

/// What the threads of some processes have done since they began, by process and thread.
type Activity = BTreeMap<(u32, u32), ThreadActivity>;

/// What was done within a window, scaled to an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct PerHour {
    cpu_ns: u64,
    wakeups_count: u64,
    /// Threads that ended within the window: what they did there is lost.
    ended_count: usize,
}

/// What was done between two looks, `window_ns` apart. A thread that began between them has done all of its own there.
fn per_hour(before: &Activity, after: &Activity, window_ns: u64) -> Option<PerHour> {
    let scaled = |done: u64| {
        let in_an_hour = (u128::from(done) * HOUR_NS).checked_div(u128::from(window_ns))?;
        u64::try_from(in_an_hour).ok()
    };
    let done = |of: fn(&ThreadActivity) -> u64| -> u64 {
        let each = after
            .iter()
            .map(|(thread, now)| of(now).saturating_sub(before.get(thread).map_or(0, of)));
        each.sum()
    };
    Some(PerHour {
        cpu_ns: scaled(done(|thread| thread.cpu_ns))?,
        wakeups_count: scaled(done(|thread| thread.voluntary_switches_count))?,
        ended_count: before.keys().filter(|thread| !after.contains_key(*thread)).count(),
    })
}

/// Starts, asks once, rests, and looks at the subject's processes when a window opens and when it closes.
///
/// # Errors
/// As [`super::visit`].
pub fn measure(
    bench: &Bench<'_>,
    visit: &Visit<'_>,
    request: &PreparedRequest,
    rest: Duration,
    measure_ms: u64,
) -> Result<Measured, Failure> {
    with_instance(bench, visit, request, |instance, _, measured| {
        let pid = instance.pid().map_err(Failure::at(Phase::Idle))?;
        let shims: Vec<u32> = shim(pid).into_iter().collect();
        let read = || (procfs::threads(&procfs::tree(pid)), procfs::threads(&shims));
        rest_for(rest)?;
        let (from_ns, before) = (monotonic_ns(), read());
        rest_for(Duration::from_millis(measure_ms))?;
        let (window_ns, after) = (monotonic_ns() - from_ns, read());
        measured.set(Metric::Measured, Some(window_ns));

        let own = per_hour(&before.0, &after.0, window_ns).ok_or_else(|| {
            Failure::new(Phase::Idle, format!("a window of {window_ns} ns cannot be scaled"))
        })?;
        measured.set(Metric::IdleCpu, Some(own.cpu_ns));
        measured.set(Metric::IdleWakeups, Some(own.wakeups_count));
        if own.ended_count > 0 {
            let ended = own.ended_count;
            let remark = format!("{ended} threads ended in the window, and are not counted");
            measured.remarks.push(remark);
        }
        if !shims.is_empty() {
            let shim = per_hour(&before.1, &after.1, window_ns);
            measured.set(Metric::IdleShimCpu, shim.map(|done| done.cpu_ns));
            measured.set(Metric::IdleShimWakeups, shim.map(|done| done.wakeups_count));
            let memory = procfs::memory(&shims);
            measured.set(Metric::ShimPss, memory.map(|memory| memory.pss_bytes));
        }
        let memory = procfs::memory(&procfs::tree(pid));
        measured.set(Metric::Pss, memory.map(|memory| memory.pss_bytes));
        measured.set(Metric::Uss, memory.map(|memory| memory.uss_bytes));
        Ok(())
    })
}

/// Sleeps, until somebody ends the run.
fn rest_for(time: Duration) -> Result<(), Failure> {
    let time_ns = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    let until_ns = monotonic_ns().saturating_add(time_ns);
    while !interrupt::requested() {
        let left = Duration::from_nanos(until_ns.saturating_sub(monotonic_ns()));
        if left.is_zero() {
            return Ok(());
        }
        std::thread::sleep(left.min(SLICE));
    }
    Err(Failure::new(Phase::Idle, Cause::Interrupted))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thread(cpu_ns: u64, voluntary_switches_count: u64) -> ThreadActivity {
        ThreadActivity { cpu_ns, voluntary_switches_count }
    }

    #[test]
    fn a_window_is_scaled_to_the_hour_that_it_is_a_part_of() {
        let second_ns = 1_000_000_000;
        let before = Activity::from([((1, 1), thread(1_000, 10)), ((1, 2), thread(9_000, 90))]);
        let all = |found: PerHour| (found.cpu_ns, found.wakeups_count, found.ended_count);
        let asleep = per_hour(&before, &before, second_ns).unwrap();
        assert_eq!(all(asleep), (0, 0, 0), "asleep is 0, and known");
        // One goes on, one ends and takes its past along, one begins.
        let after = Activity::from([((1, 1), thread(3_000, 13)), ((1, 3), thread(500, 1))]);
        let found = per_hour(&before, &after, second_ns).unwrap();
        assert_eq!(all(found), (2_500 * 3_600, 4 * 3_600, 1));
        assert_eq!(per_hour(&before, &after, 0), None);
    }

    /// One that sleeps and one that wakes a hundred times a second are told apart.
    #[test]
    fn what_wakes_up_is_seen_and_what_sleeps_is_not() {
        let hour_of = |script: &str| {
            let mut child = std::process::Command::new("sh").args(["-c", script]).spawn().unwrap();
            let pids = [child.id()];
            std::thread::sleep(Duration::from_millis(200));
            let (from_ns, before) = (monotonic_ns(), procfs::threads(&pids));
            rest_for(Duration::from_millis(500)).unwrap();
            let found = per_hour(&before, &procfs::threads(&pids), monotonic_ns() - from_ns);
            child.kill().unwrap();
            child.wait().unwrap();
            found.unwrap()
        };
        let asleep = hour_of("exec sleep 5");
        assert_eq!((asleep.cpu_ns, asleep.wakeups_count, asleep.ended_count), (0, 0, 0));
        let awake = hour_of("while :; do sleep 0.01; done");
        assert!(awake.cpu_ns > 0 && awake.wakeups_count > 3_600, "{awake:?}");
    }
}

//! What an instance costs that nobody asks: CPU time, wake-ups and memory.

use super::instance::with_instance;
use super::{Bench, Measured, Visit};
use crate::failure::{Cause, Failure, Phase};
use crate::http::PreparedRequest;
use crate::kernel::clock::monotonic_ns;
use crate::kernel::daemons::shim;
use crate::kernel::interrupt;
use crate::kernel::procfs;
use std::time::Duration;
use weighbridge_schema::metric::Metric;

/// Longest sleep between two looks at whether the run shall end.
const SLICE: Duration = Duration::from_millis(100);
const HOUR_NS: u128 = 3_600_000_000_000;

/// What some processes have done since they began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Activity {
    cpu_ns: u64,
    wakeups_count: u64,
}

impl Activity {
    /// `None` where a process could not be read.
    fn of(pids: &[u32]) -> Option<Self> {
        let (cpu_ns, wakeups_count) =
            (procfs::cpu_ns(pids)?, procfs::voluntary_switches_count(pids)?);
        Some(Self { cpu_ns, wakeups_count })
    }

    /// What was done in the hour whose part of `window_ns` lies between `before` and this. `None` where a thread has
    /// ended meanwhile and has taken its counts along.
    fn per_hour(self, before: Self, window_ns: u64) -> Option<Self> {
        let scaled = |now: u64, then: u64| {
            let done = u128::from(now.checked_sub(then)?) * HOUR_NS;
            u64::try_from(done.checked_div(u128::from(window_ns))?).ok()
        };
        Some(Self {
            cpu_ns: scaled(self.cpu_ns, before.cpu_ns)?,
            wakeups_count: scaled(self.wakeups_count, before.wakeups_count)?,
        })
    }
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
        let read = || (Activity::of(&procfs::tree(pid)), Activity::of(&shims));
        sleep(rest)?;
        let (from_ns, before) = (monotonic_ns(), read());
        sleep(Duration::from_millis(measure_ms))?;
        let (window_ns, after) = (monotonic_ns() - from_ns, read());
        measured.set(Metric::Measured, Some(window_ns));

        let between =
            |before: Option<Activity>, after: Option<Activity>| after?.per_hour(before?, window_ns);
        let own = between(before.0, after.0).ok_or_else(|| {
            let what = format!("schedstat and status of the processes below {pid} cannot be read");
            Failure::new(Phase::Idle, what)
        })?;
        measured.set(Metric::IdleCpu, Some(own.cpu_ns));
        measured.set(Metric::IdleWakeups, Some(own.wakeups_count));
        if !shims.is_empty() {
            let shim = between(before.1, after.1);
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
fn sleep(time: Duration) -> Result<(), Failure> {
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

    #[test]
    fn a_window_is_scaled_to_the_hour_that_it_is_a_part_of() {
        let before = Activity { cpu_ns: 1_000, wakeups_count: 10 };
        let after = Activity { cpu_ns: 3_000, wakeups_count: 13 };
        let second_ns = 1_000_000_000;
        let hour = Activity { cpu_ns: 2_000 * 3_600, wakeups_count: 3 * 3_600 };
        assert_eq!(after.per_hour(before, second_ns), Some(hour));
        let nothing = Activity { cpu_ns: 0, wakeups_count: 0 };
        assert_eq!(before.per_hour(before, second_ns), Some(nothing), "asleep is 0, and known");
        assert_eq!(before.per_hour(after, second_ns), None, "a thread ended: unknown, not 0");
        assert_eq!(after.per_hour(before, 0), None);
    }

    /// One that sleeps and one that wakes a hundred times a second are told apart.
    #[test]
    fn what_wakes_up_is_seen_and_what_sleeps_is_not() {
        let per_hour = |script: &str| {
            let mut child = std::process::Command::new("sh").args(["-c", script]).spawn().unwrap();
            let pids = [child.id()];
            std::thread::sleep(Duration::from_millis(200));
            let (from_ns, before) = (monotonic_ns(), Activity::of(&pids).unwrap());
            sleep(Duration::from_millis(500)).unwrap();
            let found = Activity::of(&pids).unwrap().per_hour(before, monotonic_ns() - from_ns);
            child.kill().unwrap();
            child.wait().unwrap();
            found.unwrap()
        };
        let asleep = per_hour("exec sleep 5");
        assert_eq!(asleep, Activity { cpu_ns: 0, wakeups_count: 0 });
        let awake = per_hour("while :; do sleep 0.01; done");
        assert!(awake.cpu_ns > 0 && awake.wakeups_count > 3_600, "{awake:?}");
    }
}

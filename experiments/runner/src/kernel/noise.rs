//! What else the machine was doing while an invocation was measured, and whether that was too much.

use std::fs;
use weighbridge_schema::definition::NoiseLimits;
use weighbridge_schema::record::Noise;
use weighbridge_statistics::quantile::median;

/// Counters at one moment; two of them give the noise between.
#[derive(Debug, Clone, Copy)]
pub struct Reading {
    /// Stolen time on all cores, hundredths of a second.
    pub steal_ticks: Option<u64>,
    /// Time in which some task waited for a CPU.
    pub pressure_us: Option<u64>,
    /// Of this process.
    pub involuntary_switches: Option<u64>,
    /// Of the whole machine.
    pub page_cache_bytes: Option<u64>,
}

/// Kernel's USER_HZ: /proc/stat counts in hundredths of a second on every Linux architecture.
const TICK_NS: u64 = 10_000_000;

/// Trials of a cell from which its own noise is known well enough to judge the next one by.
const KNOWN_FROM_TRIALS: usize = 3;

/// Ticks that a trial's limit must come to before its stolen time is judged. In a visit of 0.7 s on two cores one tick
/// is 0.7 % already: with a limit of 0.5 % a single one decided, and ticks are likelier the busier the subject keeps
/// its core, so that 14.6 % of native's visits were repeated and none of wasmtime-reuse's.
const STEAL_TICKS_LEAST: f64 = 3.0;

/// Reads the counters.
pub fn read() -> Reading {
    Reading {
        steal_ticks: fs::read_to_string("/proc/stat")
            .ok()
            .and_then(|text| text.lines().next()?.split_whitespace().nth(8)?.parse().ok()),
        pressure_us: fs::read_to_string("/proc/pressure/cpu").ok().and_then(|text| {
            let some = text.lines().find(|line| line.starts_with("some "))?;
            some.rsplit("total=").next()?.trim().parse().ok()
        }),
        involuntary_switches: field("/proc/self/status", "nonvoluntary_ctxt_switches:"),
        page_cache_bytes: field("/proc/meminfo", "Cached:").map(|kib: u64| kib * 1024),
    }
}

/// The first number after `key` in a file of lines.
fn field(path: &str, key: &str) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(key))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// What the kernel says of the frequency of `core`.
fn frequency_khz(core: u32) -> Option<u64> {
    let path = format!("/sys/devices/system/cpu/cpu{core}/cpufreq/scaling_cur_freq");
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

impl Reading {
    /// What happened between `self` and `later`; `core` is the subject's first one.
    pub fn until(&self, later: &Self, core: Option<u32>) -> Noise {
        let between = |from: Option<u64>, to: Option<u64>| Some(to?.saturating_sub(from?));
        Noise {
            steal_ns: between(self.steal_ticks, later.steal_ticks).map(|ticks| ticks * TICK_NS),
            cpu_pressure_some_ns: between(self.pressure_us, later.pressure_us).map(|us| us * 1000),
            involuntary_switches_count: between(
                self.involuntary_switches,
                later.involuntary_switches,
            ),
            subject_involuntary_switches_count: None,
            frequency_khz: core.and_then(frequency_khz),
            page_cache_bytes: self.page_cache_bytes,
        }
    }
}

/// Share of the trial's time in which some task waited for a CPU, percent.
pub fn pressure_percent(noise: &Noise, duration_ns: u64) -> Option<f64> {
    Some(100.0 * noise.cpu_pressure_some_ns? as f64 / duration_ns.max(1) as f64)
}

/// Share of the trial's time on all cores that the hypervisor stole, percent.
pub fn steal_percent(noise: &Noise, duration_ns: u64, cores_count: u32) -> Option<f64> {
    Some(100.0 * noise.steal_ns? as f64 / core_time_ns(duration_ns, cores_count))
}

fn core_time_ns(duration_ns: u64, cores_count: u32) -> f64 {
    duration_ns.max(1) as f64 * f64::from(cores_count.max(1))
}

/// What the undisturbed trials of a cell have shown so far, percent of their time.
#[derive(Debug, Clone, Default)]
pub struct Usual {
    /// CPU pressure.
    pub pressure_percent: Vec<f64>,
    /// Stolen time.
    pub steal_percent: Vec<f64>,
}

/// Why the trial is disturbed; empty when it is not, or when nothing could be read.
///
/// Both readings are judged against what is usual for the cell: a container's start makes pressure of its own, because
/// the engine works beside it, and a subject that keeps its core busy is stolen from more often. That is part of what
/// is measured. Stolen time is judged only in trials so long that the limit comes to a few ticks of the kernel's
/// counter.
pub fn disturbances(
    noise: &Noise,
    duration_ns: u64,
    cores_count: u32,
    limits: &NoiseLimits,
    usual: &Usual,
) -> Vec<String> {
    let mut reasons = Vec::new();
    let exceeds = |percent: Option<f64>, limit: Option<f64>, usual: &[f64]| {
        let known = (usual.len() >= KNOWN_FROM_TRIALS).then(|| median(usual)).flatten();
        let (percent, limit, usual) = (percent?, limit?, known?);
        (percent > usual + limit).then(|| {
            format!("{percent:.1} %, usual for this cell {usual:.1} %, limit {limit} points above")
        })
    };
    let is_long_enough = limits.steal_percent.is_some_and(|limit| {
        core_time_ns(duration_ns, cores_count) * limit / 100.0 >= STEAL_TICKS_LEAST * TICK_NS as f64
    });
    let stolen = steal_percent(noise, duration_ns, cores_count).filter(|_| is_long_enough);
    let stolen = exceeds(stolen, limits.steal_percent, &usual.steal_percent);
    reasons.extend(stolen.map(|words| format!("stolen time {words}")));
    let pressure = pressure_percent(noise, duration_ns);
    let pressure = exceeds(pressure, limits.pressure_percent, &usual.pressure_percent);
    reasons.extend(pressure.map(|words| format!("CPU pressure {words}")));
    reasons
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_that_cannot_be_read_is_unknown() {
        let known = Reading {
            steal_ticks: Some(3),
            pressure_us: Some(5),
            involuntary_switches: None,
            page_cache_bytes: None,
        };
        let later = Reading {
            steal_ticks: Some(4),
            pressure_us: None,
            involuntary_switches: Some(9),
            page_cache_bytes: Some(7),
        };
        let noise = known.until(&later, None);
        assert_eq!(noise.steal_ns, Some(TICK_NS));
        assert_eq!((noise.cpu_pressure_some_ns, noise.involuntary_switches_count), (None, None));
        assert_eq!(noise.page_cache_bytes, None, "the state at the start counts");
    }

    #[test]
    fn this_machine_counts_stolen_time_and_cache() {
        let reading = read();
        assert!(reading.steal_ticks.is_some() && reading.page_cache_bytes.is_some());
    }

    const LIMITS: NoiseLimits =
        NoiseLimits { steal_percent: Some(0.5), pressure_percent: Some(10.0) };

    fn noise(steal_ns: Option<u64>, pressure_ns: Option<u64>) -> Noise {
        Noise { steal_ns, cpu_pressure_some_ns: pressure_ns, ..Noise::default() }
    }

    fn usual(pressure_percent: &[f64], steal_percent: &[f64]) -> Usual {
        Usual { pressure_percent: pressure_percent.to_vec(), steal_percent: steal_percent.to_vec() }
    }

    const SECOND_NS: u64 = 1_000_000_000;

    /// Under commit 8da7646 one tick within 0.7 s was enough.
    #[test]
    fn one_tick_of_stolen_time_decides_nothing() {
        let known = usual(&[], &[0.0; 5]);
        let judged = |ticks: u64, duration_ns| {
            let noise = noise(Some(ticks * TICK_NS), None);
            disturbances(&noise, duration_ns, 2, &LIMITS, &known).len()
        };
        assert_eq!(judged(1, 700_000_000), 0);
        assert_eq!(judged(70, 700_000_000), 0, "too short to see three ticks within the limit");
        assert_eq!(judged(3, 3 * SECOND_NS), 0, "0.5 % are three ticks of 3 s on two cores");
        assert_eq!(judged(4, 3 * SECOND_NS), 1);
    }

    #[test]
    fn stolen_time_is_judged_by_what_is_usual_for_the_cell() {
        let judged = |steal_percent: &[f64]| {
            let noise = noise(Some(10 * TICK_NS), None);
            disturbances(&noise, 5 * SECOND_NS, 2, &LIMITS, &usual(&[], steal_percent)).len()
        };
        assert_eq!(judged(&[0.0, 0.1, 0.0]), 1, "1 % is more than half a point above");
        assert_eq!(judged(&[0.6, 0.7, 0.6]), 0, "a busy subject is stolen from by itself");
        assert_eq!(judged(&[0.0]), 0, "not known yet");
        let unread = noise(None, None);
        assert!(
            disturbances(&unread, SECOND_NS, 2, &LIMITS, &usual(&[0.0; 9], &[0.0; 9])).is_empty()
        );
    }

    #[test]
    fn pressure_is_judged_by_what_is_usual_for_the_cell() {
        let busy = noise(Some(0), Some(300_000_000));
        let judged = |limits: &NoiseLimits, pressure_percent: &[f64]| {
            disturbances(&busy, SECOND_NS, 2, limits, &usual(pressure_percent, &[])).len()
        };
        assert_eq!(judged(&LIMITS, &[25.0, 26.0, 27.0]), 0);
        assert_eq!(judged(&LIMITS, &[1.0, 0.0, 2.0]), 1);
        assert_eq!(judged(&LIMITS, &[0.0]), 0, "not known yet");
        assert_eq!(judged(&NoiseLimits::default(), &[1.0, 0.0, 2.0]), 0);
    }
}

//! What else the machine was doing while an invocation was measured, and whether that was too much.

use std::fs;
use weighbridge_schema::definition::NoiseLimits;
use weighbridge_schema::record::Noise;
use weighbridge_statistics::quantile::median;

/// Counters at one moment; two of them give the noise between.
#[derive(Debug, Clone, Copy)]
pub struct Reading {
    steal_ticks: Option<u64>,
    pressure_us: Option<u64>,
    involuntary_switches: Option<u64>,
    page_cache_bytes: Option<u64>,
}

/// Kernel's USER_HZ: /proc/stat counts in hundredths of a second on every Linux architecture.
const TICK_NS: u64 = 10_000_000;

/// Trials of a cell from which its own pressure is known well enough to judge the next one by.
const KNOWN_FROM_TRIALS: usize = 3;

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
            frequency_khz: frequency_khz(core.unwrap_or(0)),
            page_cache_bytes: self.page_cache_bytes,
        }
    }
}

/// Share of the trial's time in which some task waited for a CPU, percent.
pub fn pressure_percent(noise: &Noise, duration_ns: u64) -> Option<f64> {
    Some(100.0 * noise.cpu_pressure_some_ns? as f64 / duration_ns.max(1) as f64)
}

/// Why the trial is disturbed; empty when it is not, or when nothing could be read.
///
/// Pressure is judged against `usual_percent`, the pressure of the cell's trials so far: a container's start
/// makes its own, because the engine works beside it, and that is part of what is measured.
pub fn disturbances(
    noise: &Noise,
    duration_ns: u64,
    cores_count: u32,
    limits: &NoiseLimits,
    usual_percent: &[f64],
) -> Vec<String> {
    let mut reasons = Vec::new();
    if let (Some(steal_ns), Some(limit)) = (noise.steal_ns, limits.steal_percent) {
        let percent =
            100.0 * steal_ns as f64 / (duration_ns.max(1) as f64 * f64::from(cores_count.max(1)));
        if percent > limit {
            reasons.push(format!("steal {percent:.1} % of the time, limit {limit} %"));
        }
    }
    let usual = (usual_percent.len() >= KNOWN_FROM_TRIALS).then(|| median(usual_percent)).flatten();
    if let (Some(percent), Some(limit), Some(usual)) =
        (pressure_percent(noise, duration_ns), limits.pressure_percent, usual)
        && percent > usual + limit
    {
        reasons.push(format!(
            "CPU pressure {percent:.1} %, usual for this cell {usual:.1} %, limit {limit} points above"
        ));
    }
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

    #[test]
    fn steal_counts_over_all_cores() {
        let second = 1_000_000_000;
        assert!(disturbances(&noise(Some(10_000_000), None), second, 2, &LIMITS, &[]).is_empty());
        assert_eq!(disturbances(&noise(Some(20_000_000), None), second, 2, &LIMITS, &[]).len(), 1);
        assert!(disturbances(&noise(None, None), second, 2, &LIMITS, &[0.0; 9]).is_empty());
    }

    #[test]
    fn pressure_is_judged_by_what_is_usual_for_the_cell() {
        let busy = noise(Some(0), Some(300_000_000));
        let second = 1_000_000_000;
        assert!(disturbances(&busy, second, 2, &LIMITS, &[25.0, 26.0, 27.0]).is_empty());
        assert_eq!(disturbances(&busy, second, 2, &LIMITS, &[1.0, 0.0, 2.0]).len(), 1);
        assert!(disturbances(&busy, second, 2, &LIMITS, &[0.0]).is_empty(), "not known yet");
        let none = NoiseLimits::default();
        assert!(disturbances(&busy, second, 2, &none, &[1.0, 0.0, 2.0]).is_empty());
    }
}

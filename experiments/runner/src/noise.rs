//! What else the machine was doing while an invocation was measured.

use std::fs;
use weighbridge_schema::record::Noise;

/// Counters at one moment; two of them give the noise between.
#[derive(Debug, Clone, Copy)]
pub struct Reading {
    steal_ticks: Option<u64>,
    pressure_us: Option<u64>,
    involuntary_switches: Option<u64>,
}

/// Kernel's USER_HZ: /proc/stat counts in hundredths of a second on every Linux architecture.
const TICK_NS: u64 = 10_000_000;

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
        involuntary_switches: fs::read_to_string("/proc/self/status").ok().and_then(|text| {
            let line = text.lines().find(|l| l.starts_with("nonvoluntary_ctxt_switches:"))?;
            line.split_whitespace().nth(1)?.parse().ok()
        }),
    }
}

impl Reading {
    /// What happened between `self` and `later`.
    pub fn until(&self, later: &Self) -> Noise {
        let between = |from: Option<u64>, to: Option<u64>| Some(to?.saturating_sub(from?));
        Noise {
            steal_ns: between(self.steal_ticks, later.steal_ticks).map(|ticks| ticks * TICK_NS),
            cpu_pressure_some_ns: between(self.pressure_us, later.pressure_us).map(|us| us * 1000),
            involuntary_switches_count: between(
                self.involuntary_switches,
                later.involuntary_switches,
            ),
            ..Noise::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_that_cannot_be_read_is_unknown() {
        let known =
            Reading { steal_ticks: Some(3), pressure_us: Some(5), involuntary_switches: None };
        let later =
            Reading { steal_ticks: Some(4), pressure_us: None, involuntary_switches: Some(9) };
        let noise = known.until(&later);
        assert_eq!(noise.steal_ns, Some(TICK_NS));
        assert_eq!((noise.cpu_pressure_some_ns, noise.involuntary_switches_count), (None, None));
    }

    #[test]
    fn this_machine_counts_stolen_time() {
        assert!(read().steal_ticks.is_some());
    }
}

//! What on this machine blurs a measurement, and what to change: one line each, for `doctor`.

use crate::{fingerprint, local_cores};
use std::fs;

/// One property of the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advice {
    /// What it is about.
    pub what: &'static str,
    /// How it is here; `unknown` where the kernel does not tell.
    pub value: String,
    /// What to change before measuring for publication; `None` where nothing needs to be.
    pub change: Option<String>,
}

fn advice(what: &'static str, value: Option<String>, change: Option<&str>) -> Advice {
    let value = value.unwrap_or_else(|| "unknown (the kernel does not say)".to_owned());
    Advice { what, value, change: change.map(str::to_owned) }
}

/// Load average of the last minute above which something else is running here.
const IDLE_LOAD_MAX: f64 = 0.5;

/// Everything that matters for times, in the order of its effect.
#[must_use]
pub fn all() -> Vec<Advice> {
    let machine = fingerprint();
    let yes_no = |value: bool| if value { "yes" } else { "no" }.to_owned();
    let is = |value: &Option<String>, wanted: &str| value.as_deref() == Some(wanted);
    let cores = local_cores().len();
    let load = load_average();
    let busy = load.is_some_and(|load| load > IDLE_LOAD_MAX);
    vec![
        advice(
            "free cores",
            Some(format!("{cores}")),
            (cores < 2).then_some("two cores at least: load generator and subject share one now"),
        ),
        advice(
            "load average",
            load.map(|load| format!("{load:.2} over the last minute")),
            busy.then_some("end what else is running, or wait for it"),
        ),
        advice(
            "virtualised",
            machine.virtualised.map(yes_no),
            (machine.virtualised == Some(true))
                .then_some("a bare machine: neighbours cannot be seen from in here, only stolen time"),
        ),
        advice(
            "governor",
            machine.governor.clone(),
            (machine.governor.is_some() && !is(&machine.governor, "performance"))
                .then_some("cpupower frequency-set --governor performance"),
        ),
        advice(
            "turbo",
            machine.turbo.map(yes_no),
            (machine.turbo == Some(true)).then_some(
                "echo 1 > /sys/devices/system/cpu/intel_pstate/no_turbo (or echo 0 > .../cpufreq/boost)",
            ),
        ),
        advice(
            "multithreading",
            machine.multithreading.map(yes_no),
            (machine.multithreading == Some(true))
                .then_some("echo off > /sys/devices/system/cpu/smt/control"),
        ),
        advice(
            "address randomisation",
            machine.address_randomisation.clone(),
            is(&machine.address_randomisation, "0").then_some(
                "sysctl kernel.randomize_va_space=2: one fixed layout is one sample of many",
            ),
        ),
        advice("huge pages", machine.transparent_huge_pages.clone(), None),
        advice(
            "swap",
            machine.swap_bytes.map(|bytes| format!("{} MiB", bytes >> 20)),
            machine
                .swap_bytes
                .is_some_and(|bytes| bytes > 0)
                .then_some("swapoff -a: swapped pages are missing from PSS"),
        ),
        advice("cgroup", machine.cgroup.clone(), None),
        advice("clock source", machine.clock_source, None),
        advice("microcode", machine.microcode, None),
    ]
}

fn load_average() -> Option<f64> {
    fs::read_to_string("/proc/loadavg").ok()?.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_listed_once() {
        let all = all();
        let names: std::collections::BTreeSet<_> = all.iter().map(|a| a.what).collect();
        assert_eq!(names.len(), all.len());
        assert!(names.contains("governor") && names.contains("virtualised"));
        assert!(all.iter().all(|a| !a.value.is_empty()));
    }
}

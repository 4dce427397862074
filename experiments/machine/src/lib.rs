//! What the kernel tells about this machine, for the manifest and for `doctor`. What cannot be read is `None`. And what
//! every program of ours does alike: it asks other programs ([`ask`]), holds the machine's lock ([`lock`]), ends in
//! order ([`signals`]) and writes ([`output`]).

use rustix::thread::sched_getaffinity;
use std::fs;
use weighbridge_schema::manifest::Fingerprint;

pub mod advice;
pub mod ask;
pub mod checkout;
pub mod environment;
pub mod lock;
pub mod output;
pub mod process;
pub mod signals;

fn line(path: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let first = text.lines().next()?.trim();
    (!first.is_empty()).then(|| first.to_owned())
}

fn value(path: &str, key: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    text.lines().find_map(|line| {
        let (name, value) = line.split_once([':', '='])?;
        (name.trim() == key).then(|| value.trim().trim_matches('"').to_owned())
    })
}

/// A value in KiB as bytes.
fn kib(path: &str, key: &str) -> Option<u64> {
    let kib: u64 = value(path, key)?.trim_end_matches(" kB").parse().ok()?;
    Some(kib * 1024)
}

/// The cores that this process may use, ascending.
#[must_use]
pub fn local_cores() -> Vec<u32> {
    let Ok(set) = sched_getaffinity(None) else { return Vec::new() };
    (0..1024u32).filter(|&core| set.is_set(core as usize)).collect()
}

/// Reads what the kernel tells about this machine.
#[must_use]
pub fn fingerprint() -> Fingerprint {
    let flags = value("/proc/cpuinfo", "flags");
    Fingerprint {
        architecture: std::env::consts::ARCH.to_owned(),
        cpu_model: value("/proc/cpuinfo", "model name").or_else(|| {
            // aarch64 kernels name the implementer and the part instead.
            let part = value("/proc/cpuinfo", "CPU part")?;
            let implementer = value("/proc/cpuinfo", "CPU implementer")?;
            Some(format!("implementer {implementer}, part {part}"))
        }),
        cores_count: u32::try_from(local_cores().len()).ok().filter(|&count| count > 0),
        memory_bytes: kib("/proc/meminfo", "MemTotal"),
        kernel: line("/proc/sys/kernel/osrelease"),
        distribution: value("/etc/os-release", "PRETTY_NAME"),
        virtualised: flags.map(|flags| flags.split_whitespace().any(|flag| flag == "hypervisor")),
        governor: line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        clock_source: line("/sys/devices/system/clocksource/clocksource0/current_clocksource"),
        cgroup: cgroup(),
        transparent_huge_pages: line("/sys/kernel/mm/transparent_hugepage/enabled"),
        address_randomisation: line("/proc/sys/kernel/randomize_va_space"),
        turbo: turbo(),
        multithreading: line("/sys/devices/system/cpu/smt/active").map(|text| text == "1"),
        microcode: value("/proc/cpuinfo", "microcode"),
        swap_bytes: kib("/proc/meminfo", "SwapTotal"),
    }
}

fn cgroup() -> Option<String> {
    let mounts = fs::read_to_string("/proc/self/mounts").ok()?;
    let has = |kind: &str| mounts.lines().any(|l| l.split_whitespace().nth(2) == Some(kind));
    match (has("cgroup"), has("cgroup2")) {
        (true, true) => Some("hybrid".to_owned()),
        (true, false) => Some("v1".to_owned()),
        (false, true) => Some("v2".to_owned()),
        (false, false) => None,
    }
}

/// Intel's driver says "no turbo", the others say "boost"; behind a hypervisor neither can be seen.
fn turbo() -> Option<bool> {
    let intel = line("/sys/devices/system/cpu/intel_pstate/no_turbo").map(|text| text == "0");
    intel.or_else(|| line("/sys/devices/system/cpu/cpufreq/boost").map(|text| text == "1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_can_be_read() {
        let machine = fingerprint();
        assert!(machine.kernel.is_some() && machine.memory_bytes.is_some(), "{machine:?}");
        assert_eq!(machine.cores_count.map(|count| count as usize), Some(local_cores().len()));
    }
}

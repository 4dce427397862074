//! The machine and the checkout, for the manifest. What cannot be read is absent.

use crate::affinity::own_cores;
use std::fs;
use std::path::Path;
use std::process::Command;
use weighbridge_schema::manifest::{Fingerprint, Revision};

fn line(path: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// Value of `key` in a file of `key : value` or `key=value` lines.
fn value(path: &str, key: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    text.lines().find_map(|line| {
        let (name, value) = line.split_once([':', '='])?;
        (name.trim() == key).then(|| value.trim().trim_matches('"').to_owned())
    })
}

/// Reads what the kernel tells about this machine.
pub fn machine() -> Fingerprint {
    let flags = value("/proc/cpuinfo", "flags");
    let memory_kib = value("/proc/meminfo", "MemTotal")
        .and_then(|text| text.trim_end_matches(" kB").parse::<u64>().ok());
    Fingerprint {
        architecture: std::env::consts::ARCH.to_owned(),
        cpu_model: value("/proc/cpuinfo", "model name").or_else(|| {
            // aarch64 kernels name the implementer and the part instead.
            let part = value("/proc/cpuinfo", "CPU part")?;
            let implementer = value("/proc/cpuinfo", "CPU implementer")?;
            Some(format!("implementer {implementer}, part {part}"))
        }),
        cores_count: u32::try_from(own_cores().len()).ok().filter(|&count| count > 0),
        memory_bytes: memory_kib.map(|kib| kib * 1024),
        kernel: line("/proc/sys/kernel/osrelease"),
        distribution: value("/etc/os-release", "PRETTY_NAME"),
        virtualised: flags.map(|flags| flags.split_whitespace().any(|flag| flag == "hypervisor")),
        governor: line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        clock_source: line("/sys/devices/system/clocksource/clocksource0/current_clocksource"),
        cgroup: cgroup(),
        transparent_huge_pages: line("/sys/kernel/mm/transparent_hugepage/enabled"),
        address_randomisation: line("/proc/sys/kernel/randomize_va_space"),
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

/// Commit and dirtiness of the checkout that `folder` lies in; `None` without git.
pub fn revision(folder: &Path) -> Option<Revision> {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").arg("-C").arg(folder).args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    };
    Some(Revision {
        commit: git(&["rev-parse", "HEAD"])?.trim().to_owned(),
        dirty: !git(&["status", "--porcelain", "--untracked-files=no"])?.trim().is_empty(),
    })
}

//! Readings from /proc and /sys of the subject's process tree. What cannot be read is `None`.

use crate::subject::group::is_of_process;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A process and all its descendants.
pub fn tree(root: u32) -> Vec<u32> {
    let mut found = vec![root];
    let mut next = 0;
    while let Some(&pid) = found.get(next) {
        next += 1;
        let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { continue };
        for task in tasks.flatten() {
            let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
            found.extend(children.split_whitespace().filter_map(|c| c.parse::<u32>().ok()));
        }
    }
    found
}

/// Memory of a set of processes. Resident sizes are never added up: shared pages would count many times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// Proportional set size: each page divided by the number of processes that map it.
    pub pss_bytes: u64,
    /// Unique set size: pages that only this process maps.
    pub uss_bytes: u64,
}

/// PSS and USS summed over `pids`, from `smaps_rollup`; `None` when one of them cannot be read.
pub fn memory(pids: &[u32]) -> Option<Memory> {
    let mut total = Memory { pss_bytes: 0, uss_bytes: 0 };
    for pid in pids {
        let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
        let one = parse_rollup(&text)?;
        total.pss_bytes += one.pss_bytes;
        total.uss_bytes += one.uss_bytes;
    }
    Some(total)
}

fn parse_rollup(text: &str) -> Option<Memory> {
    let kib = |key: &str| -> Option<u64> {
        let line = text.lines().find(|line| line.split(':').next() == Some(key))?;
        line.split_whitespace().nth(1)?.parse().ok()
    };
    Some(Memory {
        pss_bytes: kib("Pss")? * 1024,
        uss_bytes: (kib("Private_Clean")? + kib("Private_Dirty")?) * 1024,
    })
}

/// CPU time that all threads of `pids` have used, from `schedstat` (nanoseconds, not ticks).
pub fn cpu_ns(pids: &[u32]) -> Option<u64> {
    let mut total = 0;
    for pid in pids {
        for task in fs::read_dir(format!("/proc/{pid}/task")).ok()?.flatten() {
            let text = fs::read_to_string(task.path().join("schedstat")).ok()?;
            total += text.split_whitespace().next()?.parse::<u64>().ok()?;
        }
    }
    Some(total)
}

/// The same of one process, while none of its threads runs or waits for a core: of one that runs the kernel counts what
/// it has used since its last tick only later. `None` also when a thread does.
pub fn cpu_at_rest_ns(pid: u32) -> Option<u64> {
    for task in fs::read_dir(format!("/proc/{pid}/task")).ok()?.flatten() {
        let stat = fs::read_to_string(task.path().join("stat")).ok()?;
        if state(&stat)? == "R" {
            return None;
        }
    }
    cpu_ns(&[pid])
}

/// The state of a process or thread: it stands behind the name in parentheses.
fn state(stat: &str) -> Option<&str> {
    stat.rsplit(')').next()?.split_whitespace().next()
}

/// The unit of times in `/proc/PID/stat` on x86-64 and AArch64: `USER_HZ` is 100 in their ABI.
const TICK_NS: u64 = 10_000_000;

/// CPU time of the children of `pid` that have ended and were waited for, with what these had waited for. The kernel
/// tells it in ticks of ten milliseconds, cut off: up to two of them are missing.
pub fn ended_children_cpu_ns(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    ticks_of_children(&stat).map(|ticks| ticks * TICK_NS)
}

fn ticks_of_children(stat: &str) -> Option<u64> {
    // proc_pid_stat(5): cutime and cstime are fields 16 and 17; the third stands behind the name in parentheses.
    let mut fields = stat.rsplit(')').next()?.split_whitespace().skip(13);
    let (user, system): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(user + system)
}

/// Involuntary context switches of all threads of `pids`: how often the kernel took the core away from them.
pub fn involuntary_switches_count(pids: &[u32]) -> Option<u64> {
    let mut total = 0;
    for pid in pids {
        for task in fs::read_dir(format!("/proc/{pid}/task")).ok()?.flatten() {
            let text = fs::read_to_string(task.path().join("status")).ok()?;
            total += count_of(&text, "nonvoluntary_ctxt_switches:")?;
        }
    }
    Some(total)
}

/// What one thread has done since it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ThreadActivity {
    /// CPU time.
    pub cpu_ns: u64,
    /// How often it waited for something, and so how often it woke up.
    pub voluntary_switches_count: u64,
}

/// Every thread of `pids`, by process and thread; one that ends while it is read is left out.
pub fn threads(pids: &[u32]) -> BTreeMap<(u32, u32), ThreadActivity> {
    let of_process = |&pid: &u32| {
        let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
        tasks.filter_map(move |task| {
            let thread: u32 = task.file_name().to_str()?.parse().ok()?;
            let schedstat = fs::read_to_string(task.path().join("schedstat")).ok()?;
            let status = fs::read_to_string(task.path().join("status")).ok()?;
            let activity = ThreadActivity {
                cpu_ns: schedstat.split_whitespace().next()?.parse().ok()?,
                voluntary_switches_count: count_of(&status, "voluntary_ctxt_switches:")?,
            };
            Some(((pid, thread), activity))
        })
    };
    pids.iter().flat_map(of_process).collect()
}

fn count_of(status: &str, key: &str) -> Option<u64> {
    let line = status.lines().find(|line| line.starts_with(key))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// What the kernel says could be given to new programs of the whole machine without swapping (`MemAvailable`).
pub fn available_bytes() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    Some(count_of(&text, "MemAvailable:")? * 1024)
}

/// The name of a process, at most 15 characters.
pub fn name(pid: u32) -> Option<String> {
    Some(fs::read_to_string(format!("/proc/{pid}/comm")).ok()?.trim().to_owned())
}

/// The words of a process's command line.
pub fn command_line(pid: u32) -> Option<Vec<String>> {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let words = bytes.split(|&byte| byte == 0).filter(|word| !word.is_empty());
    Some(words.map(|word| String::from_utf8_lossy(word).into_owned()).collect())
}

/// All processes of this name.
pub fn named(wanted: &str) -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|&pid| name(pid).as_deref() == Some(wanted))
        .collect()
}

/// The parent's process id and name.
pub fn parent(pid: u32) -> Option<(u32, String)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name stands in parentheses and may hold blanks: what follows the last one is regular.
    let parent: u32 = stat.rsplit(')').next()?.split_whitespace().nth(1)?.parse().ok()?;
    Some((parent, name(parent)?))
}

/// Peak memory of the control group that `pid` is in, if that is not the runner's own: version 2
/// (`memory.peak`) or 1 (`memory.max_usage_in_bytes`). A process's group of version 2 tells nothing: what the start
/// took was charged before it was moved there.
pub fn cgroup_peak_bytes(pid: u32) -> Option<u64> {
    let file = cgroup_file(&fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?)?;
    let own = cgroup_file(&fs::read_to_string("/proc/self/cgroup").ok()?);
    if own.as_ref() == Some(&file) {
        return None;
    }
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

fn cgroup_file(membership: &str) -> Option<PathBuf> {
    let line = |wanted: fn(&str) -> bool| {
        membership.lines().find_map(|line| {
            let mut parts = line.splitn(3, ':').skip(1);
            let controllers = parts.next()?;
            wanted(controllers).then(|| parts.next()).flatten()
        })
    };
    if let Some(group) = line(|controllers| controllers.split(',').any(|c| c == "memory")) {
        let base = Path::new("/sys/fs/cgroup/memory").join(group.trim_start_matches('/'));
        return Some(base.join("memory.max_usage_in_bytes"));
    }
    let group = line(str::is_empty).filter(|group| !is_of_process(group))?;
    Some(Path::new("/sys/fs/cgroup").join(group.trim_start_matches('/')).join("memory.peak"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rollup_gives_pss_and_private_pages() {
        let text = "00400000-7fff ---p 00000000 00:00 0 [rollup]\nRss: 900 kB\nPss: 10 kB\nPss_Dirty: 7 kB\n\
                    Shared_Clean: 800 kB\nPrivate_Clean: 3 kB\nPrivate_Dirty: 4 kB\n";
        let memory = parse_rollup(text).unwrap();
        assert_eq!((memory.pss_bytes, memory.uss_bytes), (10 * 1024, 7 * 1024));
        assert_eq!(parse_rollup("Pss: 10 kB\n"), None, "a missing line is unknown, not 0");
    }

    #[test]
    fn this_process_can_be_read() {
        let pid = std::process::id();
        assert!(memory(&[pid]).is_some_and(|m| m.pss_bytes >= m.uss_bytes && m.uss_bytes > 0));
        assert!(cpu_ns(&[pid]).is_some_and(|ns| ns > 0));
        assert!(tree(pid).contains(&pid));
        let own_name = name(pid).unwrap();
        assert!(named(&own_name).contains(&pid), "{own_name}");
        assert_eq!(command_line(pid).unwrap(), std::env::args().collect::<Vec<_>>());
        assert!(available_bytes().is_some_and(|bytes| bytes > 0));
        assert_eq!(memory(&[u32::MAX]), None);
    }

    #[test]
    fn what_children_used_is_known_when_they_were_waited_for() {
        let line = "7 (a) b) S 1 7 7 0 -1 4194560 1 2 3 4 50 60 700 8 20 0 1 0 99 1 1";
        assert_eq!(ticks_of_children(line), Some(708));
        assert_eq!(ticks_of_children("7 (a) S 1"), None, "unknown, not 0");
        let spin = "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done";
        let pid = std::process::id();
        let before = ended_children_cpu_ns(pid).unwrap();
        assert!(std::process::Command::new("sh").args(["-c", spin]).status().unwrap().success());
        assert!(ended_children_cpu_ns(pid).unwrap() > before);
    }

    #[test]
    fn what_sleeps_is_at_rest_and_what_computes_is_not() {
        assert_eq!(state("7 (a) R b) S 1 7"), Some("S"));
        assert_eq!(cpu_at_rest_ns(std::process::id()), None, "this thread runs");
        let mut child = std::process::Command::new("sleep").arg("5").spawn().unwrap();
        let begun = std::time::Instant::now();
        while cpu_at_rest_ns(child.id()).is_none_or(|ns| ns == 0) {
            assert!(begun.elapsed().as_secs() < 4, "it sleeps");
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn the_tree_holds_children() {
        let mut child = std::process::Command::new("sleep").arg("5").spawn().unwrap();
        assert!(tree(std::process::id()).contains(&child.id()));
        assert_eq!(parent(child.id()).map(|(pid, _)| pid), Some(std::process::id()));
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn a_thread_that_loses_its_core_is_counted() {
        let pid = std::process::id();
        // Two threads on one core take it from each other; every slice that runs out is one switch. Threads of other
        // tests end meanwhile and take their counts along, so that growth is looked for from one look to the next.
        let core = weighbridge_machine::local_cores()[0];
        let has_grown = || {
            crate::kernel::affinity::pin_current_thread(&[core]);
            let begun = std::time::Instant::now();
            let mut last = u64::MAX;
            let mut has_grown = false;
            while begun.elapsed() < std::time::Duration::from_millis(300) {
                // Unknown when a thread ends between being listed and being read.
                if let Some(count) = involuntary_switches_count(&[pid]) {
                    has_grown |= count > last;
                    last = count;
                }
            }
            has_grown
        };
        let grown = std::thread::scope(|scope| {
            let both = [scope.spawn(has_grown), scope.spawn(has_grown)];
            both.map(|thread| thread.join().unwrap())
        });
        assert!(grown.contains(&true), "{grown:?}");
        assert_eq!(involuntary_switches_count(&[u32::MAX]), None, "unknown, not 0");
    }

    #[test]
    fn both_versions_of_control_groups_are_found() {
        let file = |text| cgroup_file(text).map(|path| path.to_string_lossy().into_owned());
        assert_eq!(
            file("4:memory:/docker/abc\n0::/x\n").as_deref(),
            Some("/sys/fs/cgroup/memory/docker/abc/memory.max_usage_in_bytes")
        );
        assert_eq!(
            file("0::/system.slice/docker-abc.scope\n").as_deref(),
            Some("/sys/fs/cgroup/system.slice/docker-abc.scope/memory.peak")
        );
        assert_eq!(file("1:cpu:/\n"), None);
        let first = file("4:memory:/weighbridge-r-7.process\n0::/x\n");
        assert!(first.is_some_and(|file| file.contains("r-7.process/")));
        assert_eq!(file("0::/weighbridge-r-7.process\n"), None);
    }
}

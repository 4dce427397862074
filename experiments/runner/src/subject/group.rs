//! The control group of a subject that is a plain process: made, with its limits, before the subject starts. Containers
//! get theirs from the engine or the OCI runtime.

use super::bundle::groups::{ROOT, remove_tree};
use crate::failure::Cause;
use rustix::process::{Pid, Signal, getpid, kill_process};
use std::fs::{read_dir, read_to_string};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use weighbridge_schema::limits::{LIMITS, Limits};

/// Ending of the name of a process's group: so it is told from a container's.
const ENDING: &str = ".process";

/// One controller: its name, and the file that takes its limit in version 1 and in version 2.
struct Controller {
    name: &'static str,
    file_1: &'static str,
    file_2: &'static str,
}

const MEMORY: Controller =
    Controller { name: "memory", file_1: "memory.limit_in_bytes", file_2: "memory.max" };
const TASKS: Controller = Controller { name: "pids", file_1: "pids.max", file_2: "pids.max" };

/// The control groups of one process: one in each hierarchy of version 1, or one in that of version 2. They are removed
/// when it is dropped.
#[derive(Debug, Default)]
pub struct Group {
    /// Of version 1: a thread can join them by itself, and what it starts is in them from its first instruction.
    by_thread: Vec<PathBuf>,
    /// Of version 2: only a whole process can join it.
    by_process: Option<PathBuf>,
}

impl Group {
    /// Makes the groups, with their limits.
    ///
    /// # Errors
    /// One of them cannot be made or takes no limit; none is left behind then.
    pub fn create(name: &str, limits: &Limits) -> Result<Self, Cause> {
        Self::create_below(Path::new(ROOT), name, limits)
    }

    fn create_below(root: &Path, name: &str, limits: &Limits) -> Result<Self, Cause> {
        let name = format!("{name}{ENDING}");
        // Dropped half-way it removes what it has made so far.
        let mut group = Self::default();
        for (controller, limit) in [(MEMORY, limits.memory_bytes), (TASKS, limits.tasks_count)] {
            let hierarchy = root.join(controller.name);
            let is_first_version = hierarchy.join("tasks").exists();
            let path = match is_first_version {
                true => hierarchy.join(&name),
                false => unified(root, controller.name)?.join(&name),
            };
            make(&path)?;
            let file = match is_first_version {
                true => {
                    group.by_thread.push(path.clone());
                    path.join(controller.file_1)
                }
                false => {
                    group.by_process = Some(path.clone());
                    path.join(controller.file_2)
                }
            };
            std::fs::write(&file, limit.to_string())
                .map_err(|error| Cause::io(format!("write {}", file.display()), error))?;
        }
        Ok(group)
    }

    /// Calls `spawn` on a thread that has joined the groups before, so that nothing of that lies in a timed stretch
    /// and what is spawned is limited from its start. The thread ends with the call; the others of the runner
    /// never join. Of version 2 see [`Group::adopt`].
    ///
    /// # Errors
    /// The thread may not join.
    pub fn within<T: Send>(&self, spawn: impl FnOnce() -> T + Send) -> Result<T, Cause> {
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                for group in &self.by_thread {
                    let tasks = group.join("tasks");
                    // 0 is the thread that writes.
                    std::fs::write(&tasks, "0")
                        .map_err(|error| Cause::io(format!("join {}", tasks.display()), error))?;
                }
                Ok(spawn())
            });
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Moves a process into the group of version 2, which no thread of ours can join alone; of version 1 it is in its
    /// groups already. The move holds up the threads that the process starts meanwhile for some milliseconds (the
    /// kernel's lock on all thread groups), so it is for after the first answer.
    ///
    /// # Errors
    /// The kernel refuses, for example because the process has ended.
    pub fn adopt(&self, pid: u32) -> Result<(), Cause> {
        let Some(group) = &self.by_process else { return Ok(()) };
        let file = group.join("cgroup.procs");
        std::fs::write(&file, pid.to_string())
            .map_err(|error| Cause::io(format!("write {pid} into {}", file.display()), error))
    }

    /// Kills what a subject that has ended left behind, and removes the groups.
    ///
    /// # Errors
    /// One of them cannot be removed; the message names it.
    pub fn remove(&self) -> Result<(), Cause> {
        let groups = || self.by_thread.iter().chain(&self.by_process);
        for group in groups() {
            let processes = read_to_string(group.join("cgroup.procs")).unwrap_or_default();
            let numbers = processes.lines().filter_map(|line| line.parse().ok());
            // The thread that spawned may still be on its way out: the kernel says that it has ended before it takes it
            // out of the group, and lists this process for it.
            let others = numbers.filter_map(Pid::from_raw).filter(|&pid| pid != getpid());
            for pid in others {
                // It may have ended since; removing tells.
                let _ = kill_process(pid, Signal::KILL);
            }
        }
        groups().try_for_each(|group| remove_tree(group))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // After `remove` there is nothing left, and this does nothing.
        let _ = self.remove();
    }
}

/// The hierarchy of version 2, if it has that controller to give.
fn unified(root: &Path, controller: &str) -> Result<PathBuf, Cause> {
    let file = root.join("cgroup.subtree_control");
    let given = read_to_string(&file).unwrap_or_default();
    if given.split_whitespace().any(|name| name == controller) {
        return Ok(root.to_owned());
    }
    let shown = file.display();
    Err(format!("no control group can limit `{controller}` here: {shown} lacks it").into())
}

fn make(path: &Path) -> Result<(), Cause> {
    match std::fs::create_dir(path) {
        // Both controllers of version 2 are in one group.
        Err(error) if error.kind() != ErrorKind::AlreadyExists => {
            Err(Cause::io(format!("create the control group {}", path.display()), error))
        }
        _ => Ok(()),
    }
}

/// Whether a group with limits can be made here: makes one and removes it.
///
/// # Errors
/// Why not: no root, or no controller.
pub fn usable() -> Result<(), Cause> {
    Group::create(&format!("weighbridge-tried-{}", std::process::id()), &LIMITS)?.remove()
}

/// Removes the groups of processes that a killed run has left behind; the processes were ended by their mark.
///
/// # Errors
/// One of them cannot be removed; the message names it.
pub fn remove_leftovers() -> Result<(), Cause> {
    left(Path::new(ROOT)).iter().try_for_each(|group| remove_tree(group))
}

/// Those directly below the hierarchy of version 2, or below each one of version 1.
fn left(root: &Path) -> Vec<PathBuf> {
    let within = |folder: &Path| -> Vec<PathBuf> {
        read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
    };
    let mut all = within(root);
    all.extend(all.clone().iter().flat_map(|hierarchy| within(hierarchy)));
    let is_ours = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("weighbridge-") && name.ends_with(ENDING) && path.is_dir()
    };
    all.into_iter().filter(is_ours).collect()
}

/// Whether a path of `/proc/PID/cgroup` is that of a process's group.
pub fn is_of_process(path: &str) -> bool {
    path.ends_with(ENDING)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Output};

    /// Limits that a test reaches at once.
    const SMALL: Limits = Limits { memory_bytes: 64 << 20, tasks_count: 8, open_files_count: 64 };

    /// A group of this test; `None`, with a line that says why, where the machine gives none that a thread can join.
    fn group(name: &str) -> Option<Group> {
        let name = format!("test-weighbridge-{}-{name}", std::process::id());
        match Group::create(&name, &SMALL) {
            Ok(group) if group.by_process.is_none() => return Some(group),
            Ok(_) => eprintln!("not tested: version 2 of control groups, which no thread joins"),
            Err(why) => eprintln!("not tested: {why}"),
        }
        None
    }

    fn shell(group: &Group, script: &str) -> Output {
        let run = || Command::new("sh").args(["-c", script]).output().unwrap();
        group.within(run).unwrap()
    }

    /// Fills a shell variable: `count` MiB.
    fn fill(count: u32) -> String {
        format!("x=$(head -c {count}m /dev/zero | tr '\\0' x); echo ${{#x}}")
    }

    #[test]
    fn a_process_beyond_its_memory_is_killed_and_one_within_is_not() {
        let Some(group) = group("memory") else { return };
        let within = shell(&group, &fill(4));
        assert_eq!(String::from_utf8_lossy(&within.stdout).trim(), (4 << 20).to_string());
        let beyond = shell(&group, &fill(256));
        assert!(!beyond.status.success(), "{beyond:?}");
        let failures = group.by_thread[0].join("memory.failcnt");
        assert_ne!(read_to_string(failures).unwrap().trim(), "0");
        group.remove().unwrap();
    }

    #[test]
    fn more_processes_than_allowed_are_refused() {
        let Some(group) = group("tasks") else { return };
        let sleepers = |count: u32| {
            let start = "sleep 5 >/dev/null 2>&1 & all=\"$all $!\"";
            format!("for i in $(seq {count}); do {start}; done; kill $all")
        };
        assert!(shell(&group, &sleepers(3)).status.success());
        let beyond = shell(&group, &sleepers(20));
        let printed = String::from_utf8_lossy(&beyond.stderr).to_lowercase();
        assert!(printed.contains("fork"), "{beyond:?}");
        group.remove().unwrap();
    }

    #[test]
    fn the_runner_does_not_join_and_what_is_left_goes_with_the_group() {
        let own = || read_to_string("/proc/thread-self/cgroup").unwrap();
        let before = own();
        let Some(group) = group("left") else { return };
        let folder = group.by_thread[0].clone();
        // The shell ends and leaves a process behind.
        let left = shell(&group, "sleep 60 >/dev/null 2>&1 & cat /proc/self/cgroup");
        let membership = String::from_utf8(left.stdout).unwrap();
        let members = membership.lines().filter(|line| is_of_process(line)).count();
        assert_eq!(members, group.by_thread.len(), "{membership}");
        assert_eq!(own(), before);
        assert!(!read_to_string(folder.join("cgroup.procs")).unwrap().is_empty());
        drop(group);
        assert!(!folder.exists());
    }

    #[test]
    fn the_runner_outlives_a_group_that_is_removed_at_once() {
        for _ in 0..50 {
            let Some(group) = group("at-once") else { return };
            group.within(|| ()).unwrap();
            group.remove().unwrap();
        }
    }

    #[test]
    fn each_version_is_asked_in_its_own_way() {
        let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for controller in ["memory", "pids"] {
            let hierarchy = first.path().join(controller);
            std::fs::create_dir(&hierarchy).unwrap();
            std::fs::write(hierarchy.join("tasks"), "").unwrap();
        }
        std::fs::write(second.path().join("cgroup.subtree_control"), "cpu memory pids\n").unwrap();
        let value = |path: PathBuf| read_to_string(path).unwrap();
        let name = "weighbridge-r-1";
        let group = Group::create_below(first.path(), name, &SMALL).unwrap();
        assert_eq!((group.by_thread.len(), &group.by_process), (2, &None));
        let folder =
            |controller: &str| first.path().join(controller).join("weighbridge-r-1.process");
        assert_eq!(value(folder("memory").join("memory.limit_in_bytes")), (64 << 20).to_string());
        assert_eq!(value(folder("pids").join("pids.max")), "8");
        assert_eq!(left(first.path()).len(), 2);

        let group = Group::create_below(second.path(), name, &SMALL).unwrap();
        let folder = second.path().join("weighbridge-r-1.process");
        assert_eq!((group.by_thread.len(), &group.by_process), (0, &Some(folder.clone())));
        assert_eq!(value(folder.join("memory.max")), (64 << 20).to_string());
        // No such process: the group ends what is in it when it is dropped.
        group.adopt(u32::MAX).unwrap();
        assert_eq!(value(folder.join("cgroup.procs")), u32::MAX.to_string());
        // Folders of a test hold files, where those of the kernel only show some: removing them fails.
        std::fs::remove_file(folder.join("cgroup.procs")).unwrap();

        std::fs::write(second.path().join("cgroup.subtree_control"), "cpu\n").unwrap();
        let error = Group::create_below(second.path(), name, &SMALL).unwrap_err().to_string();
        assert!(error.contains("can limit `memory`"), "{error}");
    }
}

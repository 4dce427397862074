//! `config.json` of a bundle: what Docker gives a container of the same image, as far as it is not the
//! engine's own (OCI runtime specification 1.0.2).

use crate::image::USER_ID;
use crate::run::leftovers::Mark;
use crate::subject::MARK;
use serde_json::{Value, json};
use std::path::Path;
use weighbridge_schema::limits::LIMITS;

/// What differs from bundle to bundle.
pub struct Container<'a> {
    /// Name of the container, of its host and of its control group.
    pub name: &'a str,
    /// Root file system, read-only.
    pub root: &'a Path,
    /// Name of the program within it.
    pub entry: &'a str,
    /// Arguments of the program.
    pub arguments: &'a [String],
    /// Cores it may run on.
    pub cores: Option<&'a [u32]>,
    /// The run it belongs to.
    pub run: &'a str,
}

/// System calls by which a process could change or look into the kernel and other processes. Docker refuses
/// them as well, but its profile is a list of what is allowed, ten times as long.
pub(super) const REFUSED_CALLS: &[&str] = &[
    "acct",
    "add_key",
    "bpf",
    "clock_adjtime",
    "clock_settime",
    "create_module",
    "delete_module",
    "finit_module",
    "fsconfig",
    "fsmount",
    "fsopen",
    "fspick",
    "init_module",
    "io_uring_enter",
    "io_uring_register",
    "io_uring_setup",
    "ioperm",
    "iopl",
    "kcmp",
    "kexec_file_load",
    "kexec_load",
    "keyctl",
    "lookup_dcookie",
    "mount",
    "mount_setattr",
    "move_mount",
    "move_pages",
    "name_to_handle_at",
    "nfsservctl",
    "open_by_handle_at",
    "open_tree",
    "perf_event_open",
    "pivot_root",
    "process_vm_readv",
    "process_vm_writev",
    "ptrace",
    "query_module",
    "quotactl",
    "reboot",
    "request_key",
    "setdomainname",
    "sethostname",
    "setns",
    "settimeofday",
    "stime",
    "swapoff",
    "swapon",
    "syslog",
    "umount",
    "umount2",
    "unshare",
    "uselib",
    "userfaultfd",
    "vhangup",
];

/// Errno of a refused call: EPERM.
const NOT_PERMITTED: u32 = 1;

/// The configuration. No network namespace: the service listens on the host's loopback.
pub fn config(container: &Container<'_>) -> Value {
    let args: Vec<String> = std::iter::once(format!("/{}", container.entry))
        .chain(container.arguments.iter().cloned())
        .collect();
    let cpus = container.cores.map(|cores| {
        let numbers: Vec<String> = cores.iter().map(u32::to_string).collect();
        json!({ "cpus": numbers.join(",") })
    });
    json!({
        "ociVersion": "1.0.2",
        "process": {
            "terminal": false,
            "user": { "uid": USER_ID, "gid": USER_ID },
            "args": args,
            // Docker gives a PATH too, and youki refuses a process without one ("PATH environment variable is not
            // set").
            "env": [format!("{MARK}={}", Mark::of(container.run)), "PATH=/"],
            "cwd": "/",
            "capabilities": {
                "bounding": [], "effective": [], "inheritable": [], "permitted": [], "ambient": [],
            },
            "noNewPrivileges": true,
            "rlimits": [{
                "type": "RLIMIT_NOFILE",
                "soft": LIMITS.open_files_count, "hard": LIMITS.open_files_count,
            }],
        },
        "root": { "path": container.root, "readonly": true },
        "hostname": "weighbridge",
        "mounts": mounts(),
        "linux": {
            // At the top of the hierarchy and a leaf, so that the runtime removes all of it.
            "cgroupsPath": format!("/{}", container.name),
            "namespaces": [
                { "type": "pid" }, { "type": "ipc" }, { "type": "uts" }, { "type": "mount" },
            ],
            "resources": {
                "devices": [{ "allow": false, "access": "rwm" }],
                // The cores go through the cpuset: a runtime may widen what the process inherits.
                "cpu": cpus.unwrap_or_else(|| json!({})),
                "memory": { "limit": LIMITS.memory_bytes },
                "pids": { "limit": LIMITS.tasks_count },
            },
            "seccomp": {
                "defaultAction": "SCMP_ACT_ALLOW",
                "syscalls": [{
                    "names": REFUSED_CALLS,
                    "action": "SCMP_ACT_ERRNO",
                    "errnoRet": NOT_PERMITTED,
                }],
            },
            "maskedPaths": [
                "/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
                "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi",
                "/sys/firmware",
            ],
            "readonlyPaths": [
                "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
            ],
        },
    })
}

/// The mounts that `runc spec` and Docker make alike.
fn mounts() -> Value {
    let shut = ["nosuid", "noexec", "nodev"];
    let with = |more: &[&'static str]| [shut.as_slice(), more].concat();
    json!([
        { "destination": "/proc", "type": "proc", "source": "proc", "options": shut },
        {
            "destination": "/dev", "type": "tmpfs", "source": "tmpfs",
            "options": ["nosuid", "strictatime", "mode=755", "size=65536k"],
        },
        {
            "destination": "/dev/pts", "type": "devpts", "source": "devpts",
            "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
        },
        { "destination": "/sys", "type": "sysfs", "source": "sysfs", "options": with(&["ro"]) },
        {
            "destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup",
            "options": with(&["relatime", "ro"]),
        },
        { "destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue", "options": shut },
        {
            "destination": "/dev/shm", "type": "tmpfs", "source": "shm",
            "options": with(&["mode=1777", "size=65536k"]),
        },
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example(cores: Option<&[u32]>) -> Value {
        config(&Container {
            name: "weighbridge-r-7",
            root: Path::new("/somewhere/root"),
            entry: "service",
            arguments: &["--listen".to_owned(), "127.0.0.1:9".to_owned()],
            cores,
            run: "r",
        })
    }

    #[test]
    fn nothing_is_granted_that_the_image_does_not_need() {
        let config = example(None);
        assert_eq!(config["process"]["noNewPrivileges"], true);
        assert_eq!(config["root"]["readonly"], true);
        assert_eq!(config["process"]["args"][0], "/service");
        assert_eq!(config["process"]["user"]["uid"], 65534);
        let capabilities = config["process"]["capabilities"].as_object().unwrap();
        assert_eq!(capabilities.len(), 5);
        assert!(capabilities.values().all(|set| set.as_array().is_some_and(Vec::is_empty)));
        let namespaces = config["linux"]["namespaces"].to_string();
        assert!(!namespaces.contains("network"), "the host's network: {namespaces}");
        let mark = config["process"]["env"][0].as_str().unwrap();
        assert!(
            mark.starts_with("WEIGHBRIDGE_RUN=r "),
            "whose it is, after the run's name: {mark}"
        );
    }

    #[test]
    fn it_has_the_limits_of_every_subject() {
        let config = example(None);
        let resources = &config["linux"]["resources"];
        assert_eq!(resources["memory"], json!({ "limit": 4_294_967_296_u64 }));
        assert_eq!(resources["pids"], json!({ "limit": 1024 }));
        let files = json!([{ "type": "RLIMIT_NOFILE", "soft": 4096, "hard": 4096 }]);
        assert_eq!(config["process"]["rlimits"], files);
    }

    #[test]
    fn cores_are_named_only_where_something_is_pinned() {
        assert_eq!(example(Some(&[1, 3]))["linux"]["resources"]["cpu"]["cpus"], "1,3");
        assert!(example(None)["linux"]["resources"]["cpu"]["cpus"].is_null());
    }
}

//! A process on Linux: what takes system calls. None of them changes anything: a file system and a module are asked for
//! that do not exist, memory of another process is opened and not read, and its own code gets the bytes that it has.

use super::{Answer, ENDS_AT_ONCE, Query, name};
use rustix::io::Errno;
use rustix::mount::{MountFlags, mount};
use rustix::system::init_module;
use std::fs::{File, OpenOptions};
use std::hint::black_box;
use std::io::{self, Read};
use std::net::{Ipv4Addr, UdpSocket};
use std::os::unix::fs::FileExt;
use std::process::{Child, Command};

/// Processes that are started.
const PROCESSES_COUNT: usize = 1_000;
/// Descriptors that are asked for.
const DESCRIPTORS_COUNT: usize = 10_000;
/// No kernel has a file system of that name.
const NO_FILE_SYSTEM: &str = "weighbridge-none";
/// No root has a folder of that name.
const NO_FOLDER: &str = "/weighbridge-no-such-folder";
/// The lines of `/proc/self/status` that say how a process is confined.
const CONFINED_BY: [&str; 5] = ["Uid", "CapEff", "NoNewPrivs", "Seccomp", "Seccomp_filters"];

/// Tries the attempt of that name; `None` where this file has none.
pub(super) fn answer(attempt: &str, query: &Query<'_>) -> Option<Answer> {
    Some(match attempt {
        "processes" => processes(query.value("process"), query.value("called")),
        "fork" => fork(),
        "descriptors" => descriptors(),
        "kernel-memory" => kernel_memory(),
        "kernel-files" => kernel_files(),
        "trace" => trace(query.value("process")),
        "mount" => mounting(),
        "module" => module(),
        "own-code" => own_code(),
        "confinement" => confinement(),
        _ => return None,
    })
}

/// A refusal of files.
pub(super) fn of_files(error: &io::Error, seen: &str) -> Answer {
    Answer::by_system(error, seen)
}

/// Whether it sees the process of the host that has this number and is called so.
fn processes(number: &str, called: &str) -> Answer {
    let entries = match std::fs::read_dir("/proc") {
        Ok(entries) => entries,
        Err(error) => return Answer::by_system(&error, "/proc"),
    };
    let is_process = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_digit());
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let count = names.filter(|name| is_process(name)).count();
    match std::fs::read_to_string(format!("/proc/{number}/comm")) {
        Ok(comm) if comm.trim() == called => {
            Answer::possible(format!("{count} processes, the runner among them"))
        }
        // Its own process of that number, by chance.
        Ok(_) => Answer::refused("ENOENT", format!("{count} processes, not the runner")),
        Err(error) => Answer::by_system(&error, &format!("{count} processes, not the runner")),
    }
}

/// Starts processes that end at once. They are waited for at the end, so that all of them count until then.
fn fork() -> Answer {
    let mut children: Vec<Child> = Vec::with_capacity(PROCESSES_COUNT);
    let mut refusal = None;
    while children.len() < PROCESSES_COUNT {
        match Command::new("/proc/self/exe").arg(ENDS_AT_ONCE).spawn() {
            Ok(child) => children.push(child),
            Err(error) => {
                refusal = Some(error);
                break;
            }
        }
    }
    let count = children.len();
    for mut child in children {
        // It has ended, or is about to.
        let _ = child.wait();
    }
    match refusal {
        Some(error) => Answer::by_system(&error, &format!("{count} processes, and then")),
        None => Answer::possible(format!("{count} processes started")),
    }
}

fn descriptors() -> Answer {
    let socket = match UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)) {
        Ok(socket) => socket,
        Err(error) => return Answer::by_system(&error, "a socket"),
    };
    let mut held = Vec::with_capacity(DESCRIPTORS_COUNT);
    while held.len() < DESCRIPTORS_COUNT {
        match socket.try_clone() {
            Ok(copy) => held.push(copy),
            Err(error) => {
                return Answer::by_system(&error, &format!("{} descriptors, and then", held.len()));
            }
        }
    }
    Answer::possible(format!("{} descriptors held", held.len()))
}

/// A file that is there and holds nothing lies under another one.
fn kernel_memory() -> Answer {
    let mut byte = [0; 1];
    match File::open("/proc/kcore").and_then(|mut file| file.read(&mut byte)) {
        Ok(0) => Answer::refused("empty", "/proc/kcore is there and holds nothing"),
        Ok(_) => Answer::possible("the first byte of /proc/kcore was read"),
        Err(error) => Answer::by_system(&error, "/proc/kcore"),
    }
}

fn kernel_files() -> Answer {
    match std::fs::read_dir("/sys/kernel").map(Iterator::count) {
        Ok(0) => Answer::refused("empty", "/sys/kernel is there and holds nothing"),
        Ok(count) => Answer::possible(format!("{count} entries of /sys/kernel")),
        Err(error) => Answer::by_system(&error, "/sys/kernel"),
    }
}

/// The kernel asks the same of who opens the memory of a process as of who wants to trace it.
fn trace(number: &str) -> Answer {
    match File::open(format!("/proc/{number}/mem")) {
        Ok(_) => Answer::possible("the runner's memory is open"),
        Err(error) => Answer::by_system(&error, "the runner's memory"),
    }
}

/// The kernel looks up the place first, asks for the capability then, and looks for the file system last: nothing is
/// ever mounted. A filter of system calls comes before all three.
fn mounting() -> Answer {
    let asked = |place: &str| {
        let data = None::<&std::ffi::CStr>;
        mount(NO_FILE_SYSTEM, place, NO_FILE_SYSTEM, MountFlags::empty(), data)
    };
    let elsewhere = asked(NO_FOLDER).err().map(|errno| name::of(&errno.into()));
    match asked("/") {
        Err(Errno::NODEV) => Answer::possible("permitted: the kernel looked for the file system"),
        Err(errno) => Answer::by_system(&errno.into(), "mount").elsewhere(elsewhere),
        // There is no such file system.
        Ok(()) => Answer::possible("mounted"),
    }
}

/// What is no module is refused as such by a kernel that would take one.
fn module() -> Answer {
    match init_module(b"this is no module", c"") {
        Ok(()) | Err(Errno::NOEXEC) => Answer::possible("permitted: the kernel read the module"),
        Err(errno) => Answer::by_system(&errno.into(), "load a module"),
    }
}

/// Writes the first bytes of a function of its own, as they are.
fn own_code() -> Answer {
    let function: fn() -> Answer = own_code;
    let place = black_box(function) as usize as u64;
    let memory = OpenOptions::new().read(true).write(true).open("/proc/self/mem");
    let written = memory.and_then(|memory| {
        let mut bytes = [0; 8];
        memory.read_exact_at(&mut bytes, place)?;
        memory.write_all_at(&bytes, place)
    });
    match written {
        Ok(()) => Answer::possible("8 bytes of its own code were written, as they were"),
        Err(error) => Answer::by_system(&error, "its own code, by /proc/self/mem"),
    }
}

/// `Uid=0,0,0,0 CapEff=... Seccomp=2 ... kernel=6.1`, as far as it can be read.
fn confinement() -> Answer {
    let status = match std::fs::read_to_string("/proc/self/status") {
        Ok(status) => status,
        Err(error) => return Answer::by_system(&error, "/proc/self/status"),
    };
    let lines = status.lines().filter_map(|line| line.split_once(':'));
    let told = lines.filter(|(key, _)| CONFINED_BY.contains(key)).map(|(key, value)| {
        let value: Vec<&str> = value.split_whitespace().collect();
        format!("{key}={}", value.join(","))
    });
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").ok();
    let kernel = kernel.map(|release| format!("kernel={}", release.trim()));
    Answer::possible(told.chain(kernel).collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isolation::answer;

    fn line(target: &str) -> String {
        answer(target).unwrap().to_string()
    }

    #[test]
    fn a_file_and_a_process_that_are_there_are_found_and_others_are_named_by_their_errno() {
        let folder = std::env::temp_dir();
        let file = folder.join(format!("weighbridge-probe-{}", std::process::id()));
        std::fs::write(&file, "a secret").unwrap();
        let read = line(&format!("/isolation/host-file?path={}", file.display()));
        std::fs::remove_file(&file).unwrap();
        assert_eq!(read, "possible - - 8 bytes read");
        let missing = line("/isolation/host-file?path=/weighbridge-no-such-file");
        assert!(missing.starts_with("refused ENOENT - a file of the host: "), "{missing}");

        let own = std::process::id();
        let called = std::fs::read_to_string("/proc/self/comm").unwrap();
        let seen = line(&format!("/isolation/processes?process={own}&called={}", called.trim()));
        assert!(seen.starts_with("possible - - "), "{seen}");
        let another = line(&format!("/isolation/processes?process={own}&called=nobody"));
        assert!(another.starts_with("refused ENOENT - "), "{another}");
    }

    #[test]
    fn what_is_bounded_ends_and_leaves_nothing() {
        let folder = std::env::temp_dir();
        for sync in ["", "&sync=yes"] {
            let written = line(&format!("/isolation/disk?folder={}{sync}", folder.display()));
            assert!(written.starts_with("possible - - 64 MiB written to "), "{written}");
            assert!(!folder.join("weighbridge-isolation-fill").exists());
        }
        // That moment has passed long ago.
        assert_eq!(line("/isolation/spin?until_ms=1"), "possible - - 0 turns");
        let clock = line("/isolation/timer");
        assert!(clock.contains("the shortest step was "), "{clock}");
    }

    #[test]
    fn loopback_tells_a_listener_from_none() {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let target = format!("/isolation/socket-loopback?port={port}");
        assert_eq!(line(&target), format!("possible - - connected to 127.0.0.1:{port}"));
        drop(listener);
        assert!(line(&target).starts_with("refused ECONNREFUSED - "), "{}", line(&target));
    }

    #[test]
    fn own_code_is_as_it_was_and_the_confinement_is_told() {
        let answered = own_code();
        assert!(matches!(answered.word, "possible" | "refused"), "{answered}");
        let told = line("/isolation/confinement");
        assert!(told.contains("Seccomp=") && told.contains("CapEff="), "{told}");
    }
}

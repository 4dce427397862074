//! A component: what has no interface says so. Nothing of `wasi:*` starts a process, names another one, mounts, loads
//! into a kernel or reads its own code, and no instruction of WebAssembly does.

use super::{Answer, Query};
use std::io;

/// Descriptors that are asked for.
const DESCRIPTORS_COUNT: usize = 10_000;

/// Tries the attempt of that name; `None` where this file has none.
pub(super) fn answer(attempt: &str, _query: &Query<'_>) -> Option<Answer> {
    Some(match attempt {
        "descriptors" => descriptors(),
        // Files of the kernel are files: they need a folder to begin at.
        "kernel-memory" => of_opening("/proc/kcore"),
        "kernel-files" => of_opening("/sys/kernel"),
        "processes" => Answer::absent("no interface lists processes"),
        "fork" => Answer::absent("no interface starts a process"),
        "trace" => Answer::absent("no interface names another process"),
        "mount" => Answer::absent("no interface mounts"),
        "module" => Answer::absent("no interface loads anything into a kernel"),
        "own-code" => Answer::absent("code has no address: no instruction reads or writes it"),
        "confinement" => Answer::absent("a guest is no process"),
        _ => return None,
    })
}

/// A refusal of files: a component without a folder has nothing to begin at, whatever the C library calls that.
pub(super) fn of_files(error: &io::Error, seen: &str) -> Answer {
    match wasip2::filesystem::preopens::get_directories().len() {
        0 => Answer::refused("no-folder", format!("{seen}: no folder was handed over ({error})")),
        _ => Answer::by_system(error, seen),
    }
}

fn of_opening(path: &str) -> Answer {
    match std::fs::File::open(path) {
        Ok(_) => Answer::possible(format!("{path} is open")),
        Err(error) => of_files(&error, path),
    }
}

/// Its handles that the host has a descriptor for.
fn descriptors() -> Answer {
    use wasip2::sockets::network::IpAddressFamily;
    use wasip2::sockets::tcp_create_socket::create_tcp_socket;
    let mut held = Vec::with_capacity(DESCRIPTORS_COUNT);
    for count in 0..DESCRIPTORS_COUNT {
        match create_tcp_socket(IpAddressFamily::Ipv4) {
            Ok(socket) => held.push(socket),
            Err(error) => {
                let seen = format!("{count} sockets, and then no more");
                return Answer::refused(error.name(), seen);
            }
        }
    }
    Answer::possible(format!("{} sockets held", held.len()))
}

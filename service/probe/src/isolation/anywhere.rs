//! What is tried alike in a process and in a component, with the standard library.

use super::{Answer, Query, here};
use std::fs::File;
use std::hint::black_box;
use std::io::{ErrorKind, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

/// Longest wait for a connection: whether it may be asked for is known before.
const CONNECT_LIMIT: Duration = Duration::from_millis(200);
/// An address that documents use (TEST-NET-1), which nobody has.
const OUTSIDE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
/// Where clouds tell a machine about itself, its keys among it.
const METADATA: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);
/// What is asked for at a time, and how often.
const MEMORY_BLOCK_BYTES: usize = 16 << 20;
const MEMORY_BLOCKS_COUNT: usize = 64;
/// What is written at a time, and how often.
const DISK_BLOCK_BYTES: usize = 1 << 20;
const DISK_BLOCKS_COUNT: usize = 64;
/// The file that is written, and removed again.
const FILL: &str = "weighbridge-isolation-fill";
/// Turns of a loop between two looks at the clock: about a millisecond.
const TURNS_PER_LOOK: u32 = 1_000_000;
/// Readings of the clock.
const READINGS_COUNT: u32 = 200_000;
/// A clock whose steps are longer tells apart less than what a cache hit and a miss differ by, many times over.
const FINE_NS: u128 = 1_000;

/// Tries the attempt of that name; `None` where this file has none.
pub(super) fn answer(attempt: &str, query: &Query<'_>) -> Option<Answer> {
    Some(match attempt {
        "alive" => Answer::possible("alive"),
        "host-file" => host_file(query.value("path")),
        "environment" => environment(),
        "socket-out" => connect(SocketAddr::from((OUTSIDE, 80))),
        "socket-metadata" => connect(SocketAddr::from((METADATA, 80))),
        "socket-loopback" => loopback(query.value("port")),
        "allocate" => allocate(),
        "spin" => spin(query.value("until_ms")),
        "recurse" => Answer::possible(format!("{} returned", deeper(1))),
        "trap" => std::process::abort(),
        "disk" => disk(query.value("folder"), !query.value("sync").is_empty()),
        "timer" => timer(),
        _ => return None,
    })
}

fn host_file(path: &str) -> Answer {
    match std::fs::read(path) {
        Ok(bytes) => Answer::possible(format!("{} bytes read", bytes.len())),
        Err(error) => here::of_files(&error, "a file of the host"),
    }
}

/// Names, and no values: they may be somebody's.
fn environment() -> Answer {
    let mut names: Vec<String> =
        std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned()).collect();
    names.sort();
    match names.len() {
        0 => Answer::refused("no-variable", "no variable"),
        count => Answer::possible(format!("{count} variables: {}", names.join(", "))),
    }
}

fn loopback(port: &str) -> Answer {
    match port.parse::<u16>() {
        Ok(port) => connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port))),
        Err(_) => Answer::refused("no-port", "the request names no port"),
    }
}

/// Whether a connection may be asked for. That nobody answers, that somebody far away declines, or that there is no way
/// to there, is what became of a call that was permitted. On loopback the runner listens: there it tells that this is
/// another loopback.
fn connect(address: SocketAddr) -> Answer {
    let begun = Instant::now();
    let Err(error) = TcpStream::connect_timeout(&address, CONNECT_LIMIT) else {
        return Answer::possible(format!("connected to {address}"));
    };
    // The standard library's own wait has no errno: the call was under way.
    if matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::WouldBlock) {
        let waited_ms = begun.elapsed().as_millis();
        return Answer::possible(format!("{address}: under way after {waited_ms} ms"));
    }
    let name = super::name::of(&error);
    let is_permitted = match name.as_str() {
        "ENETUNREACH" | "EHOSTUNREACH" | "EINPROGRESS" => true,
        "ECONNREFUSED" => !address.ip().is_loopback(),
        _ => false,
    };
    match is_permitted {
        true => Answer::possible(format!("{address}: permitted, and then {name}")),
        false => Answer::by_system(&error, &format!("connect to {address}")),
    }
}

/// Takes memory and writes to all of it.
fn allocate() -> Answer {
    let mut held = Vec::with_capacity(MEMORY_BLOCKS_COUNT);
    for count in 0..MEMORY_BLOCKS_COUNT {
        let mut block: Vec<u8> = Vec::new();
        if block.try_reserve_exact(MEMORY_BLOCK_BYTES).is_err() {
            let taken_mib = count * (MEMORY_BLOCK_BYTES >> 20);
            return Answer::refused("ENOMEM", format!("{taken_mib} MiB, and then no more"));
        }
        block.resize(MEMORY_BLOCK_BYTES, 1);
        held.push(black_box(block));
    }
    Answer::possible(format!("{} MiB taken", held.len() * (MEMORY_BLOCK_BYTES >> 20)))
}

/// Until so many milliseconds have passed since 1970, or for ever where the request names no such moment.
fn spin(until_ms: &str) -> Answer {
    let since_1970 = until_ms.parse().ok().map(Duration::from_millis);
    let until = since_1970.and_then(|since| SystemTime::UNIX_EPOCH.checked_add(since));
    let mut turns = 0u64;
    while until.is_none_or(|until| SystemTime::now() < until) {
        for _ in 0..TURNS_PER_LOOK {
            turns = black_box(turns.wrapping_add(1));
        }
    }
    Answer::possible(format!("{turns} turns"))
}

/// Calls itself until the stack ends; no number is as large as the one it would stop at.
fn deeper(depth: u64) -> u64 {
    let frame = black_box([depth; 64]);
    if black_box(depth) == u64::MAX {
        return depth;
    }
    deeper(depth + 1).wrapping_add(frame[0])
}

/// Writes to a file in the first of several folders that takes one. The file loses its name before: whatever ends this,
/// nothing is left of it.
fn disk(of_host: &str, syncs: bool) -> Answer {
    let folders = [of_host, "/", "/tmp", "/var/tmp", "/dev/shm"];
    let mut refusal = None;
    for folder in folders.into_iter().filter(|folder| !folder.is_empty()) {
        let path = Path::new(folder).join(FILL);
        match File::create_new(&path) {
            Ok(file) => {
                // Of a file system that ends with the instance it would not matter.
                let _ = std::fs::remove_file(&path);
                return fill(file, folder, syncs);
            }
            // The host's folder is not there in most, and the others need not be.
            Err(error) if folder == "/" => refusal = Some(error),
            Err(_) => {}
        }
    }
    match refusal {
        Some(error) => here::of_files(&error, "a file in /"),
        None => Answer::refused("no-errno", "no folder takes a file"),
    }
}

/// What is not synced may never come to the disk.
fn fill(mut file: File, folder: &str, syncs: bool) -> Answer {
    let block = vec![1_u8; DISK_BLOCK_BYTES];
    for count in 0..DISK_BLOCKS_COUNT {
        if let Err(error) = file.write_all(&block) {
            return Answer::by_system(&error, &format!("{folder}: {count} MiB, and then"));
        }
    }
    if syncs && let Err(error) = file.sync_data() {
        return Answer::by_system(&error, &format!("{folder}: to the disk"));
    }
    Answer::possible(format!("{DISK_BLOCKS_COUNT} MiB written to {folder}"))
}

/// The shortest step of the clock that was seen; reading it takes time too, so that this is an upper bound.
fn timer() -> Answer {
    let (mut last, mut least_ns) = (Instant::now(), None::<u128>);
    for _ in 0..READINGS_COUNT {
        let now = Instant::now();
        let step_ns = now.saturating_duration_since(last).as_nanos();
        if step_ns > 0 {
            least_ns = Some(least_ns.map_or(step_ns, |least| least.min(step_ns)));
            last = now;
        }
    }
    match least_ns {
        None => Answer::refused(
            "coarse",
            format!("the clock stood still over {READINGS_COUNT} readings"),
        ),
        Some(step_ns) if step_ns >= FINE_NS => {
            Answer::refused("coarse", format!("the shortest step was {step_ns} ns"))
        }
        Some(step_ns) => Answer::possible(format!("the shortest step was {step_ns} ns")),
    }
}

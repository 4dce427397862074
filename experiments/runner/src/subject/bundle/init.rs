//! The first process of a container, as long as it lives.

use crate::failure::Cause;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

/// The container's first process, held by a descriptor so that its number cannot come to mean another one.
pub struct Init {
    /// Its process id.
    pub pid: u32,
    /// By which it is known when it ends.
    pub descriptor: OwnedFd,
}

/// Opens the process, and makes sure that it is that container's.
///
/// # Errors
/// It has ended.
pub fn open_init(pid: u32, container: &str) -> Result<Init, Cause> {
    let descriptor = i32::try_from(pid)
        .ok()
        .and_then(Pid::from_raw)
        .ok_or_else(|| format!("{pid} is no process id"))
        .and_then(|id| {
            pidfd_open(id, PidfdFlags::empty()).map_err(|_| "it has ended".to_owned())
        })?;
    let groups = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
    if groups.contains(container) {
        Ok(Init { pid, descriptor })
    } else {
        Err("it has ended".into())
    }
}

/// Whether the process behind `descriptor` ends within `limit`: a descriptor of a process becomes readable
/// when it ends (pidfd_open(2)).
///
/// # Errors
/// The kernel refuses to wait.
pub fn ended_within(descriptor: &OwnedFd, limit: Duration) -> Result<bool, Cause> {
    let mut requested = [PollFd::new(descriptor, PollFlags::IN)];
    let begun = Instant::now();
    loop {
        let rest = limit.saturating_sub(begun.elapsed());
        let rest = Timespec::try_from(rest).map_err(|error| error.to_string())?;
        match poll(&mut requested, Some(&rest)) {
            Ok(count) => return Ok(count > 0),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(Cause::io("wait for a container", error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::process::{Signal, pidfd_send_signal};

    #[test]
    fn the_end_of_a_process_is_noticed() {
        let mut child = std::process::Command::new("sleep").arg("30").spawn().unwrap();
        let descriptor = pidfd_open(Pid::from_child(&child), PidfdFlags::empty()).unwrap();
        assert!(!ended_within(&descriptor, Duration::from_millis(20)).unwrap());
        pidfd_send_signal(&descriptor, Signal::KILL).unwrap();
        assert!(ended_within(&descriptor, Duration::from_secs(10)).unwrap());
        child.wait().unwrap();
    }
}

//! Processes of this machine, known again although numbers are used anew.

use rustix::process::{Pid, geteuid};
use std::fs;

/// A process that cannot be mistaken for another one: the kernel gives its number to a later one again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// When it started, in the kernel's ticks since the machine did.
    pub started_ticks: u64,
}

impl Process {
    /// This process; `None` where /proc cannot be read.
    #[must_use]
    pub fn this() -> Option<Self> {
        Self::of(std::process::id())
    }

    /// The process that has this number now; `None` when there is none, or it has ended and nobody has waited for it.
    #[must_use]
    pub fn of(pid: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name stands in parentheses and may hold anything.
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
        let state = fields.next()?;
        // proc(5): the state is field 3, the start is field 22.
        let started_ticks = fields.nth(18)?.parse().ok()?;
        (!matches!(state, "Z" | "X")).then_some(Self { pid, started_ticks })
    }

    /// Whether it still runs.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        Self::of(self.pid) == Some(*self)
    }

    /// Its number for a system call; `None` where it is none.
    #[must_use]
    pub fn id(&self) -> Option<Pid> {
        i32::try_from(self.pid).ok().and_then(Pid::from_raw)
    }
}

/// The effective user of this process.
#[must_use]
pub fn user_id() -> u32 {
    geteuid().as_raw()
}

/// The name of a user, or the number where the machine has no name for it.
#[must_use]
pub fn user_name(id: u32) -> String {
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let named = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, number) = (fields.next()?, fields.nth(1)?);
        (number.parse() == Ok(id)).then(|| name.to_owned())
    });
    named.unwrap_or_else(|| format!("user {id}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_alive_until_it_ends_and_another_of_its_number_is_not_it() {
        assert!(Process::this().unwrap().is_alive());
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let process = Process::of(child.id()).unwrap();
        assert!(process.is_alive());
        let other = Process { started_ticks: process.started_ticks + 1, ..process };
        assert!(!other.is_alive());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!process.is_alive());
    }

    #[test]
    fn users_have_names() {
        assert_eq!(user_name(0), "root");
        assert_eq!(user_name(u32::MAX - 7), format!("user {}", u32::MAX - 7));
    }
}

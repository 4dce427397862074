//! The same limits for every way of starting: as an engine and an OCI runtime are asked for them, and as they are put
//! on a plain process, which nobody else limits.

use super::group::{self, Group};
use crate::failure::Cause;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::sync::OnceLock;
use weighbridge_schema::limits::{LIMITS, LimitsEntry};

/// Lowers this process's limit of descriptors to that of the subjects, which children inherit; the runner itself needs
/// a few hundred at most. Set on the child alone it would take effect only after the child had begun.
///
/// # Errors
/// The limit that this process was given is below, and it may not raise it.
pub fn open_files() -> Result<(), Cause> {
    let wanted = Some(LIMITS.open_files_count);
    let wanted = Rlimit { current: wanted, maximum: wanted };
    let given = getrlimit(Resource::Nofile);
    if given == wanted {
        return Ok(());
    }
    setrlimit(Resource::Nofile, wanted).map_err(|error| {
        let most = given.maximum.map_or_else(|| "unlimited".to_owned(), |most| most.to_string());
        let wanted = LIMITS.open_files_count;
        Cause::from(format!(
            "{wanted} open descriptors in a process: setrlimit: {error} (ulimit -Hn says {most})"
        ))
    })
}

/// Whether processes can be put into control groups of their own; tried once.
fn groups_usable() -> &'static Result<(), Cause> {
    static USABLE: OnceLock<Result<(), Cause>> = OnceLock::new();
    USABLE.get_or_init(group::usable)
}

/// A control group with the limits for the process of that name; `None` where this machine has none to give, which the
/// manifest says.
///
/// # Errors
/// There are control groups, and this one cannot be made.
pub fn group(name: &str) -> Result<Option<Group>, Cause> {
    match groups_usable() {
        Ok(()) => Group::create(name, &LIMITS).map(Some),
        Err(_) => Ok(None),
    }
}

/// What the manifest says.
pub fn entry() -> LimitsEntry {
    let memory = groups_usable().as_ref().err().map(|why| {
        format!("memory, processes and threads of subjects that are plain processes: {why}")
    });
    let descriptors = open_files().err().map(|why| why.to_string());
    let not_applied = memory.into_iter().chain(descriptors).collect();
    LimitsEntry { of_every_subject: LIMITS, not_applied }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads what a child was given, as its kernel tells it.
    fn child_says(file: &str) -> String {
        let output = std::process::Command::new("cat").arg(file).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    #[test]
    fn a_child_inherits_the_limit_of_descriptors() {
        if let Err(why) = open_files() {
            eprintln!("not tested: {why}");
            return;
        }
        let limits = child_says("/proc/self/limits");
        let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
        let numbers: Vec<&str> = line.split_whitespace().skip(3).take(2).collect();
        assert_eq!(numbers, ["4096", "4096"], "{line}");
        assert!(open_files().is_ok(), "it can be asked for again");
    }

    #[test]
    fn the_manifest_says_what_does_not_hold() {
        let entry = entry();
        assert_eq!(entry.of_every_subject, LIMITS);
        let about = |word: &str| entry.not_applied.iter().filter(|w| w.contains(word)).count();
        assert_eq!(about("plain processes"), usize::from(groups_usable().is_err()));
    }
}

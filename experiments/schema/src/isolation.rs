//! What a service can do that it has no need of, and what denies it: the attempts, what a visit of the method
//! `isolation` puts into the raw log, and the one table of rules that says what denied an attempt.

use serde::{Deserialize, Serialize};

macro_rules! attempts {
    ($($(#[$doc:meta])* $variant:ident => $key:literal, $title:literal;)*) => {
        /// Something that a service has no need of.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Attempt {
            $($(#[$doc])* #[serde(rename = $key)] $variant,)*
        }

        impl Attempt {
            /// Every attempt, in the order in which they are tried: those that may end the instance come last.
            pub const ALL: &'static [Attempt] = &[$(Attempt::$variant),*];

            /// The key in the raw log, and the path of the probe.
            #[must_use]
            pub fn key(self) -> &'static str {
                match self { $(Attempt::$variant => $key),* }
            }

            /// The words a table uses.
            #[must_use]
            pub fn title(self) -> &'static str {
                match self { $(Attempt::$variant => $title),* }
            }
        }
    };
}

attempts! {
    /// A file that the runner has made is read by its path.
    HostFile => "host-file", "read a file of the host";
    /// The runner's process is found among those of `/proc`.
    Processes => "processes", "see processes of the host";
    /// The environment of its process is read: names, and no values.
    Environment => "environment", "read the environment";
    /// A connection to an address that nobody has (192.0.2.1) is asked for.
    SocketOut => "socket-out", "connect to the outside";
    /// A connection to a listener of the runner on the host's loopback is asked for.
    SocketLoopback => "socket-loopback", "connect to the host's loopback";
    /// A connection to the address at which clouds describe a machine (169.254.169.254) is asked for.
    SocketMetadata => "socket-metadata", "connect to the metadata address";
    /// The first byte of `/proc/kcore`, the kernel's memory, is read.
    KernelMemory => "kernel-memory", "read the kernel's memory";
    /// The folder `/sys/kernel` is listed.
    KernelFiles => "kernel-files", "list /sys/kernel";
    /// The memory of the runner's process is opened: the kernel asks the same of who would trace it.
    Trace => "trace", "trace a process of the host";
    /// A file system that no kernel has is mounted.
    Mount => "mount", "mount a file system";
    /// Bytes that are no module are loaded into the kernel.
    Module => "module", "load a kernel module";
    /// Bytes of its own code are written, as they are.
    OwnCode => "own-code", "write to its own code";
    /// The shortest step of the monotonic clock is below 1 µs.
    Timer => "timer", "tell times below 1 µs";
    /// 64 MiB are written to a file.
    Disk => "disk", "write 64 MiB to a file";
    /// 10,000 descriptors are held at once.
    Descriptors => "descriptors", "hold 10,000 descriptors";
    /// 1,000 processes are started, each of which ends at once.
    Fork => "fork", "start 1,000 processes";
    /// 1 GiB of memory is taken and written to.
    Allocate => "allocate", "take 1 GiB of memory";
    /// A request never ends by itself.
    Spin => "spin", "spin for ever";
    /// A function calls itself until the stack ends.
    Recurse => "recurse", "end the service by recursion";
    /// The guest traps, the process aborts.
    Trap => "trap", "end the service by a trap";
}

impl Attempt {
    /// Whether the instance is a fresh one afterwards: what it was asked may still go on, or have ended it.
    #[must_use]
    pub fn spoils(self) -> bool {
        matches!(
            self,
            Attempt::Fork | Attempt::Allocate | Attempt::Spin | Attempt::Recurse | Attempt::Trap
        )
    }
}

/// How a try ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Went {
    /// It was done.
    Possible,
    /// It was refused, or ended: an error says how.
    Refused,
    /// There is no way to ask for it.
    Absent,
}

/// One attempt that was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tried {
    /// What was tried.
    pub attempt: Attempt,
    /// How it ended; `None` where the probe gave no answer that tells.
    pub went: Option<Went>,
    /// Name of the error: an errno, one of an interface, or what the runner saw (`ended`, `contained`, `killed`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Name of the error of the same call where what it is about is not there; only where it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_elsewhere: Option<String>,
    /// The answer in words, and how the instance ended where it did.
    pub seen: String,
    /// Whether the instance answered the next request.
    pub answers_after: bool,
}

/// How a process says that it is confined; what cannot be read is `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Confinement {
    /// Its user, as its own namespace numbers it.
    pub user: Option<u32>,
    /// Effective capabilities, hexadecimal.
    pub capabilities: Option<String>,
    /// Mode of seccomp: 0 (none), 1 (strict) or 2 (a filter).
    pub seccomp_mode: Option<u32>,
    /// Filters of system calls.
    pub seccomp_filters_count: Option<u32>,
    /// Release of the kernel that it sees.
    pub kernel: Option<String>,
}

/// What one visit showed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Isolation {
    /// How the process says that it is confined; `None` of a guest, which is none.
    pub confinement: Option<Confinement>,
    /// System calls that the list in the container's bundle refuses, where a filter is in place that was made of it.
    /// `None` of what an engine brings along or nobody can read.
    pub calls_refused_count: Option<u64>,
    /// Functions that the component of the service imports, in whose place the probe was started; `None` where that is
    /// no component.
    pub functions_imported_count: Option<u64>,
    /// Every attempt, in the order in which they were tried.
    pub tried: Vec<Tried>,
}

/// What denies an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Denial {
    /// There is nothing to ask.
    Interface,
    /// A capability is not held: one of Linux, or what a host hands to a component.
    Capability,
    /// A filter of system calls.
    Filter,
    /// One of these two: from within they look alike.
    CapabilityOrFilter,
    /// A namespace, or a mount above it: what the host has is not there.
    Namespace,
    /// The file system is mounted read-only.
    ReadOnly,
    /// Mode and owner of a file, or a security module.
    AccessRules,
    /// A limit, of memory, of descriptors, of time.
    Limit,
    /// The instance ends by it, and the service goes on.
    Instance,
}

impl Denial {
    /// Every one.
    pub const ALL: [Denial; 9] = [
        Denial::Interface,
        Denial::Capability,
        Denial::Filter,
        Denial::CapabilityOrFilter,
        Denial::Namespace,
        Denial::ReadOnly,
        Denial::AccessRules,
        Denial::Limit,
        Denial::Instance,
    ];

    /// The words a table uses.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Denial::Interface => "no interface",
            Denial::Capability => "capability",
            Denial::Filter => "seccomp",
            Denial::CapabilityOrFilter => "capability or seccomp",
            Denial::Namespace => "namespace",
            Denial::ReadOnly => "read-only",
            Denial::AccessRules => "access rules",
            Denial::Limit => "limit",
            Denial::Instance => "instance",
        }
    }
}

/// What a rule asks for besides the error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Nothing.
    Always,
    /// The process says that it has no filter of system calls.
    NoFilter,
    /// The same call was refused with the same error where what it is about is not there.
    SameElsewhere,
    /// It was refused with another error there.
    OtherElsewhere,
}

/// A rule: which error, and what it tells.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// Names of errors, one of which the answer has.
    pub errors: &'static [&'static str],
    /// What is asked for besides.
    pub when: When,
    /// What denied it.
    pub denial: Denial,
}

/// From an error to what denied: the first rule that fits. An error that none fits is shown as it is. METHODOLOGY.md
/// has the same table with the reasons.
pub const RULES: &[Rule] = &[
    rule(&["EPERM"], When::OtherElsewhere, Denial::Capability),
    rule(&["EPERM"], When::NoFilter, Denial::Capability),
    rule(&["EPERM"], When::SameElsewhere, Denial::Filter),
    rule(&["EPERM"], When::Always, Denial::CapabilityOrFilter),
    rule(&["ENOSYS"], When::NoFilter, Denial::Interface),
    rule(&["access-denied", "no-folder", "no-variable"], When::Always, Denial::Capability),
    rule(&["ENOENT", "ECONNREFUSED", "empty"], When::Always, Denial::Namespace),
    rule(&["EROFS"], When::Always, Denial::ReadOnly),
    rule(&["EACCES"], When::Always, Denial::AccessRules),
    rule(&["EMFILE", "ENFILE", "new-socket-limit"], When::Always, Denial::Limit),
    rule(&["EAGAIN", "ENOMEM", "ENOSPC", "EDQUOT"], When::Always, Denial::Limit),
    rule(&["coarse", "ended", "killed"], When::Always, Denial::Limit),
    rule(&["contained"], When::Always, Denial::Instance),
];

const fn rule(errors: &'static [&'static str], when: When, denial: Denial) -> Rule {
    Rule { errors, when, denial }
}

/// What became of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It can be done.
    Possible,
    /// It cannot, and this is what denies it.
    Denied(Denial),
    /// It cannot, and no rule says why: the error.
    Unexplained(String),
}

impl Isolation {
    /// Attempts that the instance can do.
    #[must_use]
    pub fn possible_count(&self) -> u64 {
        self.tried.iter().filter(|tried| tried.went == Some(Went::Possible)).count() as u64
    }

    /// Attempts whose answer tells whether it can.
    #[must_use]
    pub fn answered_count(&self) -> u64 {
        self.tried.iter().filter(|tried| tried.went.is_some()).count() as u64
    }

    /// What became of one; `None` where the answer does not tell, or it was not tried.
    #[must_use]
    pub fn verdict(&self, attempt: Attempt) -> Option<Verdict> {
        let tried = self.tried.iter().find(|tried| tried.attempt == attempt)?;
        Some(match tried.went? {
            Went::Possible => Verdict::Possible,
            Went::Absent => Verdict::Denied(Denial::Interface),
            Went::Refused => match self.denial(tried) {
                Some(denial) => Verdict::Denied(denial),
                None => Verdict::Unexplained(tried.error.clone().unwrap_or_default()),
            },
        })
    }

    fn denial(&self, tried: &Tried) -> Option<Denial> {
        let error = tried.error.as_deref()?;
        let elsewhere = tried.error_elsewhere.as_deref();
        let has_no_filter =
            self.confinement.as_ref().is_some_and(|confined| confined.seccomp_mode == Some(0));
        let fits = |rule: &&Rule| {
            rule.errors.contains(&error)
                && match rule.when {
                    When::Always => true,
                    When::NoFilter => has_no_filter,
                    When::SameElsewhere => elsewhere == Some(error),
                    When::OtherElsewhere => elsewhere.is_some_and(|other| other != error),
                }
        };
        RULES.iter().find(fits).map(|rule| rule.denial)
    }
}

#[cfg(test)]
#[path = "isolation_tests.rs"]
mod tests;

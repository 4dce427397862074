//! Why a trial gave no measurement: the phase it failed in, and the cause. Everything that a visit
//! calls fails with a [`Cause`], so that who decides by a failure asks for its kind and not for its
//! words.

pub mod causes;

use crate::http::WrongAnswer;
use crate::kernel::interrupt;
use crate::kernel::page_cache;
use crate::plan::missing::Missing;
use crate::subject::bundle::Unusable;
use bollard::errors::Error as EngineError;
use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind};
use std::process::ExitStatus;
use std::sync::Arc;

/// What was being done when a trial failed. Its text is the `stage` of a failed trial in the raw log
/// and must stay as it is: published runs hold it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Files for a program that runs to its end.
    Prepare,
    /// Finding the emulator that counts.
    Emulator,
    /// The start call, and what lies before it.
    Start,
    /// A program that runs to its end.
    Run,
    /// Reading what was counted.
    Count,
    /// From the start call to the first correct answer.
    FirstResponse,
    /// Moving the subject into its control group.
    Limits,
    /// Load.
    Load,
    /// Load beside an attack.
    Attack,
    /// The answer to the heavy request of a mix, before the load.
    HeavyRequest,
    /// The search for the highest rate.
    Search,
    /// Requests one after the other.
    Series,
    /// Whether the subject still answers after every request of the list.
    AfterList,
    /// Reading memory.
    Memory,
    /// Reading CPU time and wake-ups of an instance that nobody asks.
    Idle,
    /// Asking the first of several tenants, while the others wait.
    TenantProbe,
    /// Trying what a runtime can do.
    Probe,
    /// Reading what is shipped.
    Shipped,
    /// Compressing that with gzip.
    Gzip,
    /// Compressing that with zstd.
    Zstd,
    /// Reading the layers of an image.
    Layers,
    /// Ending the subject.
    Stop,
    /// Keeping what the subject wrote.
    Stderr,
    /// Reading the moments that the program itself tells.
    Stages,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Prepare => "prepare",
            Self::Emulator => "emulator",
            Self::Start => "start",
            Self::Run => "run",
            Self::Count => "count",
            Self::FirstResponse => "first response",
            Self::Limits => "limits",
            Self::Load => "load",
            Self::Attack => "attack",
            Self::HeavyRequest => "heavy request",
            Self::Search => "search",
            Self::Series => "series",
            Self::AfterList => "after the list",
            Self::Memory => "memory",
            Self::Idle => "idle",
            Self::TenantProbe => "probe of a tenant",
            Self::Probe => "probe",
            Self::Shipped => "shipped",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Layers => "layers",
            Self::Stop => "stop",
            Self::Stderr => "stderr",
            Self::Stages => "stages",
        })
    }
}

/// Why a trial gave no measurement. It prints its phase and has its cause as source, so that the
/// whole chain reads `phase: cause`.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{phase}")]
pub struct Failure {
    /// What was being done.
    pub phase: Phase,
    /// Why it failed; its text is the `reason` of the raw log.
    #[source]
    pub cause: Cause,
}

impl Failure {
    /// A failure in that phase.
    pub fn new(phase: Phase, cause: impl Into<Cause>) -> Self {
        Self { phase, cause: cause.into() }
    }

    /// The same for `map_err`.
    pub fn at<C: Into<Cause>>(phase: Phase) -> impl Fn(C) -> Self {
        move |cause| Self::new(phase, cause)
    }
}

/// Why something failed. It prints what it wraps along with itself, which is the text of the raw
/// log: its source would say it twice.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Cause {
    /// The system refused.
    #[error("{doing}: {error}")]
    Io {
        /// What was being done, and to what: `create /a/file`.
        doing: Cow<'static, str>,
        /// What the system said.
        error: Arc<io::Error>,
    },
    /// The page cache could not be dropped.
    #[error(
        "the page cache cannot be dropped: write {file}: {error} \
         (root in the initial namespace is needed)",
        file = page_cache::DROP_CACHES,
        error = .0
    )]
    PageCache(Arc<io::Error>),
    /// The private containerd does not answer; the last line of its log.
    #[error("the private containerd does not answer: {0}")]
    Containerd(String),
    /// What a command needs is not there.
    #[error(transparent)]
    Missing(#[from] Missing),
    /// An OCI runtime or a shim cannot be used.
    #[error(transparent)]
    Unusable(#[from] Unusable),
    /// Another answer came than had to, or something that is none.
    #[error(transparent)]
    Answer(#[from] WrongAnswer),
    /// It took too long.
    #[error("{0}")]
    Timeout(String),
    /// A process has ended that should run.
    #[error("{what} ended with {status}: {printed}")]
    Ended {
        /// The program, or the command.
        what: String,
        /// How it ended.
        status: ExitStatus,
        /// What it wrote to its standard error, trimmed.
        printed: String,
    },
    /// Somebody asked the run to end.
    #[error("{}", interrupt::REASON)]
    Interrupted,
    /// What serves outside trials too, such as the engine's client, with its chain.
    #[error("{0:#}")]
    Chain(Arc<anyhow::Error>),
    /// One of these, and what was being done.
    #[error("{doing}: {cause}")]
    Within {
        /// For example `request 3 of the series`.
        doing: Cow<'static, str>,
        /// The cause.
        cause: Box<Cause>,
    },
    /// Anything that nobody decides by.
    #[error("{0}")]
    Other(Cow<'static, str>),
}

impl Cause {
    /// The system refused what was being `doing`.
    pub fn io(doing: impl Into<Cow<'static, str>>, error: impl Into<io::Error>) -> Self {
        Self::Io { doing: doing.into(), error: Arc::new(error.into()) }
    }

    /// The same cause, with what was being done in front.
    pub fn within(self, doing: impl Into<Cow<'static, str>>) -> Self {
        Self::Within { doing: doing.into(), cause: Box::new(self) }
    }

    /// Whether it says something about the machine and nothing about the subject: on a machine in
    /// order the trial would have done well.
    pub fn is_the_machines(&self) -> bool {
        let is_known = |error: &(dyn Error + 'static)| {
            is_gone_engine(error) || error.downcast_ref().is_some_and(is_broken_disk)
        };
        match self {
            Self::Interrupted | Self::Containerd(_) => true,
            Self::Io { error, .. } | Self::PageCache(error) => is_broken_disk(error),
            Self::Within { cause, .. } => cause.is_the_machines(),
            Self::Chain(error) if error.chain().any(is_known) => true,
            _ => causes::names_the_machine(&self.to_string()),
        }
    }

    /// Whether it is that the disk is full, or what this user may fill of it.
    pub fn is_full_disk(&self) -> bool {
        match self {
            Self::Io { error, .. } | Self::PageCache(error) => has_no_space(error),
            Self::Within { cause, .. } => cause.is_full_disk(),
            Self::Chain(error)
                if error.chain().any(|one| one.downcast_ref().is_some_and(has_no_space)) =>
            {
                true
            }
            _ => causes::names_a_full_disk(&self.to_string()),
        }
    }
}

fn has_no_space(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

/// Full, worn out, or made read-only by the kernel because of an error.
fn is_broken_disk(error: &io::Error) -> bool {
    has_no_space(error)
        || error.kind() == ErrorKind::ReadOnlyFilesystem
        || error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error())
}

/// The engine's client found nobody to talk to; what an engine that answers has said is not of this
/// kind.
fn is_gone_engine(error: &(dyn Error + 'static)) -> bool {
    matches!(
        error.downcast_ref(),
        Some(EngineError::HyperLegacyError { .. } | EngineError::SocketNotFoundError(_))
    )
}

impl From<anyhow::Error> for Cause {
    fn from(error: anyhow::Error) -> Self {
        Self::Chain(Arc::new(error))
    }
}

impl From<String> for Cause {
    fn from(text: String) -> Self {
        Self::Other(text.into())
    }
}

impl From<&'static str> for Cause {
    fn from(text: &'static str) -> Self {
        Self::Other(text.into())
    }
}

#[cfg(test)]
#[path = "failure_tests.rs"]
mod tests;

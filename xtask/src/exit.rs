//! How a verb ends, as the shell sees it.

use std::process::ExitCode;

/// The exit codes of every verb.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: done.
    Done,
    /// 1: done, but a claim or a check does not hold, or trials failed.
    DoesNotHold,
    /// 3: the machine lacks something that the verb cannot do without.
    Lacking,
    /// 130: interrupted.
    Interrupted,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(match exit {
            Exit::Done => 0,
            Exit::DoesNotHold => 1,
            Exit::Lacking => 3,
            Exit::Interrupted => 130,
        })
    }
}

/// An error that stands for exit code 3: what is missing, and the line that provides it.
#[derive(Debug)]
pub struct LackingError {
    /// What is missing, and why it could not be had.
    pub what: String,
    /// One line to paste.
    pub remedy: String,
}

impl std::fmt::Display for LackingError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "this machine lacks {}; to get it: {}", self.what, self.remedy)
    }
}

impl std::error::Error for LackingError {}

/// An error that a program of ours has said itself before it ended with this exit code.
#[derive(Debug)]
pub struct SaidError(pub u8);

impl std::fmt::Display for SaidError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "exit code {}; the message stands above", self.0)
    }
}

impl std::error::Error for SaidError {}

/// An error that stands for exit code 130.
#[derive(Debug)]
pub struct InterruptedError;

impl std::fmt::Display for InterruptedError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("interrupted")
    }
}

impl std::error::Error for InterruptedError {}

//! How a verb ends, as the shell sees it.

use std::process::{ExitCode, ExitStatus};

/// The exit codes of every verb.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: done.
    Done,
    /// 1: done, but a claim or a check does not hold, or trials failed.
    DoesNotHold,
    /// 3: the machine lacks something that the verb cannot do without.
    Lacking,
    /// 4: done, but what was asked is undecided.
    Undecided,
    /// 130: interrupted.
    Interrupted,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(match exit {
            Exit::Done => 0,
            Exit::DoesNotHold => 1,
            Exit::Lacking => 3,
            Exit::Undecided => 4,
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

/// An error that a program of ours has told already, in its own words: only its exit code is left to hand on.
#[derive(Debug)]
pub struct ReportedError {
    /// The program's exit code.
    pub code: u8,
}

impl ReportedError {
    /// An error unless the program has ended well: with one of `good`.
    ///
    /// # Errors
    /// This one, or one that says by which signal it was killed.
    pub fn unless(status: ExitStatus, good: &[i32]) -> anyhow::Result<()> {
        match status.code() {
            Some(code) if good.contains(&code) => Ok(()),
            Some(130) => Err(InterruptedError.into()),
            Some(code) => Err(Self { code: u8::try_from(code).unwrap_or(2) }.into()),
            None => anyhow::bail!("the program was killed ({status})"),
        }
    }
}

impl std::fmt::Display for ReportedError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "its message stands above (exit code {})", self.code)
    }
}

impl std::error::Error for ReportedError {}

/// An error that stands for exit code 130.
#[derive(Debug)]
pub struct InterruptedError;

impl std::fmt::Display for InterruptedError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("interrupted")
    }
}

impl std::error::Error for InterruptedError {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;

    #[test]
    fn a_program_of_ours_ends_us_as_it_has_ended() {
        let ended = |code: i32| ReportedError::unless(ExitStatus::from_raw(code << 8), &[0, 1]);
        assert!(ended(0).is_ok() && ended(1).is_ok());
        let error = ended(2).unwrap_err();
        assert_eq!(error.downcast_ref::<ReportedError>().map(|reported| reported.code), Some(2));
        assert!(ended(130).unwrap_err().is::<InterruptedError>());
        let killed = ReportedError::unless(ExitStatus::from_raw(9), &[0]).unwrap_err();
        assert!(killed.to_string().contains("signal: 9"), "{killed}");
    }
}

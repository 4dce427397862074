//! What set-up may ask of the machine and do to it, behind a trait, so that the chains are tested
//! without touching anything.

use crate::engine_api;
use anyhow::{Context as _, Result, bail};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use weighbridge_machine::ask;
use weighbridge_project::inputs::sha256_file;
use weighbridge_project::process::command;
use weighbridge_schema::subject::ContainerEngine;

/// A program to run to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The program, a path or a name to look up.
    pub program: String,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Variables added to the environment.
    pub environment: BTreeMap<String, String>,
    /// Where it runs; `None` means here.
    pub folder: Option<PathBuf>,
    /// How long it may take; `None` for what installs or compiles.
    pub limit: Option<Duration>,
}

impl Step {
    /// A step with these arguments.
    pub fn new<A: Into<String>>(
        program: impl Into<String>,
        arguments: impl IntoIterator<Item = A>,
    ) -> Self {
        Self {
            program: program.into(),
            arguments: arguments.into_iter().map(Into::into).collect(),
            environment: BTreeMap::new(),
            folder: None,
            limit: None,
        }
    }

    /// The same step, which is a question and is answered at once or not at all: after `limit` it is killed.
    #[must_use]
    pub fn answered_within(mut self, limit: Duration) -> Self {
        self.limit = Some(limit);
        self
    }

    /// The same step with one more variable.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.insert(name.to_owned(), value.into());
        self
    }

    /// The same step, run in a folder.
    #[must_use]
    pub fn within(mut self, folder: &Path) -> Self {
        self.folder = Some(folder.to_owned());
        self
    }
}

impl fmt::Display for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.program, self.arguments.join(" "))
    }
}

/// The machine as set-up sees it.
pub trait Machine {
    /// An environment variable; empty counts as not set.
    fn variable(&self, name: &str) -> Option<String>;
    /// Where a program lies on PATH.
    fn find(&self, program: &str) -> Option<PathBuf>;
    /// Whether a path exists.
    fn exists(&self, path: &Path) -> bool;
    /// A text file's content, `None` when it can't be read.
    fn read(&self, path: &Path) -> Option<String>;
    /// What lies in a folder, sorted; nothing when it can't be read.
    fn list(&self, folder: &Path) -> Vec<PathBuf>;
    /// SHA-256 of a file, `None` when it can't be read.
    fn digest(&self, file: &Path) -> Option<String> {
        sha256_file(file).ok()
    }
    /// Whether this process runs as root.
    fn is_root(&self) -> bool;
    /// The instruction set, as Rust names it: `x86_64`, `aarch64`.
    fn architecture(&self) -> &str;
    /// Whether a container engine of this kind answers at this socket.
    fn engine_answers(&self, kind: ContainerEngine, socket: &Path) -> bool;
    /// Asks a yes-or-no question on the terminal.
    fn confirm(&self, question: &str) -> bool;
    /// Runs a program to its end; gives its standard output.
    ///
    /// # Errors
    /// When it can't be started or ends with another status than 0; the message carries the end of its
    /// standard error.
    fn run(&self, step: &Step) -> Result<String>;
}

/// The machine that this process runs on.
#[derive(Debug, Default)]
pub struct LocalMachine;

impl Machine for LocalMachine {
    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok().filter(|value| !value.is_empty())
    }

    fn find(&self, program: &str) -> Option<PathBuf> {
        which::which(program).ok()
    }

    fn exists(&self, path: &Path) -> bool {
        path.exists()
    }

    fn read(&self, path: &Path) -> Option<String> {
        std::fs::read_to_string(path).ok()
    }

    fn list(&self, folder: &Path) -> Vec<PathBuf> {
        let mut found: Vec<PathBuf> = std::fs::read_dir(folder)
            .map(|entries| entries.filter_map(|entry| Some(entry.ok()?.path())).collect())
            .unwrap_or_default();
        found.sort();
        found
    }

    fn is_root(&self) -> bool {
        use std::os::unix::fs::MetadataExt as _;
        // The owner of a process's folder in /proc is its effective user; std has no geteuid.
        std::fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0)
    }

    fn architecture(&self) -> &str {
        std::env::consts::ARCH
    }

    fn engine_answers(&self, kind: ContainerEngine, socket: &Path) -> bool {
        engine_api::answers(kind, socket)
    }

    fn confirm(&self, question: &str) -> bool {
        use std::io::Write as _;
        let mut answer = String::new();
        eprint!("{question} [Y/n] ");
        let requested =
            std::io::stderr().flush().and_then(|()| std::io::stdin().read_line(&mut answer));
        // End of input is no consent.
        requested.is_ok_and(|length| length > 0)
            && matches!(answer.trim().to_ascii_lowercase().as_str(), "" | "y" | "yes")
    }

    fn run(&self, step: &Step) -> Result<String> {
        let mut command = command(&step.program);
        command.args(&step.arguments).envs(&step.environment).stdin(Stdio::null());
        if let Some(folder) = &step.folder {
            command.current_dir(folder);
        }
        let output = match step.limit {
            Some(limit) => ask::output(&mut command, limit),
            None => command.output(),
        };
        let output = output.with_context(|| format!("can't run `{step}`"))?;
        if !output.status.success() {
            let errors = String::from_utf8_lossy(&output.stderr);
            let text = if errors.trim().is_empty() {
                String::from_utf8_lossy(&output.stdout)
            } else {
                errors
            };
            bail!("`{step}` failed ({}): {}", output.status, last_lines(&text, 5));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// The last lines that say something, joined into one.
fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines[lines.len().saturating_sub(count)..].join(" | ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_that_is_not_answered_is_named() {
        let question = Step::new("sleep", ["300"]).answered_within(Duration::from_millis(200));
        let error = format!("{:#}", LocalMachine.run(&question).unwrap_err());
        assert_eq!(error, "can't run `sleep 300`: it did not end within 0.2 s and was killed");
    }
}

//! What every part of set-up is told about this project, this machine and its user.

use crate::machine::{LocalMachine, Machine};
use std::io::IsTerminal;
use std::path::PathBuf;
use weighbridge_project::project::Project;

/// What every part of set-up is told.
pub struct Context<'a> {
    /// The project's folder.
    pub repo: PathBuf,
    /// Where downloads, unpacked sources and generated scripts go; made when it is not there.
    /// An absolute path: it becomes part of compiler flags.
    pub state: PathBuf,
    /// Cargo's build folder, which generated code must not tell.
    pub build: PathBuf,
    /// Install without asking.
    pub assume_yes: bool,
    /// A terminal is there to ask on.
    pub interactive: bool,
    /// Takes one line of progress at a time.
    pub reporter: &'a dyn Fn(&str),
    /// The machine; [`LocalMachine`] outside the tests.
    pub machine: &'a dyn Machine,
}

impl<'a> Context<'a> {
    /// That of a project on this machine; `reporter` takes one line of progress at a time.
    pub fn of(project: &Project, reporter: &'a dyn Fn(&str)) -> Self {
        Self {
            repo: project.root.clone(),
            state: project.state.clone(),
            build: project.build.clone(),
            assume_yes: project.assume_yes,
            interactive: std::io::stdin().is_terminal() && std::io::stderr().is_terminal(),
            reporter,
            machine: &LocalMachine,
        }
    }
}

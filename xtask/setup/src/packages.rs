//! The distribution's packages: all that are missing in one go, after one question, or one line to paste.

use crate::context::Context;
use crate::machine::{Machine, Step};
use anyhow::{Result, bail};
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::path::Path;

/// Installs packages, when this user may.
#[derive(Debug, Default)]
pub(crate) struct Installer {
    /// The answer given on the terminal; asked once at most.
    consent: Cell<Option<bool>>,
    /// What was installed already in this session.
    installed: RefCell<BTreeSet<String>>,
}

impl Installer {
    /// Why nothing can be installed here; `None` when it can.
    pub(crate) fn blocked(&self, context: &Context<'_>) -> Option<String> {
        let machine = context.machine;
        if in_nix(machine) {
            return Some("nothing is installed in a Nix shell".to_owned());
        }
        if machine.find("apt-get").is_none() {
            return Some("no apt-get here".to_owned());
        }
        if !machine.is_root() {
            return Some("packages can be installed by root only".to_owned());
        }
        (self.consent.get() == Some(false)).then(|| "installing was declined".to_owned())
    }

    /// Installs the packages that this session has not installed yet.
    ///
    /// # Errors
    /// When it is not allowed, was declined, or apt-get fails.
    pub(crate) fn ensure(&self, context: &Context<'_>, packages: &[&str]) -> Result<()> {
        let mut wanted = unique(packages);
        wanted.retain(|package| !self.installed.borrow().contains(*package));
        if wanted.is_empty() {
            return Ok(());
        }
        if let Some(reason) = self.blocked(context) {
            bail!("{reason}; {}", line(&wanted));
        }
        let list = wanted.join(" ");
        (context.reporter)(&format!("packages to install: {list}"));
        if context.interactive && !context.assume_yes && self.consent.get().is_none() {
            let answer = context.machine.confirm("Install them?");
            self.consent.set(Some(answer));
            if !answer {
                bail!("installing was declined; {}", line(&wanted));
            }
        }
        // Only those are set-up's own: a package that is there already may be there for another reason.
        let own = absent(context.machine, &wanted);
        install(context.machine, &wanted)?;
        note_installed(&context.state, &own)?;
        self.installed.borrow_mut().extend(wanted.into_iter().map(str::to_owned));
        Ok(())
    }
}

/// The list of what set-up has installed, so that `clean` can say how it goes.
const LIST: &str = "installed-packages.txt";

fn note_installed(state: &Path, packages: &[&str]) -> Result<()> {
    let mut all: BTreeSet<String> = installed(state).into_iter().collect();
    all.extend(packages.iter().map(|package| (*package).to_owned()));
    let lines: String = all.iter().map(|package| format!("{package}\n")).collect();
    weighbridge_project::files::write(&state.join(LIST), lines.as_bytes())
}

/// The packages that set-up has installed, as far as the state folder remembers.
#[must_use]
pub fn installed(state: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(state.join(LIST)).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// Those of the packages that the distribution's own record does not call installed.
pub(crate) fn absent<'a>(machine: &dyn Machine, packages: &[&'a str]) -> Vec<&'a str> {
    let is_there = |package: &str| {
        let requested = ["--show", "--showformat=${db:Status-Status}", package];
        machine
            .run(&Step::new("dpkg-query", requested))
            .is_ok_and(|printed| printed.trim() == "installed")
    };
    packages.iter().copied().filter(|package| !is_there(package)).collect()
}

/// In `nix develop` everything comes from the flake.
pub(crate) fn in_nix(machine: &dyn Machine) -> bool {
    machine.variable("IN_NIX_SHELL").is_some()
}

/// The line to paste that installs packages.
pub(crate) fn line(packages: &[&str]) -> String {
    format!("sudo apt-get install -y --no-install-recommends {}", unique(packages).join(" "))
}

fn unique<'a>(packages: &[&'a str]) -> Vec<&'a str> {
    packages.iter().copied().collect::<BTreeSet<_>>().into_iter().collect()
}

/// Installs; refreshes the index only when the first try finds it too old or empty.
fn install(machine: &dyn Machine, packages: &[&str]) -> Result<()> {
    let apt = |arguments: Vec<&str>| {
        machine.run(&Step::new("apt-get", arguments).with("DEBIAN_FRONTEND", "noninteractive"))
    };
    let install = || {
        // Another apt-get may be at work: wait for it, five minutes at most.
        let wait = ["-o", "DPkg::Lock::Timeout=300"];
        let mut arguments = [&wait[..], &["install", "-y", "--no-install-recommends"]].concat();
        arguments.extend(packages);
        apt(arguments)
    };
    if install().is_err() {
        apt(vec!["update"])?;
        install().map_err(with_way_on)?;
    }
    Ok(())
}

/// A package that the distribution has no more will not be had by the line to paste either.
fn with_way_on(error: anyhow::Error) -> anyhow::Error {
    let text = format!("{error:#}");
    match lacking(&text) {
        Some(package) => error.context(format!(
            "this distribution has no package {package}; what it brings serves from PATH too, \
             installed in another way (`nix develop` has all)"
        )),
        None => error,
    }
}

/// The package that apt-get has not found.
fn lacking(text: &str) -> Option<&str> {
    let after = |mark: &str| text.split_once(mark).map(|(_, rest)| rest);
    let name = after("Unable to locate package ").or_else(|| {
        text.split_once("' has no installation candidate")?
            .0
            .rsplit_once('\'')
            .map(|(_, name)| name)
    })?;
    name.split_whitespace().next()
}

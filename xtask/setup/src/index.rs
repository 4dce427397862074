//! What a suite of the distribution has: a private index, asked for versions, hashes and
//! dependencies.

use crate::machine::{Machine, Step};
use anyhow::{Context as _, Result};
use std::time::Duration;

/// A private index. Refreshing it is the one question that goes over the network.
pub(crate) struct Index<'a> {
    machine: &'a dyn Machine,
    options: &'a [String],
}

/// One version of a package, as the index lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    /// SHA-256 of the `.deb` file, which the archive's key vouches for.
    pub(crate) sha256: String,
    /// The packages that it depends on, without versions and alternatives.
    pub(crate) depends: Vec<String>,
}

impl<'a> Index<'a> {
    /// One that was refreshed before.
    pub(crate) fn of(machine: &'a dyn Machine, options: &'a [String]) -> Self {
        Self { machine, options }
    }

    /// Refreshes it; with a limit, a mirror that does not answer by then is given up.
    ///
    /// # Errors
    /// The mirror cannot be reached, or does not answer in time.
    pub(crate) fn refreshed(
        machine: &'a dyn Machine,
        options: &'a [String],
        limit: Option<Duration>,
    ) -> Result<Self> {
        let index = Self::of(machine, options);
        let update = index.step("apt-get", &["update"]);
        machine.run(&Step { limit, ..update })?;
        Ok(index)
    }

    /// A step of apt that sees this index and nothing else.
    pub(crate) fn step(&self, program: &str, arguments: &[&str]) -> Step {
        let words = arguments.iter().map(|&word| word.to_owned());
        Step::new(program, self.options.iter().cloned().chain(words))
    }

    /// The versions of a package in a suite, the newest first; none when it has no such package.
    ///
    /// # Errors
    /// apt-cache cannot be run.
    pub(crate) fn versions(&self, package: &str, suite: &str) -> Result<Vec<String>> {
        let listed = self.machine.run(&self.step("apt-cache", &["madison", package]))?;
        let suite = format!(" {suite}/");
        Ok(listed
            .lines()
            .filter_map(|line| {
                let mut columns = line.split('|');
                let (_, version, from) = (columns.next()?, columns.next()?, columns.next()?);
                from.contains(&suite).then(|| version.trim().to_owned())
            })
            .collect())
    }

    /// What the index says of one version.
    ///
    /// # Errors
    /// It has no such version.
    pub(crate) fn listed(&self, package: &str, version: &str) -> Result<Listed> {
        let requested = format!("{package}={version}");
        let stanza = self.machine.run(&self.step("apt-cache", &["show", &requested]))?;
        let field = |name: &str| {
            let line = stanza.lines().find_map(|line| line.strip_prefix(name))?;
            Some(line.trim().to_owned())
        };
        let sha256 = field("SHA256:")
            .with_context(|| format!("the index has no SHA-256 of {package} {version}"))?;
        let depends = field("Depends:").unwrap_or_default();
        let name = |one: &str| one.split_whitespace().next().map(str::to_owned);
        Ok(Listed { sha256, depends: depends.split([',', '|']).filter_map(name).collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::FakeMachine;

    #[test]
    fn the_versions_of_another_suite_are_not_among_them() {
        let machine = FakeMachine::debian()
            .on("apt-get update", |_, _| Ok(String::new()))
            .on("madison rustc-web", |_, _| {
                Ok(" rustc-web | 1.96.0-1~deb13u1+b1 | http://m trixie/main amd64 Packages\n \
                    rustc-web | 1.96.0-1~deb12u2 | http://m bookworm-security/main amd64 Packages\n"
                    .to_owned())
            })
            .on("show rustc-web=1.96.0-1~deb12u2", |_, _| {
                Ok("Package: rustc-web\nDepends: libc6 (>= 2.34), gcc | clang, lld-22\n\
                    SHA256: 8fef\nDescription: x\n"
                    .to_owned())
            });
        let index = Index::refreshed(&machine, &[], None).unwrap();
        let versions = index.versions("rustc-web", "bookworm-security").unwrap();
        assert_eq!(versions, ["1.96.0-1~deb12u2"]);
        let listed = index.listed("rustc-web", &versions[0]).unwrap();
        assert_eq!(listed.sha256, "8fef");
        assert_eq!(listed.depends, ["libc6", "gcc", "clang", "lld-22"]);
    }
}

//! Goes through the providers of one need, in order, and records the one that served.

use crate::context::Context;
use crate::machine::Machine;
use crate::packages::Installer;
use crate::record::{Finding, Need, Outcome, PassedOver, Provision, Standing, TargetToolchain};
use crate::rust::Compiler;
use anyhow::{Result, bail};
use std::collections::BTreeMap;

/// One call of set-up: the context and what was found out once for all chains.
pub(crate) struct Session<'a> {
    pub(crate) context: &'a Context<'a>,
    pub(crate) compiler: Compiler,
    pub(crate) installer: Installer,
}

impl<'a> Session<'a> {
    /// # Errors
    /// There is no Rust compiler.
    pub(crate) fn open(context: &'a Context<'a>) -> Result<Self> {
        let compiler = Compiler::detect(context)?;
        Ok(Self { context, compiler, installer: Installer::default() })
    }

    pub(crate) fn machine(&self) -> &dyn Machine {
        self.context.machine
    }

    pub(crate) fn report(&self, line: &str) {
        (self.context.reporter)(line);
    }
}

/// Whether a provider can serve, found without changing anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Readiness {
    /// It is there.
    Present,
    /// It can be got; these packages of the distribution must be installed first.
    Obtainable { packages: Vec<&'static str> },
    /// It can't serve here, and why.
    Unavailable(String),
}

/// What a provider gives.
#[derive(Clone, Debug, Default)]
pub(crate) struct Supply {
    /// Versions and hashes, by name.
    pub(crate) detail: BTreeMap<String, String>,
    /// For a target: how to build for it.
    pub(crate) target: Option<TargetToolchain>,
}

/// One way to meet a need.
pub(crate) trait Provider {
    /// Its name, in kebab-case.
    fn name(&self) -> &'static str;
    /// Whether it can serve; fast, and changes nothing.
    fn readiness(&self, session: &Session<'_>) -> Readiness;
    /// Makes it serve.
    fn supply(&self, session: &Session<'_>) -> Result<Supply>;
}

/// A need with its providers and the line to paste when none of them serves.
pub(crate) struct Chain {
    pub(crate) need: Need,
    pub(crate) providers: Vec<Box<dyn Provider>>,
    pub(crate) remedy: String,
}

impl Chain {
    /// The providers in the order to try: what is there already comes before what would have to be
    /// fetched, else the chain's own order. Those that can't serve come with their reason.
    fn order(&self, session: &Session<'_>) -> Result<(Vec<Candidate<'_>>, Vec<PassedOver>)> {
        let forced = self.forced(session)?;
        let (mut present, mut obtainable, mut passed_over) = (Vec::new(), Vec::new(), Vec::new());
        for provider in &self.providers {
            let provider = provider.as_ref();
            let readiness = match &forced {
                Some((variable, name)) if name != provider.name() => {
                    Readiness::Unavailable(format!("{variable}={name} asks for another"))
                }
                _ => provider.readiness(session),
            };
            match readiness {
                Readiness::Present => present.push(Candidate { provider, packages: None }),
                Readiness::Obtainable { packages } => {
                    obtainable.push(Candidate { provider, packages: Some(packages) });
                }
                Readiness::Unavailable(reason) => {
                    passed_over.push(PassedOver { provider: provider.name().to_owned(), reason });
                }
            }
        }
        present.extend(obtainable);
        Ok((present, passed_over))
    }

    /// The provider that the need's override variable asks for; `none` asks for no provider at all.
    fn forced(&self, session: &Session<'_>) -> Result<Option<(&'static str, String)>> {
        let variable = self.need.override_variable();
        let Some(name) = session.machine().variable(variable) else { return Ok(None) };
        let known: Vec<&str> = self.providers.iter().map(|provider| provider.name()).collect();
        if name != "none" && !known.contains(&name.as_str()) {
            bail!("{variable}={name}: no such provider; there are {}, none", known.join(", "));
        }
        Ok(Some((variable, name)))
    }

    /// Looks at every provider once.
    pub(crate) fn plan(&self, session: &Session<'_>) -> Result<Plan<'_>> {
        let (candidates, passed_over) = self.order(session)?;
        Ok(Plan { chain: self, candidates, passed_over })
    }

    /// Where the need stands, without changing anything.
    pub(crate) fn find(&self, session: &Session<'_>) -> Result<Finding> {
        let (candidates, mut passed_over) = self.order(session)?;
        let mut standing = None;
        for Candidate { provider, packages } in candidates {
            let name = provider.name().to_owned();
            let blocked = packages
                .as_ref()
                .filter(|packages| !packages.is_empty())
                .and_then(|_| session.installer.blocked(session.context));
            standing = match (packages, blocked) {
                (None, _) => Some(Standing::Present { provider: name }),
                (Some(packages), None) => {
                    let line = setup_line(&packages);
                    Some(Standing::Obtainable { provider: name, line })
                }
                (Some(_), Some(reason)) => {
                    passed_over.push(PassedOver { provider: name, reason });
                    continue;
                }
            };
            break;
        }
        let standing = standing.unwrap_or_else(|| Standing::Missing {
            reason: reasons(&passed_over),
            line: self.remedy.clone(),
        });
        Ok(Finding { need: self.need, standing })
    }
}

/// A chain whose providers were looked at.
pub(crate) struct Plan<'a> {
    chain: &'a Chain,
    candidates: Vec<Candidate<'a>>,
    passed_over: Vec<PassedOver>,
}

impl Plan<'_> {
    /// The packages that the first provider in line waits for.
    pub(crate) fn packages(&self) -> &[&'static str] {
        self.candidates.first().and_then(|first| first.packages.as_deref()).unwrap_or_default()
    }

    /// Meets the need with the first provider that works.
    pub(crate) fn run(self, session: &Session<'_>) -> (Provision, Option<TargetToolchain>) {
        let Plan { chain: &Chain { need, ref remedy, .. }, candidates, mut passed_over } = self;
        for candidate in candidates {
            let name = candidate.provider.name();
            let packages = candidate.packages.unwrap_or_default();
            if !packages.is_empty()
                && let Some(reason) = session.installer.blocked(session.context)
            {
                passed_over.push(PassedOver { provider: name.to_owned(), reason });
                continue;
            }
            let installed = session.installer.ensure(session.context, &packages);
            match installed.and_then(|()| candidate.provider.supply(session)) {
                Ok(supply) => {
                    let outcome =
                        Outcome::Provided { provider: name.to_owned(), detail: supply.detail };
                    return (Provision { need, outcome, passed_over }, supply.target);
                }
                Err(error) => {
                    let reason = format!("{error:#}");
                    session.report(&format!("{need}: {name} can't serve: {}", short(&reason)));
                    passed_over.push(PassedOver { provider: name.to_owned(), reason });
                }
            }
        }
        let outcome = Outcome::Missing { reason: reasons(&passed_over), remedy: remedy.clone() };
        (Provision { need, outcome, passed_over }, None)
    }
}

struct Candidate<'a> {
    provider: &'a dyn Provider,
    /// `None` when the provider is present.
    packages: Option<Vec<&'static str>>,
}

fn setup_line(packages: &[&str]) -> String {
    match packages {
        [] => "cargo xtask setup".to_owned(),
        _ => format!("cargo xtask setup (installs {})", packages.join(" ")),
    }
}

fn reasons(passed_over: &[PassedOver]) -> String {
    let parts: Vec<String> =
        passed_over.iter().map(|one| format!("{}: {}", one.provider, one.reason)).collect();
    parts.join("; ")
}

/// Letters of a reason that are shown while another provider may still serve; all of it is recorded.
const SHOWN_MAX: usize = 100;

/// The beginning of a reason, in one line.
fn short(reason: &str) -> String {
    let line = reason.lines().next().unwrap_or_default();
    let shown: String = line.chars().take(SHOWN_MAX).collect();
    if shown.len() == reason.len() {
        shown
    } else {
        format!("{} ... (setup.json has all)", shown.trim_end())
    }
}

/// Details from pairs.
pub(crate) fn details<const N: usize>(pairs: [(&str, String); N]) -> BTreeMap<String, String> {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_reason_is_cut_and_a_short_one_is_not() {
        assert_eq!(short("no apt-get here"), "no apt-get here");
        let long = format!("`apt-get update` failed: {}", "E: no such host ä | ".repeat(40));
        let cut = short(&long);
        assert!(cut.chars().count() < 140 && cut.starts_with("`apt-get update` failed"), "{cut}");
        assert!(cut.ends_with("... (setup.json has all)"), "{cut}");
        assert_eq!(short("first\nsecond"), "first ... (setup.json has all)");
    }
}

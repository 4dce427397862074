//! Set-up: one file for each thing that a machine may lack, each with a chain of providers.
//!
//! A provider is tried only when the one before it is not there or failed; the one that served is
//! recorded in [`Setup`]. Nothing outside the state folder changes, except by the machine's package
//! manager and by rustup. In a Nix shell nothing is installed or downloaded at all.

mod apt_sources;
mod chain;
mod cross_gcc;
mod daemon;
mod debian;
mod docker;
pub mod engine;
#[cfg(test)]
mod fake;
#[cfg(test)]
mod foreign_tests;
mod machine;
mod packages;
mod pins;
mod podman;
pub mod programs;
mod record;
pub mod roots;
pub(crate) mod rust;
mod scripts;
pub mod slurm_test;
mod sources;
mod static_native;
#[cfg(test)]
mod tests;
mod tools;
mod wasm;
mod zig;

pub use engine::{Engine, Engines};
pub use machine::{LocalMachine, Machine, Step};
pub use packages::installed as installed_packages;
pub use record::{
    Finding, Need, Outcome, PassedOver, Provision, SCHEMA_VERSION, Setup, Standing,
    TargetToolchain, provider_words,
};

use crate::architecture::Architecture;
use anyhow::Result;
use chain::{Chain, Plan, Session};
use packages::Installer;
use rust::Compiler;
use std::collections::BTreeMap;
use std::path::PathBuf;

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

/// Meets every need, or says why not: installs what is missing, all packages at once, then goes
/// through the chains. A need that stays missing is an entry of the result, not an error.
///
/// # Errors
/// When there is no Rust compiler, or when an override variable names an unknown provider.
pub fn provide_all(context: &Context<'_>, needs: &[Need]) -> Result<Setup> {
    let session = open(context)?;
    let chains = chains(context, needs);
    let plans = chains.iter().map(|chain| chain.plan(&session)).collect::<Result<Vec<_>>>()?;
    install_all(&session, &plans);
    let mut setup =
        Setup { schema_version: SCHEMA_VERSION, provisions: Vec::new(), targets: BTreeMap::new() };
    for plan in plans {
        let (provision, target) = plan.run(&session);
        setup.targets.extend(target.map(|target| (provision.need, target)));
        setup.provisions.push(provision);
    }
    Ok(setup)
}

/// Says for each need where it stands and what would get it; changes nothing.
///
/// # Errors
/// As [`provide_all`].
pub fn probe_all(context: &Context<'_>, needs: &[Need]) -> Result<Vec<Finding>> {
    let session = open(context)?;
    chains(context, needs).iter().map(|chain| chain.find(&session)).collect()
}

fn open<'a>(context: &'a Context<'a>) -> Result<Session<'a>> {
    let compiler = Compiler::detect(context)?;
    Ok(Session { context, compiler, installer: Installer::default() })
}

fn chains(context: &Context<'_>, needs: &[Need]) -> Vec<Chain> {
    needs.iter().map(|&need| chain_of(context, need)).collect()
}

fn chain_of(context: &Context<'_>, need: Need) -> Chain {
    match need {
        Need::WasmComponent => wasm::chain(need, "wasm32-wasip2"),
        Need::WasmCommand => wasm::chain(need, "wasm32-wasip1"),
        Need::StaticNative => static_native::chain(need, context.machine.architecture()),
        Need::StaticX86_64 => static_native::foreign_chain(need, Architecture::X86_64),
        Need::StaticAarch64 => static_native::foreign_chain(need, Architecture::Aarch64),
        Need::Emulator => tools::chain(need, &tools::EMULATOR),
        Need::ContainerEngine => engine::chain(&docker::DOCKER, context.machine),
        Need::Podman => engine::chain(&podman::PODMAN, context.machine),
        Need::ImageDebian => roots::debian_chain(need),
        Need::ImageAlpine => roots::busybox_chain(need),
        Need::OciRuntimes => tools::chain(need, &tools::OCI_RUNTIMES),
        Need::CCompiler => tools::chain(need, &tools::C_COMPILER),
        Need::Tex => tools::chain(need, &tools::TEX),
        Need::Nix => tools::chain(need, &tools::NIX),
    }
}

/// Installs the packages of every chain's first provider in one go. When that is not allowed, the line to
/// paste is reported once, and every chain goes on with what is there.
fn install_all(session: &Session<'_>, plans: &[Plan<'_>]) {
    let packages: Vec<&str> = plans.iter().flat_map(Plan::packages).copied().collect();
    if let Err(error) = session.installer.ensure(session, &packages) {
        session.report(&format!("packages were not installed: {error:#}"));
    }
}

/// A made-up Debian for the tests of other modules.
#[cfg(test)]
pub(crate) fn fake_debian() -> fake::FakeMachine {
    fake::FakeMachine::debian()
}

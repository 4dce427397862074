//! Set-up: one file for each thing that a machine may lack, each with a chain of providers.
//!
//! A provider is tried only when the one before it is not there or failed; the one that served is
//! recorded in [`Setup`]. Nothing outside the state folder changes, except by the machine's package
//! manager and by rustup. In a Nix shell nothing is installed or downloaded at all.

pub mod engine;
mod machine;
mod record;

pub use engine::Engine;
pub use machine::{LocalMachine, Machine, Step};
pub use record::{
    Finding, Need, Outcome, PassedOver, Provision, SCHEMA_VERSION, Setup, Standing, TargetToolchain,
};

use anyhow::Result;
use std::path::PathBuf;

/// What every part of set-up is told.
pub struct Context<'a> {
    /// The project's folder.
    pub repo: PathBuf,
    /// Where downloads, unpacked sources and generated scripts go; made when it is not there.
    pub state: PathBuf,
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
/// When there is no Rust compiler, when the state folder can't be written, or when
/// an override variable names an unknown provider.
pub fn provide_all(_context: &Context<'_>, _needs: &[Need]) -> Result<Setup> {
    anyhow::bail!("set-up is being written")
}

/// Says for each need where it stands and what would get it; changes nothing.
///
/// # Errors
/// As [`provide_all`].
pub fn probe_all(_context: &Context<'_>, _needs: &[Need]) -> Result<Vec<Finding>> {
    anyhow::bail!("set-up is being written")
}

//! Set-up: one file for each thing that a machine may lack, each with a chain of providers.
//!
//! A provider is tried only when the one before it is not there or failed; the one that served is
//! recorded in [`Setup`]. Nothing outside the state folder changes, except by the machine's package
//! manager and by rustup. In a Nix shell nothing is installed or downloaded at all.

// Printing that does not panic when its reader has gone away.
#[macro_use(eprint, eprintln, println)]
extern crate weighbridge_machine;

mod apt_sources;
mod chain;
mod component_linker;
mod context;
mod cross_gcc;
mod daemon;
mod debian;
mod docker;
mod docker_current;
pub mod engine;
mod engine_api;
mod engine_kind;
#[cfg(any(test, feature = "fake"))]
pub mod fake;
pub mod fetched;
#[cfg(test)]
mod foreign_tests;
pub mod found;
mod index;
mod machine;
mod moved;
mod needs;
mod packages;
pub mod pin_check;
mod pins;
mod podman;
pub mod programs;
mod provide;
mod record;
mod registries;
pub mod roots;
pub mod rust;
mod scripts;
pub mod slurm_test;
mod sources;
pub mod standings;
mod static_native;
mod static_target;
pub mod subjects;
#[cfg(test)]
mod tests;
mod tools;
#[cfg(test)]
mod vanished_tests;
mod wasm;
mod zig;

pub use context::Context;
pub use engine::{Engine, Engines};
pub use engine_kind::program as engine_program;
pub use machine::{LocalMachine, Machine, Step};
pub use needs::{probe_all, provide_all};
pub use packages::installed as installed_packages;
pub use provide::{for_manifest, need_name, provide, toolchain};
pub use record::{
    Finding, Need, Outcome, PassedOver, Provision, SCHEMA_VERSION, Setup, Standing,
    TargetToolchain, provider_words,
};
pub use static_target::compiler_variable;
#[cfg(any(test, feature = "fake"))]
pub use static_target::static_glibc;

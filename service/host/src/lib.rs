//! The Wasm host: Wasmtime embedded behind the shared HTTP front.
//!
//! `serve` answers each request with a fresh instance of a `wasi:http` 0.2 component, of one or of
//! many (`--tenants`); `compile` makes the `.cwasm` that `serve` loads; `instantiate` times
//! instances without a request, `call` handles requests without a socket, and `run` runs a command
//! that times its own parts. Built without cranelift (cargo feature `compiler` off) it takes only
//! compiled components, and runs no commands: what serves is no larger for what is only measured.
//!
//! A library, so that a containerd shim (`experiments/shim`) runs the very host that the program is.

use std::ffi::OsString;

use anyhow::Result;
use clap::Parser;
use weighbridge_server::Stages;

mod allowance;
mod arguments;
mod call;
#[cfg(feature = "compiler")]
mod command;
mod component;
mod engine;
mod epochs;
mod exchange;
mod failure;
mod give_back;
mod guest;
mod handler;
mod instantiate;
mod limits;
mod linker;
mod outgoing;
mod serve;
mod tenants;

pub use arguments::VERSION;
use arguments::{Arguments, Command};

/// Does what a command line says, the program's name first. A command line that cannot be understood, or that asks for
/// help or the version, ends the process as clap does.
///
/// # Errors
/// The command failed; the message says at what.
pub fn run(words: impl IntoIterator<Item = OsString>) -> Result<()> {
    let stages = Stages::start();
    match Arguments::parse_from(words).command {
        Command::Serve(options) => serve::serve(&options, stages),
        Command::Instantiate(options) => instantiate::instantiate(&options),
        Command::Call(options) => call::call(&options),
        #[cfg(feature = "compiler")]
        Command::Compile(options) => component::compile(&options),
        #[cfg(feature = "compiler")]
        Command::Run(options) => command::run(&options),
    }
}

//! The Wasm host: Wasmtime embedded behind the shared HTTP front.
//!
//! `serve` answers each request with a fresh instance of a `wasi:http` 0.2 component; `compile` makes
//! the `.cwasm` that `serve` loads; `instantiate` times instances without a request, and `call` handles requests
//! without a socket. The binary without cranelift (cargo feature `compiler` off) takes only compiled components.

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use weighbridge_server::Stages;

mod arguments;
mod call;
mod component;
mod engine;
mod exchange;
mod failure;
mod guest;
mod handler;
mod instantiate;
mod serve;

use arguments::{Arguments, Command};

/// The native service uses the same allocator, so that it is no effect of either arm.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let stages = Stages::start();
    match run(stages) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("weighbridge-host: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(stages: Stages) -> Result<()> {
    match Arguments::parse().command {
        Command::Serve(options) => serve::serve(&options, stages),
        Command::Instantiate(options) => instantiate::instantiate(&options),
        Command::Call(options) => call::call(&options),
        #[cfg(feature = "compiler")]
        Command::Compile(options) => component::compile(&options),
    }
}

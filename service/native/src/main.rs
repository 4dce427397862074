//! The service as a native HTTP server, which goes into the container.
//!
//! The HTTP front is the one that the Wasm host uses too; what is left here is to hand requests to
//! the pipeline, off the threads that accept, and to keep its failures from ending the process.

use std::io::Write as _;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::time::Duration;

use anyhow::Context;
use clap::{Parser, Subcommand};
use weighbridge_server::{CALL_DEADLINE, Call, Config, PANICS, Stages, bound_panics, serve};

use crate::service::{InPlace, Service};

mod service;

/// The same allocator as in the Wasm host: musl's own would be measured instead of the service.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Serves image transformations over HTTP until SIGTERM or SIGINT.
#[derive(Parser)]
#[command(
    name = "weighbridge-native",
    version,
    subcommand_negates_reqs = true,
    args_conflicts_with_subcommands = true
)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// Address and port to listen on
    #[arg(long, value_name = "ADDR", required = true)]
    listen: Option<SocketAddr>,
    /// Longest time for one request, in milliseconds; it is answered with 503 after that
    #[arg(long, value_name = "MS", default_value_t = 10_000)]
    deadline_ms: u64,
    /// Threads that accept, and transforms that run at a time [default: one per usable core]
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
}

/// What to do in place of serving.
#[derive(Subcommand)]
enum Command {
    /// Handles one request several times on one thread, without HTTP, for an emulator that counts instructions
    Call(Call),
}

fn main() -> anyhow::Result<()> {
    let stages = Stages::start();
    let arguments = Arguments::parse();
    if let Some(Command::Call(call)) = &arguments.command {
        return call.run(&InPlace::new(CALL_DEADLINE)).context("calling the service");
    }
    // The parser has seen to it that there is an address.
    let listen = arguments.listen.context("--listen is missing")?;
    bound_panics("weighbridge-native");
    let mut config = Config::new(listen);
    config.threads = arguments.threads.unwrap_or(config.threads);
    config.body_limit_bytes = weighbridge_transform::MAX_BODY_BYTES;
    let service = Service::new(config.threads, Duration::from_millis(arguments.deadline_ms));
    let served = serve(config, stages, |_thread| service.clone());
    if let Some(number) = PANICS.summary() {
        // A closed stderr is no reason to fail.
        let _ = writeln!(std::io::stderr(), "weighbridge-native: {number}");
    }
    served.with_context(|| format!("serving on {listen}"))
}

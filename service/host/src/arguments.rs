//! The command line.

use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use weighbridge_server::Call;

use crate::tenants::TenantOptions;

/// Version of this program and of the Wasmtime it is linked with.
pub const VERSION: &str =
    concat!(env!("CARGO_PKG_VERSION"), " (wasmtime ", env!("WEIGHBRIDGE_WASMTIME_VERSION"), ")");

/// Longest linear memory of an instance unless --memory-limit-mib says otherwise.
pub(crate) const MEMORY_LIMIT_MIB: u32 = 1024;
/// Instances at once unless --instances says otherwise.
pub(crate) const INSTANCES: NonZeroU32 = match NonZeroU32::new(32) {
    Some(count) => count,
    None => unreachable!(),
};

/// Serves WebAssembly components (wasi:http 0.2) over HTTP.
#[derive(Debug, Parser)]
#[command(name = "weighbridge-host", version = VERSION, arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Answers HTTP requests with a component, until SIGTERM or SIGINT.
    Serve(Serve),
    /// Makes and drops instances of a component without a request, and prints what that took.
    Instantiate(Instantiate),
    /// Handles one request several times on one thread, without HTTP, for an emulator that counts instructions.
    Call(CallComponent),
    /// Compiles a component ahead of time, for `serve` to load.
    #[cfg(feature = "compiler")]
    Compile(Compile),
    /// Runs a compiled command component (wasi:cli/run) with the code that `serve` has, for timing guests.
    #[cfg(feature = "compiler")]
    Run(RunCommand),
}

/// How to serve.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Compiled component (.cwasm), or a component (.wasm) with --compile-at-start.
    #[arg(value_name = "FILE", required_unless_present = "folder")]
    pub(crate) component: Option<PathBuf>,
    /// Address and port to listen on.
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) listen: SocketAddr,
    /// How long one request may take, in milliseconds, before it is answered with 503.
    #[arg(long, value_name = "MS", default_value = "10000")]
    pub(crate) deadline_ms: u64,
    /// Longest linear memory of an instance, in MiB.
    #[arg(long, value_name = "MIB", default_value_t = MEMORY_LIMIT_MIB, value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub(crate) memory_limit_mib: u32,
    /// Linear memory of all instances together, beyond the first 4 MiB of each, in MiB; an instance
    /// that would grow beyond it waits for others to end [default: --memory-limit-mib times
    /// --threads, and with --tenants what one tenant may have].
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) total_memory_mib: Option<u32>,
    /// Responses of more than 64 KiB that are being made or sent, all together, in MiB; further ones
    /// wait [default: 256 times --threads, and with --tenants what one tenant may have].
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) total_answers_mib: Option<u32>,
    /// How long requests in flight may take to finish after SIGTERM or SIGINT, in milliseconds.
    #[arg(long, value_name = "MS", default_value = "5000")]
    pub(crate) stop_timeout_ms: u64,
    /// Threads that accept and answer [default: the cores this process may use].
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<NonZeroUsize>,
    /// Instances at once, shared out evenly among the threads; additional requests wait [default:
    /// 32, and with --tenants at least 8 for each thread].
    #[arg(long, value_name = "N")]
    pub(crate) instances: Option<NonZeroU32>,
    /// Compiles FILE when starting (JIT) in place of loading compiled code; needs the build with the
    /// compiler.
    #[arg(long)]
    pub(crate) compile_at_start: bool,
    /// Maps memory anew for each instance in place of taking it from a pool.
    #[arg(long)]
    pub(crate) no_pooling: bool,
    /// Copies the initial memory into each instance in place of mapping it copy-on-write; FILE must
    /// have been compiled with the same flag.
    #[arg(long)]
    pub(crate) no_memory_cow: bool,
    /// Requests that one instance answers before it is dropped. More than 1 lets a request find
    /// what earlier ones left in the guest's memory: weaker isolation.
    #[arg(long, value_name = "N", default_value = "1")]
    pub(crate) reuse: NonZeroU32,
    /// Lets guests send HTTP requests to 127.0.0.0/8, this machine's loopback interface; all others
    /// are refused [default: all are].
    #[arg(long, conflicts_with = "folder")]
    pub(crate) allow_loopback: bool,
    #[command(flatten)]
    pub(crate) tenants: TenantOptions,
}

impl Serve {
    /// Longest linear memory in bytes.
    pub(crate) fn memory_limit_bytes(&self) -> usize {
        mib(self.memory_limit_mib)
    }
}

/// Mebibytes as bytes.
pub(crate) const fn mib(count: u32) -> usize {
    // At most 2^52 bytes, and the hosts that this runs on are 64-bit.
    (count as usize) << 20
}

/// What to make instances of. Engine and pool are configured as for `serve` with its defaults.
#[derive(Debug, Args)]
pub(crate) struct Instantiate {
    /// Compiled component (.cwasm), or a component (.wasm) with --compile-at-start.
    #[arg(value_name = "FILE")]
    pub(crate) component: PathBuf,
    /// Instances that are made and dropped one after the other, each timed.
    #[arg(long, value_name = "N", default_value = "1000")]
    pub(crate) count: NonZeroU32,
    /// Instances that are then held at once, to see what memory each one adds.
    #[arg(long, value_name = "M", default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=1000))]
    pub(crate) hold: u32,
    /// Compiles FILE when starting (JIT) in place of loading compiled code; needs the build with the
    /// compiler.
    #[arg(long)]
    pub(crate) compile_at_start: bool,
}

/// What to call. Engine, pool and handler are those of `serve` with its defaults.
#[derive(Debug, Args)]
pub(crate) struct CallComponent {
    /// Compiled component (.cwasm).
    #[arg(value_name = "FILE")]
    pub(crate) component: PathBuf,
    #[command(flatten)]
    pub(crate) call: Call,
}

/// What to compile.
#[cfg(feature = "compiler")]
#[derive(Debug, Args)]
pub(crate) struct Compile {
    /// Component to compile (.wasm).
    #[arg(value_name = "COMPONENT.wasm")]
    pub(crate) component: PathBuf,
    /// Where to write the compiled component.
    #[arg(long, value_name = "FILE.cwasm")]
    pub(crate) output: PathBuf,
    /// Compiles for this target triple, with the features that all its processors have [default:
    /// this machine, with the features its processor has].
    #[arg(long, value_name = "TRIPLE")]
    pub(crate) target: Option<String>,
    /// Compiles for processors of this level of the target, which may then use more features.
    #[arg(long, value_name = "LEVEL", requires = "target")]
    pub(crate) cpu: Option<Level>,
    /// Compiles for `serve --no-memory-cow`.
    #[arg(long)]
    pub(crate) no_memory_cow: bool,
    /// Compiles without the checks by which `serve` interrupts a guest; only `run --no-epochs` takes the result.
    #[arg(long)]
    pub(crate) no_epochs: bool,
}

/// What to run. Engine and pool are configured as for `serve` with its defaults.
#[cfg(feature = "compiler")]
#[derive(Debug, Args)]
pub(crate) struct RunCommand {
    /// Compiled component (.cwasm).
    #[arg(value_name = "FILE")]
    pub(crate) component: PathBuf,
    /// FILE was compiled with the same flag: nothing interrupts it.
    #[arg(long)]
    pub(crate) no_epochs: bool,
    /// The guest's arguments.
    #[arg(value_name = "ARGUMENT", trailing_var_arg = true)]
    pub(crate) arguments: Vec<String>,
}

/// The levels of x86_64 that the psABI names; aarch64 has no names for more than its baseline.
#[cfg(feature = "compiler")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Level {
    /// SSE4.2, POPCNT and what came before them.
    #[value(name = "x86-64-v2")]
    V2,
    /// v2 with AVX2, BMI, FMA and LZCNT.
    #[value(name = "x86-64-v3")]
    V3,
}

#[cfg(feature = "compiler")]
impl Level {
    /// Cranelift's flags for it.
    pub(crate) const fn flags(self) -> &'static [&'static str] {
        match self {
            Self::V2 => &["x86-64-v2"],
            // Cranelift 0.135 leaves AVX out of its preset, and without it uses neither AVX2 nor FMA.
            Self::V3 => &["x86-64-v3", "has_avx"],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_version_names_the_wasmtime_that_is_linked() {
        let (ours, wasmtime) = VERSION.split_once(" (wasmtime ").unwrap();
        assert_eq!(ours, env!("CARGO_PKG_VERSION"));
        let parts: Vec<u32> = wasmtime
            .strip_suffix(')')
            .unwrap()
            .split('.')
            .map(|part| part.parse().unwrap())
            .collect();
        assert_eq!(parts.len(), 3);
    }
}

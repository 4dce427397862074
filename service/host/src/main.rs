//! The Wasm host's program: see the library.

use std::process::ExitCode;

/// The native service uses the same allocator, so that it is no effect of either arm.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match weighbridge_host::run(std::env::args_os()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("weighbridge-host: {error:#}");
            ExitCode::FAILURE
        }
    }
}

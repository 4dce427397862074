//! The service as a WASI preview 1 program: see the library.

use std::time::Instant;

use weighbridge_shell::Server;

fn main() -> anyhow::Result<()> {
    let started = Instant::now();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    #[cfg(target_os = "wasi")]
    let sockets = weighbridge_shell::wasi::listen(&arguments)?;
    #[cfg(not(target_os = "wasi"))]
    let sockets = weighbridge_shell::plain::listen(&arguments)?;
    // No stages: a runtime may give its module a clock of its own, which could not stand beside the runner's.
    eprintln!("weighbridge-shell listens");
    match Server::new(sockets, || started.elapsed()).serve()? {}
}

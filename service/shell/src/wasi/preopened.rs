//! A listener that the runtime has opened: `wazero run -listen=ADDRESS`.
//!
//! Preview 1 has a `poll_oneoff`, but wazero's calls every socket ready that does not block, and asks those that block
//! one after the other: it cannot wait for several. So this module looks at all its sockets in turn, with
//! [`crate::pauses`] between; that costs a little time after a silence, and a little of a core during one.

use std::io;

use anyhow::{Context as _, ensure};

use super::WasiSockets;
use super::preview1::{NONBLOCK, close, result, set_nonblocking};
use crate::Descriptor;

/// The first descriptor after the standard streams. A directory that is handed over comes before the listener; the
/// service needs none.
const LISTENER: Descriptor = Descriptor(3);

#[link(wasm_import_module = "wasi_snapshot_preview1")]
unsafe extern "C" {
    fn sock_accept(listener: u32, flags: u32, accepted: *mut u64) -> i32;
}

/// Serves on the runtime's listener: there is nothing to say on the command line.
///
/// # Errors
/// There are arguments, or no listener was handed over.
pub fn listen(arguments: &[String]) -> anyhow::Result<WasiSockets> {
    ensure!(arguments.is_empty(), "there are no arguments: the runtime is told where to listen");
    set_nonblocking(LISTENER).context(
        "descriptor 3 is no socket; start this as `wazero run -listen=127.0.0.1:8080 FILE`",
    )?;
    Ok(WasiSockets::on(LISTENER))
}

pub(super) fn accept(listener: Descriptor) -> io::Result<Option<Descriptor>> {
    let mut accepted = 0u64;
    // SAFETY: takes two numbers, and a place of ours for the result.
    let errno = unsafe { sock_accept(listener.0, NONBLOCK, &mut accepted) };
    let Some(number) = result(errno, accepted as u32)? else { return Ok(None) };
    let connection = Descriptor(number);
    // The flag of `sock_accept` is not heeded everywhere.
    if let Err(error) = set_nonblocking(connection) {
        close(connection);
        return Err(error);
    }
    Ok(Some(connection))
}

//! A subject that containerd runs by a shim, with no engine above it: the bundle of an OCI runtime, handed to a daemon
//! that is there for this run alone.

use super::bundle::{Launch, Runtime, Through, Unusable, allowed, start_with};
use super::{Instance, StartContext};
use crate::engine::containerd::Client;
use crate::failure::Cause;
use crate::inventory::artifacts::Artifacts;
use weighbridge_schema::template::Word;

/// The shim, and the client that asks containerd for it.
///
/// # Errors
/// One of them, or containerd itself, is not installed, or the runner is no root.
pub fn usable(shim: &Word, artifacts: &Artifacts) -> Result<std::path::PathBuf, Unusable> {
    let shim = allowed(shim, artifacts)?;
    Client::find().map_err(|missing| Unusable::Missing(missing.to_owned()))?;
    Ok(shim)
}

/// Has containerd, which is started before the first of its subjects, run `file` by `shim`.
///
/// # Errors
/// Something is missing, containerd does not start; and as [`start_with`].
pub fn start<'a>(
    shim: &Word,
    file: &Word,
    arguments: &[Word],
    context: &StartContext<'a>,
) -> Result<Box<dyn Instance + 'a>, Cause> {
    let shim = usable(shim, context.artifacts)?;
    let daemon = context.engines.containerd.get(context.run)?;
    let through = Through { socket: daemon.socket(), shim };
    let program = daemon.client.ctr.clone();
    let runtime = Runtime { program, options: Vec::new(), through: Some(through) };
    let path = context.artifacts.named(file)?;
    let entry = path.file_name().unwrap_or_default().to_string_lossy();
    start_with(runtime, &Launch { file, entry: &entry, arguments }, context)
}

//! A subject that containerd runs by a shim, with no engine above it: the bundle of an OCI runtime, handed to a daemon
//! that is there for this run alone.

use super::bundle::{Launch, Runtime, Through, Unusable, allowed, start_with};
use super::{Instance, StartContext, Way};
use crate::engine::containerd::Client;
use crate::engine::engines::Engines;
use crate::failure::Cause;
use crate::inventory::artifacts::Artifacts;
use crate::inventory::programs;
use anyhow::Context;
use std::path::PathBuf;
use std::process::Command;
use weighbridge_machine::{ask, environment};
use weighbridge_schema::template::Word;

/// A file as the only one of a root file system, run by a shim.
pub struct ByShim<'a> {
    /// What stands for the shim.
    pub shim: &'a Word,
    /// What stands for the file.
    pub file: &'a Word,
    /// Its arguments.
    pub arguments: &'a [Word],
}

impl Way for ByShim<'_> {
    /// Has containerd, which is started before the first of its subjects, run the file.
    fn start<'a>(&self, context: &StartContext<'a>) -> Result<Box<dyn Instance + 'a>, Cause> {
        self.usable(context.artifacts)?;
        let shim = allowed(self.shim, context.artifacts)?;
        let daemon = context.engines.containerd.get(context.run)?;
        let through = Through { socket: daemon.socket(), shim };
        let runtime = Runtime {
            program: daemon.client.ctr.clone(),
            options: Vec::new(),
            through: Some(through),
        };
        let path = context.artifacts.named(self.file)?;
        let entry = path.file_name().unwrap_or_default().to_string_lossy();
        let launch = Launch { file: self.file, entry: &entry, arguments: self.arguments };
        start_with(runtime, &launch, context)
    }

    fn overhead_ms(&self) -> u64 {
        400
    }

    /// The shim, containerd and its client must be installed, and the runner be root.
    fn usable(&self, artifacts: &Artifacts) -> Result<(), Unusable> {
        allowed(self.shim, artifacts)?;
        Client::find().map_err(|missing| Unusable::Missing(missing.to_owned()))?;
        Ok(())
    }

    fn daemon_version(&self) -> anyhow::Result<Option<String>> {
        daemon_version().map(Some)
    }

    fn programs(&self) -> Vec<PathBuf> {
        let client = Client::find().into_iter().flat_map(|found| [found.containerd, found.ctr]);
        programs::find(&self.shim.to_string()).into_iter().chain(client).collect()
    }

    fn silence(&self, engines: &Engines) -> Option<String> {
        let is_silent = engines.containerd.is_silent();
        is_silent.then(|| "the private containerd does not answer any more".to_owned())
    }
}

/// What containerd says of itself, `containerd NAME VERSION REVISION`, without name and revision.
fn daemon_version() -> anyhow::Result<String> {
    let client = Client::find().map_err(|name| anyhow::anyhow!("{name} is not installed"))?;
    let mut command = Command::new(&client.containerd);
    let output = ask::output(environment::clean(&mut command).arg("--version"), ask::LIMIT)
        .with_context(|| format!("run {} --version", client.containerd.display()))?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let version = printed.split_whitespace().nth(2);
    let version = version.with_context(|| format!("containerd printed no version: `{printed}`"))?;
    Ok(format!("containerd {version}"))
}

//! What was found of the programs that a run is made with. It decides about the result, where the
//! way they came here (installed a minute ago, or there for years) and the path of a daemon's
//! socket decide nothing.

use crate::context::Context;
use crate::engine::KINDS;
use crate::engine_api::version;
use crate::engine_kind::{Kind, program, socket};
use crate::machine::Machine;
use std::collections::BTreeMap;
use std::path::Path;
use weighbridge_project::inputs::Digests;

/// Docker's programs, Podman's, what runs a bundle, and what emulates.
const PROGRAMS: [&str; 9] = [
    "dockerd",
    "containerd",
    "containerd-shim-runc-v2",
    "podman",
    "conmon",
    "crun",
    "runc",
    "qemu-aarch64",
    "qemu-x86_64",
];

/// Digest by program, and the version by engine that a variable names or that runs without its
/// programs being here. What is not there is not in it: once it is, the result is another one.
#[must_use]
pub fn programs(context: &Context<'_>, digests: &mut Digests) -> BTreeMap<String, String> {
    let machine = context.machine;
    let mut found = BTreeMap::new();
    for name in PROGRAMS {
        if let Some(digest) =
            program(machine, name).and_then(|file| digest(machine, &file, digests))
        {
            found.insert(name.to_owned(), digest);
        }
    }
    for kind in KINDS {
        if let Some(printed) = running(kind, context) {
            found.insert(kind.engine.to_string(), printed);
        }
    }
    found
}

/// What an engine says of itself that is not ours to start; `None` of one that is.
fn running(kind: &Kind, context: &Context<'_>) -> Option<String> {
    let machine = context.machine;
    let is_named = machine.variable(kind.variable).is_some();
    if !is_named && (kind.lacking)(context).is_none() {
        return None;
    }
    let socket = socket(kind, machine).ok()?;
    let facts = version(&socket).into_iter().map(|(name, value)| format!("{name} {value}"));
    Some(format!("answers: {}", facts.collect::<Vec<_>>().join(", ")))
}

fn digest(machine: &dyn Machine, file: &Path, digests: &mut Digests) -> Option<String> {
    digests.get_or(file, |file| machine.digest(file))
}

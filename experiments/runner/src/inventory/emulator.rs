//! qemu-user: runs programs of another instruction set, and counts the instructions of any.

use crate::inventory::programs;
use anyhow::{Context, Result, bail};
use std::path::Path;
use std::process::Command;
use weighbridge_machine::{ask, environment};
use weighbridge_schema::manifest::Emulator;

/// What every emulated program runs on: the emulator's default processor lacks what both arms are compiled for.
pub const PROCESSOR: [&str; 2] = ["-cpu", "max"];

/// The emulator of an architecture on this machine; the dynamically linked one comes first, because only it loads
/// plugins.
///
/// # Errors
/// There is none, or it does not say its version; the message says what would help.
pub fn find(architecture: &str) -> Result<Emulator> {
    let names = [format!("qemu-{architecture}"), format!("qemu-{architecture}-static")];
    let found = names.iter().find_map(|name| programs::find(name));
    let program = found.with_context(|| format!("{} is not installed", names[0]))?;
    let version = version(&program)?;
    Ok(Emulator { program: program.to_string_lossy().into_owned(), version })
}

fn version(program: &Path) -> Result<String> {
    let shown = program.display();
    let mut command = Command::new(program);
    let output = ask::output(environment::clean(&mut command).arg("--version"), ask::LIMIT)
        .with_context(|| format!("run {shown} --version"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    match text.lines().next().map(str::trim) {
        Some(first) if output.status.success() && !first.is_empty() => Ok(first.to_owned()),
        _ => bail!("{shown} --version printed nothing ({})", output.status),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_architecture_without_an_emulator_is_named() {
        let missing = find("no-such-architecture").unwrap_err();
        assert_eq!(missing.to_string(), "qemu-no-such-architecture is not installed");
    }
}

//! Tells the program which Wasmtime it is linked with: the version that Cargo.lock pins.

use std::path::Path;

use anyhow::{Context, Result};

fn main() -> Result<()> {
    // Asked of cargo now: a shared target folder may hold this program built for another checkout.
    let here = std::env::var_os("CARGO_MANIFEST_DIR").context("cargo sets CARGO_MANIFEST_DIR")?;
    let lock = Path::new(&here).join("../../Cargo.lock");
    println!("cargo::rerun-if-changed={}", lock.display());
    let text = std::fs::read_to_string(&lock)
        .with_context(|| format!("reading {}: build inside the repository", lock.display()))?;
    let version = locked_version(&text, "wasmtime")
        .with_context(|| format!("{} names no package wasmtime", lock.display()))?;
    println!("cargo::rustc-env=WEIGHBRIDGE_WASMTIME_VERSION={version}");
    Ok(())
}

/// The version of `package` in a Cargo.lock, where each entry's name is followed by its version.
fn locked_version<'a>(lock: &'a str, package: &str) -> Option<&'a str> {
    let name = format!("name = \"{package}\"");
    let mut lines = lock.lines().skip_while(|line| *line != name).skip(1);
    lines.next()?.strip_prefix("version = \"")?.strip_suffix('"')
}

//! What is done with what a build has made: it is copied to its place, and programs make more of it.

use anyhow::{Context, Result};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use weighbridge_project::files;
use weighbridge_project::process::{check, lines, shown};
use weighbridge_project::project::Project;
use weighbridge_setup::TargetToolchain;

/// Runs a program whose lines nobody has to read.
///
/// # Errors
/// It cannot be started, or fails.
pub(crate) fn quietly(mut step: Command) -> Result<()> {
    let text = shown(&step);
    let status = lines(&mut step, |_| ())?;
    check(&text, status)
}

/// Copies a file.
///
/// # Errors
/// It cannot be read, or not be written; the message names it.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<()> {
    let bytes = std::fs::read(from).with_context(|| format!("read {}", from.display()))?;
    files::write(to, &bytes)
}

/// Copies what cargo made to its place among the artifacts, under a name of its own: two builds of the
/// host differ in their features and would overwrite each other.
///
/// # Errors
/// It is not there, or its place cannot be written.
pub(crate) fn keep(
    project: &Project,
    toolchain: &TargetToolchain,
    made: &str,
    to: &Path,
) -> Result<()> {
    copy(&project.target.join(&toolchain.triple).join("release").join(made), to)?;
    if to.extension().is_none() {
        std::fs::set_permissions(to, std::fs::Permissions::from_mode(0o755))
            .with_context(|| format!("make {} executable", to.display()))?;
    }
    Ok(())
}

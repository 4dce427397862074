//! The claims that every run is judged by.

use crate::project::Project;
use anyhow::{Context, Result};
use std::path::PathBuf;
use weighbridge_schema::claim::{Claim, read_claims};

/// Where they are written down.
#[must_use]
pub fn file(project: &Project) -> PathBuf {
    project.path("analysis/claims.toml")
}

/// Reads them.
///
/// # Errors
/// The file cannot be read, or is wrong; the message names the line.
pub fn read(project: &Project) -> Result<Vec<Claim>> {
    let file = file(project);
    let text =
        std::fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))?;
    Ok(read_claims(&project.shown(&file), &text)?)
}

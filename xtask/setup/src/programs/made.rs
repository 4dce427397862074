//! What every source of a program leaves behind.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// A program as its source left it, before it was tried.
pub(super) struct Made {
    pub(super) command: Vec<String>,
    pub(super) program: PathBuf,
    pub(super) libraries: Vec<PathBuf>,
    pub(super) detail: BTreeMap<String, String>,
}

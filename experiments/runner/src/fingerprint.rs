//! The state of the checkout a run is made from.

use std::path::Path;
use std::process::Command;
use weighbridge_schema::manifest::Revision;

/// Commit and dirtiness of the checkout that `folder` lies in; `None` without git.
pub fn revision(folder: &Path) -> Option<Revision> {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").arg("-C").arg(folder).args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    };
    Some(Revision {
        commit: git(&["rev-parse", "HEAD"])?.trim().to_owned(),
        dirty: !git(&["status", "--porcelain", "--untracked-files=no"])?.trim().is_empty(),
    })
}

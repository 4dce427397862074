//! `cargo xtask clean`: remove what was made; the runs only when asked for.

use crate::exit::Exit;
use crate::project::Project;
use anyhow::{Context, Result};

/// The verb.
///
/// # Errors
/// Something cannot be removed; the message names it.
pub fn run(project: &Project, with_results: bool, with_state: bool) -> Result<Exit> {
    let mut paths = vec![
        project.path("paper/generated"),
        project.path("paper/weighbridge.pdf"),
        project.path("report"),
        project.target.join("weighbridge"),
        project.state.join("stamps"),
    ];
    if with_results {
        paths.push(project.results());
    }
    if with_state {
        paths.push(project.state.clone());
    }
    for path in paths {
        let removed = if path.is_dir() {
            std::fs::remove_dir_all(&path)
        } else if path.exists() {
            std::fs::remove_file(&path)
        } else {
            continue;
        };
        removed.with_context(|| format!("remove {}", path.display()))?;
        println!("removed {}", project.shown(&path));
    }
    Ok(Exit::Done)
}

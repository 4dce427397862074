//! `cargo xtask clean`: remove what was made; the runs only when asked for.

use super::analyze;
use crate::exit::Exit;
use crate::project::Project;
use anyhow::Result;
use xshell::Shell;

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
    let examples = std::fs::read_dir(project.path("examples")).into_iter().flatten().flatten();
    paths.extend(examples.map(|example| example.path().join("built")));
    let runs = [project.results(), project.path("paper/data")].map(std::fs::read_dir);
    let runs = runs.into_iter().flatten().flatten().flatten();
    paths.extend(runs.map(|run| run.path().join(analyze::REPORT)));
    if with_results {
        paths.push(project.results());
    }
    if with_state {
        paths.push(project.state.clone());
    }
    let shell = Shell::new()?;
    for path in paths.iter().filter(|path| shell.path_exists(path)) {
        shell.remove_path(path)?;
        println!("removed {}", project.shown(path));
    }
    Ok(Exit::Done)
}

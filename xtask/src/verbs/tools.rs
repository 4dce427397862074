//! Our own programs, the runner and the analysis: built when their sources have changed; and the runs.

use crate::cargo::Build;
use crate::inputs::Inputs;
use crate::progress::Progress;
use crate::project::Project;
use crate::setup::TargetToolchain;
use crate::stage;
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};

/// Sources of the runner, besides the shared ones.
pub const RUNNER: (&str, &str) = ("weighbridge-runner", "experiments/runner");
/// Sources of the analysis, besides the shared ones.
pub const ANALYSIS: (&str, &str) = ("weighbridge-analysis", "analysis");

/// The profile of what is built for other machines, and the name of its folder.
pub const ELSEWHERE: &str = "elsewhere";

fn digest(project: &Project, folder: &str) -> Result<String> {
    let sources = [
        folder,
        "experiments/schema",
        "experiments/machine",
        "analysis/statistics",
        "Cargo.lock",
        "Cargo.toml",
        "rust-toolchain.toml",
    ];
    Ok(Inputs::default().paths(&project.root, &sources)?.digest())
}

/// Takes the programs that `cargo test --workspace` has just built beside the tests.
///
/// # Errors
/// The state folder cannot be written.
pub fn adopt(project: &Project) -> Result<()> {
    for (package, folder) in [RUNNER, ANALYSIS] {
        let program = project.tool(package);
        if program.is_file() {
            let digest = digest(project, folder)?;
            stage::done(project, package, &digest, &[program], "built with the tests")?;
        }
    }
    Ok(())
}

/// Builds one of them, unless nothing has changed, and returns the program and the digest of its sources.
///
/// # Errors
/// The build failed.
pub fn ensure(
    project: &Project,
    (package, folder): (&str, &str),
    progress: &Progress,
) -> Result<(PathBuf, String)> {
    let digest = digest(project, folder)?;
    let program = project.tool(package);
    // A state folder that several checkouts share may tell of the program in another one's target folder.
    if stage::fresh(project, package, &digest).is_none() || !program.is_file() {
        let build = Build {
            package,
            within_workspace: true,
            profile: "tools",
            arguments: &[],
            toolchain: None,
            env: &[],
        };
        build.run(project, progress)?;
        stage::done(project, package, &digest, std::slice::from_ref(&program), "built")?;
    }
    Ok((program, digest))
}

/// Builds the runner for other machines: linked statically, for the toolchain's architecture.
///
/// # Errors
/// The build failed.
pub fn static_runner(
    project: &Project,
    toolchain: &TargetToolchain,
    progress: &Progress,
) -> Result<PathBuf> {
    let (package, folder) = RUNNER;
    let inputs = digest(project, folder)? + &serde_json::to_string(toolchain)?;
    let stage = format!("{package}-{}", toolchain.triple);
    let program = project.target.join(&toolchain.triple).join(ELSEWHERE).join(package);
    if stage::fresh(project, &stage, &inputs).is_none() {
        let build = Build {
            package,
            within_workspace: false,
            profile: ELSEWHERE,
            arguments: &[],
            toolchain: Some(toolchain),
            env: &[],
        };
        build.run(project, progress)?;
        stage::done(project, &stage, &inputs, std::slice::from_ref(&program), "built")?;
    }
    Ok(program)
}

/// The complete runs in `results/`, oldest first: their names begin with their time.
///
/// # Errors
/// The folder cannot be listed.
pub fn runs(project: &Project) -> Result<Vec<PathBuf>> {
    runs_in(&project.results())
}

/// The published run that the paper in the checkout is built from: the newest in `paper/data/`.
///
/// # Errors
/// The folder cannot be listed.
pub fn published(project: &Project) -> Result<Option<PathBuf>> {
    Ok(runs_in(&project.path("paper/data"))?.pop())
}

fn runs_in(folder: &Path) -> Result<Vec<PathBuf>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("list {}", folder.display()))?;
    let mut runs: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            let is_partial = path.extension().is_some_and(|extension| extension == "partial");
            !is_partial && path.join("manifest.json").is_file()
        })
        .collect();
    runs.sort();
    Ok(runs)
}

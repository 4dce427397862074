//! Our own programs, the runner and the analysis: built when their sources have changed.

use crate::cargo::Build;
use anyhow::Result;
use std::path::PathBuf;
use weighbridge_project::build_step;
use weighbridge_project::process::Beside;
use weighbridge_project::progress::Progress;
use weighbridge_project::project::Project;
use weighbridge_project::sources;
use weighbridge_setup::TargetToolchain;

/// The package and the program that measures.
pub const RUNNER: &str = "weighbridge-runner";
/// The package and the program that makes tables and figures.
pub const ANALYSIS: &str = "weighbridge-analysis";

/// The profile of what is built for other machines, and the name of its folder.
pub const ELSEWHERE: &str = "elsewhere";

/// Takes the programs that `cargo test --workspace` has just built beside the tests.
///
/// # Errors
/// The state folder cannot be written.
pub fn adopt(project: &Project) -> Result<()> {
    for package in [RUNNER, ANALYSIS] {
        let program = project.tool(package);
        if program.is_file() {
            let digest = sources::digest(&project.root, package)?;
            build_step::done(project, package, &digest, &[program], "built with the tests")?;
        }
    }
    Ok(())
}

/// How one of them is built.
pub(crate) fn build(package: &str) -> Build<'_> {
    Build {
        package,
        within_workspace: true,
        profile: "tools",
        arguments: &[],
        toolchain: None,
        env: &[],
    }
}

/// Whether one of them is there as its sources would make it.
pub(crate) fn is_fresh(project: &Project, package: &str, digest: &str) -> bool {
    // A state folder that several checkouts share may tell of the program in another one's target folder.
    build_step::fresh(project, package, digest).is_some() && project.tool(package).is_file()
}

/// Begins to build one of them while something else is done, unless nothing has changed: it takes no more than a C
/// compiler, which whoever runs this was linked by. [`ensure`] waits for it.
///
/// # Errors
/// Its sources cannot be read, or cargo not be started.
pub fn begin(project: &Project, package: &str) -> Result<Option<Beside>> {
    let digest = sources::digest(&project.root, package)?;
    let is_stale = !is_fresh(project, package, &digest);
    is_stale.then(|| build(package).beside(project)).transpose()
}

/// Builds one of them, unless nothing has changed, and returns the program and the digest of its sources.
///
/// # Errors
/// The build failed.
pub fn ensure(project: &Project, package: &str, progress: &Progress) -> Result<(PathBuf, String)> {
    let digest = sources::digest(&project.root, package)?;
    let program = project.tool(package);
    if !is_fresh(project, package, &digest) {
        build(package).run(project, progress)?;
        build_step::done(project, package, &digest, std::slice::from_ref(&program), "built")?;
    }
    Ok((program, digest))
}

/// Builds one of them for other machines: linked statically, for the toolchain's architecture.
///
/// # Errors
/// The build failed.
pub fn static_program(
    project: &Project,
    package: &str,
    toolchain: &TargetToolchain,
    progress: &Progress,
) -> Result<PathBuf> {
    let inputs = sources::digest(&project.root, package)? + &serde_json::to_string(toolchain)?;
    let build_step = format!("{package}-{}", toolchain.triple);
    let program = project.target.join(&toolchain.triple).join(ELSEWHERE).join(package);
    if build_step::fresh(project, &build_step, &inputs).is_none() {
        let build = Build {
            package,
            within_workspace: false,
            profile: ELSEWHERE,
            arguments: &[],
            toolchain: Some(toolchain),
            env: &[],
        };
        build.run(project, progress)?;
        build_step::done(project, &build_step, &inputs, std::slice::from_ref(&program), "built")?;
    }
    Ok(program)
}

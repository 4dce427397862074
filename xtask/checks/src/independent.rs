//! `cargo xtask test --independent`: the numbers of the published run computed again from its raw
//! log alone, in another language with other libraries (`analysis/check`), and compared with every
//! number that the analysis prints.

use crate::python::{self, Packages};
use anyhow::{Context, Result, ensure};
use std::path::{Path, PathBuf};
use weighbridge_build::tools;
use weighbridge_project::exit::Exit;
use weighbridge_project::files;
use weighbridge_project::process::{command, lines, run as call, shown, with_events};
use weighbridge_project::progress::Progress;
use weighbridge_project::project::Project;
use weighbridge_project::runs;

/// The programs, and what they need, within the checkout.
const FOLDER: &str = "analysis/check";
const PACKAGES: Packages = Packages {
    requirements: "analysis/check/requirements.txt",
    what: "numpy, scipy and hdrhistogram (about 55 MB)",
};
/// Analyses the published run into a folder of its own, and checks what came out. A number that
/// differs is named, and makes [`Exit::DoesNotHold`].
///
/// # Errors
/// There is no published run, Python or a package cannot be had (exit code 3), or the check does
/// not see what it must.
pub fn run(project: &Project, progress: &Progress) -> Result<Exit> {
    let published = runs::published(project)?.context("paper/data holds no run to check")?;
    let python = python::environment(project, &PACKAGES, progress)?;
    let folder = project.state.join("independent");
    let generated = folder.join("generated");
    analyse(project, &published, &folder, &generated, progress)?;
    progress.note("  the check itself: a changed number must be found");
    let mut tests = python::command_of(&python);
    tests.args(["-m", "unittest", "discover", "--start-directory"]).arg(project.path(FOLDER));
    tests.env("WEIGHBRIDGE_RUN", &published).env("WEIGHBRIDGE_GENERATED", &generated);
    tests.env("WEIGHBRIDGE_CLAIMS", claims(project));
    tests.env("WEIGHBRIDGE_CALIBRATION", calibration(project));
    call(&mut tests)?;
    progress.note(&format!("  every number of {}", project.shown(&published)));
    let mut check = python::command_of(&python);
    check.arg(project.path(FOLDER).join("check.py")).arg(&published).arg(&generated);
    check.arg("--claims").arg(claims(project)).arg("--calibration").arg(calibration(project));
    let text = shown(&check);
    let status = lines(&mut check, |line| println!("{line}"))?;
    match status.code() {
        Some(1) => Ok(Exit::DoesNotHold),
        _ => weighbridge_project::process::check(&text, status).map(|()| Exit::Done),
    }
}

fn claims(project: &Project) -> PathBuf {
    project.path("analysis/claims.toml")
}

/// The one that was published with the run, and not this machine's.
fn calibration(project: &Project) -> PathBuf {
    project.path("paper/data/calibration.json")
}

/// The published run's numbers, tables and report, into folders of their own.
///
/// # Errors
/// The analysis cannot be built, or does not end.
pub fn analyse(
    project: &Project,
    run: &Path,
    folder: &Path,
    generated: &Path,
    progress: &Progress,
) -> Result<()> {
    // A table that is not made any more must not be checked.
    files::remove(folder)?;
    let (program, _) = tools::ensure(project, tools::ANALYSIS, progress)?;
    let mut analysis = command(program);
    analysis.current_dir(&project.root).arg("render").arg("--run").arg(run);
    analysis.arg("--output").arg(generated).arg("--report").arg(folder.join("report"));
    analysis.arg("--claims").arg(claims(project));
    analysis.arg("--calibration").arg(calibration(project)).args(["--progress", "json"]);
    let (_, code) = with_events(&mut analysis, progress).inspect_err(|_| progress.abandon())?;
    progress.end("done");
    // 1: a claim is contradicted, which is a result like any other here.
    ensure!(
        matches!(code, 0 | 1),
        "the analysis ended with exit code {code}; its message stands above"
    );
    Ok(())
}

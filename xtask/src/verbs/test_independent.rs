//! `cargo xtask test --independent`: the numbers of the published run computed again from its raw
//! log alone, in another language with other libraries (`analysis/check`), and compared with every
//! number that the analysis prints.

use anyhow::{Context, Result, ensure};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use weighbridge_build::tools;
use weighbridge_project::exit::{Exit, LackingError};
use weighbridge_project::files;
use weighbridge_project::inputs::Inputs;
use weighbridge_project::process::{command, interrupted, lines, run as call, shown, with_events};
use weighbridge_project::progress::Progress;
use weighbridge_project::project::Project;
use weighbridge_project::runs;

/// The programs, and what they need, within the checkout.
const FOLDER: &str = "analysis/check";
const REQUIREMENTS: &str = "analysis/check/requirements.txt";
/// The pinned packages have no wheels for older ones.
const LEAST_PYTHON: &str = "3.11";
/// Exits with 1 where this Python is older, and with 2 where `venv` cannot bring pip: Debian ships
/// that part apart.
const PROBE: &str = "import sys\n\
    if sys.version_info < (3, 11): sys.exit(1)\n\
    try: import ensurepip, venv\n\
    except ImportError: sys.exit(2)";

/// Analyses the published run into a folder of its own, and checks what came out. A number that
/// differs is named, and makes [`Exit::DoesNotHold`].
///
/// # Errors
/// There is no published run, Python or a package cannot be had (exit code 3), or the check does
/// not see what it must.
pub fn run(project: &Project, progress: &Progress) -> Result<Exit> {
    let published = runs::published(project)?.context("paper/data holds no run to check")?;
    let python = environment(project, progress)?;
    let folder = project.state.join("independent");
    let generated = folder.join("generated");
    analyse(project, &published, &folder, &generated, progress)?;
    progress.note("  the check itself: a changed number must be found");
    let mut tests = python_command(&python);
    tests.args(["-m", "unittest", "discover", "--start-directory"]).arg(project.path(FOLDER));
    tests.env("WEIGHBRIDGE_RUN", &published).env("WEIGHBRIDGE_GENERATED", &generated);
    tests.env("WEIGHBRIDGE_CLAIMS", claims(project));
    tests.env("WEIGHBRIDGE_CALIBRATION", calibration(project));
    call(&mut tests)?;
    progress.note(&format!("  every number of {}", project.shown(&published)));
    let mut check = python_command(&python);
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

fn analyse(
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

fn python_command(python: &Path) -> Command {
    let mut command = command(python);
    // Nothing is written into the checkout.
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

/// The virtual environment's Python, with the packages at their pinned versions.
fn environment(project: &Project, progress: &Progress) -> Result<PathBuf> {
    let digest = Inputs::default().path(&project.root, REQUIREMENTS)?.digest();
    let folder = project.state.join("toolchains").join(format!("check-{}", &digest[..12]));
    let python = folder.join("bin/python3");
    if !python.exists() {
        require_python(Path::new("python3"))?;
        progress.note("  installing numpy, scipy and hdrhistogram (about 55 MB)");
        files::make_whole(&folder, |unfinished| install(project, unfinished))?;
    }
    Ok(python)
}

fn require_python(python: &Path) -> Result<()> {
    let mut probe = command(python);
    let probed = probe.args(["-c", PROBE]).stderr(Stdio::null()).status();
    let what = match probed.map(|status| status.code()) {
        Ok(Some(0)) => return Ok(()),
        Ok(Some(2)) => "Python's venv with ensurepip".to_owned(),
        Ok(_) => format!("Python {LEAST_PYTHON} or newer: {} is older", python.display()),
        Err(error) => format!("Python {LEAST_PYTHON} or newer: {}: {error}", python.display()),
    };
    let what = format!("{what}, by which the numbers are computed again");
    Err(LackingError { what, remedy: "apt-get install python3 python3-venv".to_owned() }.into())
}

/// Makes it under a temporary name. pip checks the hashes.
fn install(project: &Project, folder: &Path) -> Result<()> {
    call(command("python3").args(["-m", "venv"]).arg(folder))?;
    let mut pip = command(folder.join("bin/python3"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]);
    pip.args(["--no-compile", "--only-binary=:all:", "--require-hashes", "--requirement"]);
    pip.arg(project.path(REQUIREMENTS));
    call(&mut pip).map_err(|error| {
        if interrupted() {
            return error;
        }
        let what = format!("the packages of {REQUIREMENTS} ({error:#})");
        let remedy = "let pip reach a package index, and say this again".to_owned();
        LackingError { what, remedy }.into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_python_is_named_with_the_line_that_gets_it() {
        let error = require_python(Path::new("/nowhere/python3")).unwrap_err();
        assert!(error.is::<LackingError>(), "{error:#}");
        let text = error.to_string();
        assert!(text.contains("Python 3.11 or newer: /nowhere/python3: "), "{text}");
        assert!(text.ends_with("apt-get install python3 python3-venv"), "{text}");
    }

    #[test]
    fn an_old_python_and_one_without_pip_are_told_apart() {
        for (program, printed) in [("false", "false is older"), ("exit-2", "venv with ensurepip")] {
            let folder = tempfile::tempdir().unwrap();
            let mut python = PathBuf::from(program);
            if program == "exit-2" {
                python = folder.path().join("python3");
                std::fs::write(&python, "#!/bin/sh\nexit 2\n").unwrap();
                use std::os::unix::fs::PermissionsExt;
                std::fs::set_permissions(&python, PermissionsExt::from_mode(0o755)).unwrap();
            }
            let error = require_python(&python).unwrap_err().to_string();
            assert!(error.contains(printed), "{error}");
        }
    }
}

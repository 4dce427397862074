//! A Python with pinned packages, for checks that other people's libraries make.

use anyhow::Result;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use weighbridge_project::exit::LackingError;
use weighbridge_project::files;
use weighbridge_project::inputs::Inputs;
use weighbridge_project::process::{command, interrupted, run as call};
use weighbridge_project::progress::Progress;
use weighbridge_project::project::Project;

/// The pinned packages have no wheels for older ones.
const LEAST_PYTHON: &str = "3.11";
/// Exits with 1 where this Python is older, and with 2 where `venv` cannot bring pip: Debian ships
/// that part apart.
const PROBE: &str = "import sys\n\
    if sys.version_info < (3, 11): sys.exit(1)\n\
    try: import ensurepip, venv\n\
    except ImportError: sys.exit(2)";

/// Which packages.
#[derive(Debug, Clone, Copy)]
pub struct Packages {
    /// The list, as pip reads it, within the checkout; every package has its version and its hashes.
    pub requirements: &'static str,
    /// The packages in words, and how much is loaded.
    pub what: &'static str,
}

/// A call of that Python that writes nothing into the checkout.
pub fn command_of(python: &Path) -> Command {
    let mut command = command(python);
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

/// The Python of a virtual environment in the state folder, with the packages at their pinned versions.
///
/// # Errors
/// Python or a package cannot be had (exit code 3).
pub fn environment(project: &Project, packages: &Packages, progress: &Progress) -> Result<PathBuf> {
    let digest = Inputs::default().path(&project.root, packages.requirements)?.digest();
    let folder = project.state.join("toolchains").join(format!("check-{}", &digest[..12]));
    let python = folder.join("bin/python3");
    if !python.exists() {
        require_python(Path::new("python3"))?;
        progress.note(&format!("  installing {}", packages.what));
        files::make_whole(&folder, |unfinished| install(project, packages, unfinished))?;
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
    let what = format!("{what}, which this check is written in");
    Err(LackingError { what, remedy: "apt-get install python3 python3-venv".to_owned() }.into())
}

/// Makes it under a temporary name. pip checks the hashes.
fn install(project: &Project, packages: &Packages, folder: &Path) -> Result<()> {
    call(command("python3").args(["-m", "venv"]).arg(folder))?;
    let mut pip = command(folder.join("bin/python3"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]);
    pip.args(["--no-compile", "--only-binary=:all:", "--require-hashes", "--requirement"]);
    pip.arg(project.path(packages.requirements));
    call(&mut pip).map_err(|error| {
        if interrupted() {
            return error;
        }
        let what = format!("the packages of {} ({error:#})", packages.requirements);
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

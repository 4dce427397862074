//! `cargo xtask test --reference`: every pixel of our answers to the odd images beside an independent decoder's.

use anyhow::Result;
use std::process::Stdio;
use weighbridge_build::cargo::Build;
use weighbridge_project::exit::Exit;
use weighbridge_project::process::{command, interrupted, lines, shown};
use weighbridge_project::progress::Progress;
use weighbridge_project::project::Project;

const PROGRAM: &str = "weighbridge-command";
const SCRIPT: &str = "experiments/corpus/odd/reference.py";

/// Runs the comparison where Python has Pillow, and says so where it has not.
///
/// # Errors
/// The program could not be built or the script not be run. A picture that differs is no error but exit code 1.
pub fn run(project: &Project, progress: &Progress) -> Result<Exit> {
    let probe = command("python3").args(["-c", "import PIL"]).stderr(Stdio::null()).status();
    if !probe.is_ok_and(|status| status.success()) {
        println!(
            "left out: the comparison with an independent decoder: python3 has no Pillow; to get it: \
             python3 -m pip install pillow"
        );
        return Ok(Exit::Done);
    }
    let build = Build {
        package: PROGRAM,
        within_workspace: true,
        profile: "tools",
        arguments: &[],
        toolchain: None,
        env: &[],
    };
    build.run(project, progress)?;
    let mut script = command("python3");
    script.arg(project.path(SCRIPT)).arg("check").arg(project.tool(PROGRAM));
    let text = shown(&script);
    let status = lines(&mut script, |line| println!("{line}"))?;
    match status.code() {
        _ if interrupted() => Ok(Exit::Interrupted),
        Some(0) => Ok(Exit::Done),
        Some(1) => Ok(Exit::DoesNotHold),
        _ => anyhow::bail!("`{text}` failed ({status})"),
    }
}

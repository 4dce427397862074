//! Zig from the Python package index, in a virtual environment under the state folder: a C compiler and a
//! linker that bring musl for every architecture.

use crate::chain::{Readiness, Session};
use crate::machine::{Machine, Step};
use crate::packages::in_nix;
use crate::pins;
use crate::scripts;
use anyhow::{Context as _, Result};
use std::path::{Path, PathBuf};
use weighbridge_project::files::make_whole;

/// The scripts that rustc and the `cc` crate call.
pub(crate) struct Zig {
    pub(crate) compiler: PathBuf,
    pub(crate) archiver: PathBuf,
}

/// Whether zig is there or can be had, and the packages that this takes.
pub(crate) fn readiness(session: &Session<'_>) -> Readiness {
    let machine = session.machine();
    if machine.exists(&environment(session)) {
        return Readiness::Present;
    }
    if in_nix(machine) {
        return Readiness::Unavailable("nothing is downloaded in a Nix shell".to_owned());
    }
    let python = machine.find("python3").is_some();
    // Debian ships `venv` without the part that brings pip; ensurepip is that part.
    let ready =
        python && machine.run(&Step::new("python3", ["-c", "import ensurepip, venv"])).is_ok();
    let packages = if ready { Vec::new() } else { vec!["python3", "python3-venv"] };
    Readiness::Obtainable { packages }
}

/// Installs zig when it is not there; writes the scripts for one musl target.
pub(crate) fn ensure(session: &Session<'_>, architecture: &str) -> Result<Zig> {
    let environment = environment(session);
    if !environment.exists() {
        session.report(&format!("installing ziglang {} (about 100 MB)", pins::ZIG_RELEASE));
        make_whole(&environment, |unfinished| fill(session, unfinished))?;
    }
    let zig = find(session.machine(), &environment)?;
    let state = &session.context.state;
    let folder = state.join("bin");
    let target = format!("{architecture}-linux-musl");
    let cpu = if architecture == "x86_64" { "x86_64_v2" } else { "generic" };
    let scripts = Zig {
        compiler: folder.join(format!("{target}-cc")),
        archiver: folder.join(format!("{target}-ar")),
    };
    let cache = state.join("zig-cache");
    scripts::write(&scripts.compiler, &scripts::zig_compiler(&zig, &target, cpu, &cache))?;
    scripts::write(&scripts.archiver, &scripts::zig_archiver(&zig))?;
    Ok(scripts)
}

fn environment(session: &Session<'_>) -> PathBuf {
    session.context.state.join("toolchains").join(format!("zig-{}", pins::ZIG_RELEASE))
}

/// Fills a virtual environment. pip itself checks the hashes and installs nothing else: the package has no
/// dependencies.
fn fill(session: &Session<'_>, folder: &Path) -> Result<()> {
    let hashes: Vec<String> =
        pins::ZIG_WHEELS.iter().map(|hash| format!(" --hash=sha256:{hash}")).collect();
    let requirements = folder.join("requirements.txt");
    std::fs::write(&requirements, format!("ziglang=={}{}\n", pins::ZIG_RELEASE, hashes.concat()))
        .with_context(|| format!("can't write {}", requirements.display()))?;
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let machine = session.machine();
    machine.run(&Step::new("python3", ["-m", "venv", &text(folder)]))?;
    // The environment's own scripts carry the temporary name; the module does not.
    let python = text(&folder.join("bin/python3"));
    let arguments = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--no-compile",
        "--only-binary=:all:",
        "--require-hashes",
        "-r",
        &text(&requirements),
    ];
    let failed = || format!("ziglang {} was not installed", pins::ZIG_RELEASE);
    machine.run(&Step::new(python, arguments)).map(drop).with_context(failed)
}

/// The program inside the environment; the folder carries Python's version in its name.
fn find(machine: &dyn Machine, environment: &Path) -> Result<PathBuf> {
    machine
        .list(&environment.join("lib"))
        .iter()
        .map(|python| python.join("site-packages/ziglang/zig"))
        .find(|zig| machine.exists(zig))
        .with_context(|| format!("no zig in {}; remove that folder", environment.display()))
}

//! Zig from the Python package index, in a virtual environment under the state folder: a C compiler
//! and a linker that bring musl for every architecture.
//!
//! The index keeps every version. One that was deleted or yanked all the same is replaced by the
//! newest of its series.

use crate::chain::{Readiness, Session};
use crate::fetched;
use crate::machine::{Machine, Step};
use crate::moved::{self, Taken};
use crate::packages::in_nix;
use crate::pins;
use crate::registries::{is_no_version, nearest_wheel, wheels};
use crate::scripts;
use anyhow::{Context as _, Result};
use std::path::{Path, PathBuf};
use weighbridge_project::files::make_whole;

/// The scripts that rustc and the `cc` crate call.
pub(crate) struct Zig {
    pub(crate) compiler: PathBuf,
    pub(crate) archiver: PathBuf,
    /// Its release as manifests keep it, with a digest where it is not the pinned one.
    pub(crate) release: String,
}

/// Whether zig is there or can be had, and the packages that this takes.
pub(crate) fn readiness(session: &Session<'_>) -> Readiness {
    let machine = session.machine();
    if present(session).is_some() {
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
    let (environment, release) = match present(session) {
        Some(present) => present,
        None => install(session)?,
    };
    let zig = find(session.machine(), &environment)?;
    let state = &session.context.state;
    let folder = state.join("bin");
    let target = format!("{architecture}-linux-musl");
    let cpu = if architecture == "x86_64" { "x86_64_v2" } else { "generic" };
    let scripts = Zig {
        compiler: folder.join(format!("{target}-cc")),
        archiver: folder.join(format!("{target}-ar")),
        release,
    };
    let cache = state.join("zig-cache");
    scripts::write(&scripts.compiler, &scripts::zig_compiler(&zig, &target, cpu, &cache))?;
    scripts::write(&scripts.archiver, &scripts::zig_archiver(&zig))?;
    Ok(scripts)
}

/// The package with its pinned release.
fn pinned() -> String {
    format!("ziglang {}", pins::ZIG_RELEASE)
}

fn environment(session: &Session<'_>, name: &str) -> PathBuf {
    session.context.state.join("toolchains").join(name)
}

fn of_pinned(session: &Session<'_>) -> PathBuf {
    environment(session, &format!("zig-{}", pins::ZIG_RELEASE))
}

/// Where another release lies: its own name is not known before it is there.
fn of_moved(session: &Session<'_>) -> PathBuf {
    environment(session, &format!("zig-in-place-of-{}", pins::ZIG_RELEASE))
}

/// The environment that is there, with its release.
fn present(session: &Session<'_>) -> Option<(PathBuf, String)> {
    let machine = session.machine();
    let environment = of_pinned(session);
    if machine.exists(&environment) {
        return Some((environment, pins::ZIG_RELEASE.to_owned()));
    }
    let environment = Some(of_moved(session)).filter(|path| machine.exists(path))?;
    let taken = moved::remembered(&session.context.state, &pinned())?.into_iter().next()?;
    Some((environment, shown(&taken)))
}

fn shown(taken: &Taken) -> String {
    format!("{} sha256:{}", taken.version, taken.sha256)
}

/// The pinned release, or the newest of its series where the index has it no more.
fn install(session: &Session<'_>) -> Result<(PathBuf, String)> {
    session.report(&format!("installing {} (about 100 MB)", pinned()));
    let environment = of_pinned(session);
    let before = fetched::received_bytes(session.machine());
    let filled = make_whole(&environment, |unfinished| {
        make_environment(session, unfinished)?;
        pip_install(session, unfinished, pins::ZIG_RELEASE, pins::ZIG_WHEELS, &[])
    });
    match filled {
        Ok(()) => {
            // pip does not keep the wheel.
            fetched::note(session, &pinned(), before)?;
            Ok((environment, pins::ZIG_RELEASE.to_owned()))
        }
        Err(error) if is_no_version(&error) => install_moved(session).context(error.to_string()),
        Err(error) => Err(error),
    }
}

fn install_moved(session: &Session<'_>) -> Result<(PathBuf, String)> {
    let environment = of_moved(session);
    let mut found = None;
    make_whole(&environment, |unfinished| {
        make_environment(session, unfinished)?;
        let taken = choose(session, unfinished)?;
        let downloads = unfinished.join("wheel").display().to_string();
        let from = ["--no-index", "--find-links", &downloads];
        pip_install(session, unfinished, &taken.version, &[&taken.sha256], &from)?;
        found = Some(taken);
        Ok(())
    })?;
    let taken = found.context("no version was chosen")?;
    let release = shown(&taken);
    moved::report(session.context, &pinned(), "the Python package index", &taken);
    moved::remember(&session.context.state, &pinned(), vec![taken])?;
    Ok((environment, release))
}

/// Downloads the release that fits, and takes its digest.
fn choose(session: &Session<'_>, environment: &Path) -> Result<Taken> {
    let machine = session.machine();
    let python = python(environment);
    let versions = wheels(machine, &python, "ziglang")?;
    let version = nearest_wheel(&versions, pins::ZIG_RELEASE).context("no version is left")?;
    let downloads = environment.join("wheel");
    let folder = downloads.display().to_string();
    let wanted = format!("ziglang=={version}");
    let words = ["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"];
    let words = words.into_iter().chain(["--disable-pip-version-check", "--dest"]);
    machine.run(&Step::new(python, words.chain([folder.as_str(), wanted.as_str()])))?;
    let wheel = machine.list(&downloads).into_iter().next().context("pip has left no wheel")?;
    let sha256 = machine.digest(&wheel);
    let sha256 = sha256.with_context(|| format!("can't read {}", wheel.display()))?;
    Ok(Taken { package: "ziglang".to_owned(), version: version.to_owned(), sha256 })
}

fn make_environment(session: &Session<'_>, folder: &Path) -> Result<()> {
    let folder = folder.to_string_lossy();
    session.machine().run(&Step::new("python3", ["-m", "venv", &folder])).map(drop)
}

/// The environment's own scripts carry the temporary name; the module does not.
fn python(environment: &Path) -> String {
    environment.join("bin/python3").display().to_string()
}

/// pip itself checks the hashes and installs nothing else: the package has no dependencies.
fn pip_install(
    session: &Session<'_>,
    environment: &Path,
    release: &str,
    hashes: &[&str],
    from: &[&str],
) -> Result<()> {
    let hashes: Vec<String> = hashes.iter().map(|hash| format!(" --hash=sha256:{hash}")).collect();
    let requirements = environment.join("requirements.txt");
    std::fs::write(&requirements, format!("ziglang=={release}{}\n", hashes.concat()))
        .with_context(|| format!("can't write {}", requirements.display()))?;
    let requirements = requirements.display().to_string();
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
        &requirements,
    ];
    let arguments = arguments.into_iter().chain(from.iter().copied());
    let failed = || format!("ziglang {release} was not installed");
    session.machine().run(&Step::new(python(environment), arguments)).map(drop).with_context(failed)
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

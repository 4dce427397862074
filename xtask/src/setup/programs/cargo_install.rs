//! A program that `cargo install` compiles, at exactly the pinned version, into a folder of the project.

use super::Made;
use crate::process::{cargo_artifact, check, command, lines, shown};
use crate::progress::Progress;
use anyhow::{Result, ensure};
use std::collections::BTreeMap;
use std::path::Path;

/// What to install.
pub(super) struct Crate<'a> {
    /// The package in the crate registry.
    pub(super) package: &'a str,
    /// Its version.
    pub(super) version: &'a str,
    /// The program it installs.
    pub(super) program: &'a str,
    /// Features in place of the default ones.
    pub(super) features: Option<&'a [String]>,
    /// How long it takes on two cores, from and to.
    pub(super) minutes: [u32; 2],
}

/// Compiles and installs it below `root`; what is compiled on the way is removed again.
///
/// # Errors
/// The crate registry does not answer or has no such version, or it does not compile.
pub(super) fn install(wanted: &Crate<'_>, root: &Path, progress: &Progress) -> Result<Made> {
    let target = root.join("target");
    let mut install = command("cargo");
    // In the root and not in the checkout, whose .cargo/config.toml is about our own programs.
    std::fs::create_dir_all(root)?;
    install.current_dir(root).args(["install", "--locked", "--quiet"]);
    install.arg(format!("{}@{}", wanted.package, wanted.version));
    install.args(["--bin", wanted.program]).arg("--root").arg(root);
    if let Some(features) = wanted.features {
        install.args(["--no-default-features", "--features", &features.join(",")]);
    }
    install.env("CARGO_TARGET_DIR", &target).env_remove("RUSTFLAGS");
    install.arg("--message-format=json-render-diagnostics");
    let [from, to] = wanted.minutes;
    let title = format!("compile {} {}", wanted.package, wanted.version);
    progress.begin(&title, 0);
    progress.note(&format!("  {from} to {to} minutes on two cores"));
    let text = shown(&install);
    let ended = lines(&mut install, |line| {
        if let Some((name, _)) = cargo_artifact(line) {
            progress.tick(&name);
        }
    });
    ended.and_then(|status| check(&text, status)).inspect_err(|_| progress.abandon())?;
    // Several gigabytes, of which nothing is needed again.
    let _ = std::fs::remove_dir_all(&target);
    progress.end("done");
    let program = root.join("bin").join(wanted.program);
    ensure!(program.is_file(), "`{text}` installed no {}", program.display());
    let mut detail = BTreeMap::from([(wanted.package.to_owned(), wanted.version.to_owned())]);
    if let Some(features) = wanted.features {
        detail.insert("features".to_owned(), features.join(" "));
    }
    let command = vec![program.display().to_string()];
    Ok(Made { command, program, libraries: Vec::new(), detail })
}

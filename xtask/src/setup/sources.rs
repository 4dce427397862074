//! The sources of the standard library, from the distribution, of exactly the compiler at hand.

use super::chain::{Readiness, Session};
use super::debian;
use super::pins::{self, Pin};
use super::rust::Compiler;
use anyhow::{Context as _, Result, bail};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const SOURCES_SET: &str = "rust-sources";

/// Whether the sources are unpacked or can be had.
pub(crate) fn readiness(session: &Session<'_>) -> Readiness {
    match pin(&session.compiler) {
        Some(pin) => set_readiness(session, SOURCES_SET, &[pin]),
        None => Readiness::Unavailable(nothing_pinned(&session.compiler)),
    }
}

/// Unpacks them; gives their folder and what a manifest should say about them.
pub(crate) fn unpack(session: &Session<'_>) -> Result<(PathBuf, BTreeMap<String, String>)> {
    let compiler = &session.compiler;
    let pins = [pin(compiler).with_context(|| nothing_pinned(compiler))?];
    let root = debian::unpack(session, SOURCES_SET, &pins, keep_library_only)?;
    Ok((folder_of(&root, &compiler.release)?, debian::detail(&pins)))
}

fn pin(compiler: &Compiler) -> Option<Pin> {
    let same = |sources: &&pins::RustSources| sources.release == compiler.release;
    pins::RUST_SOURCES.iter().find(same).map(|sources| sources.package)
}

fn nothing_pinned(compiler: &Compiler) -> String {
    format!("no sources are pinned for rustc {}", compiler.release)
}

/// Present when the set is unpacked, else obtainable when the distribution's archive can be asked.
pub(crate) fn set_readiness(session: &Session<'_>, set: &str, pins: &[Pin]) -> Readiness {
    if session.machine().exists(&debian::folder(session.context, set, pins)) {
        return Readiness::Present;
    }
    match debian::unavailable(session.machine(), pins) {
        Some(reason) => Readiness::Unavailable(reason),
        None => Readiness::Obtainable { packages: Vec::new() },
    }
}

/// Removes the compiler's own sources, ten times as large as the library's and of no use here.
pub(crate) fn keep_library_only(root: &Path) -> Result<()> {
    let sources = root.join("usr/src");
    for release in list(&sources)? {
        for part in list(&release)?.iter().filter(|part| !part.ends_with("library")) {
            let removed = if part.is_dir() && !part.is_symlink() {
                std::fs::remove_dir_all(part)
            } else {
                std::fs::remove_file(part)
            };
            removed.with_context(|| format!("can't remove {}", part.display()))?;
        }
    }
    Ok(())
}

fn list(folder: &Path) -> Result<Vec<PathBuf>> {
    std::fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect())
        .with_context(|| format!("can't read {}", folder.display()))
}

/// The unpacked sources of a release.
pub(crate) fn folder_of(root: &Path, release: &str) -> Result<PathBuf> {
    let folder = root.join("usr/src").join(format!("rustc-{release}"));
    if !folder.join("library/std").exists() {
        bail!("the package has no library sources at {}", folder.display());
    }
    Ok(folder)
}

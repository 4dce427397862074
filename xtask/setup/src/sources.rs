//! The sources of the standard library, from the distribution, of exactly the compiler at hand.

use crate::chain::{Readiness, Session};
use crate::debian;
use crate::pins::{self, Pin};
use crate::rust::{self, Compiler};
use crate::scripts;
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

/// The sources of the standard library, unpacked.
pub(crate) struct Sources {
    /// The folder that holds `library`.
    pub(crate) folder: PathBuf,
    /// What a manifest should say about them.
    pub(crate) detail: BTreeMap<String, String>,
    /// The compiler at hand, which takes the root that they were unpacked to for its sysroot.
    ///
    /// Cargo makes the path of a standard library that it builds along, and of that library's build
    /// scripts, a part of every symbol's hash: relative to the sysroot if it lies within, else from
    /// the file system's root, and then no two folders give the same program.
    rustc: PathBuf,
}

impl Sources {
    /// The environment in which cargo builds them along.
    pub(crate) fn environment(&self) -> impl Iterator<Item = (String, String)> {
        let rustc = ("RUSTC".to_owned(), self.rustc.display().to_string());
        rust::build_std_environment(&self.folder).into_iter().chain([rustc])
    }
}

/// Unpacks them.
pub(crate) fn unpack(session: &Session<'_>) -> Result<Sources> {
    let compiler = &session.compiler;
    let pins = [pin(compiler).with_context(|| nothing_pinned(compiler))?];
    let unpacked = debian::unpack(session, SOURCES_SET, &pins, keep_library_only)?;
    let root = &unpacked.folder;
    link_compiler(root, &compiler.sysroot)?;
    let rustc = session.context.state.join("bin/rustc-beside-sources");
    scripts::write(&rustc, &scripts::compiler(&compiler.rustc, root))?;
    let folder = folder_of(root, &compiler.release)?;
    Ok(Sources { folder, detail: unpacked.detail(), rustc })
}

/// What else the compiler looks for in its sysroot, such as its linker, is found there: `lib` is the compiler's own.
fn link_compiler(root: &Path, sysroot: &Path) -> Result<()> {
    let (link, own) = (root.join("lib"), sysroot.join("lib"));
    if std::fs::read_link(&link).is_ok_and(|target| target == own) {
        return Ok(());
    }
    let failed = || format!("link {} to {}", link.display(), own.display());
    // Of a compiler that lay elsewhere.
    if link.is_symlink() {
        std::fs::remove_file(&link).with_context(failed)?;
    }
    std::os::unix::fs::symlink(&own, &link).with_context(failed)
}

fn pin(compiler: &Compiler) -> Option<Pin> {
    let same = |sources: &&pins::RustSources| sources.release == compiler.release;
    pins::RUST_SOURCES.iter().find(same).map(|sources| sources.package.clone())
}

fn nothing_pinned(compiler: &Compiler) -> String {
    format!("no sources are pinned for rustc {}", compiler.release)
}

/// Present when the set is unpacked, else obtainable when the distribution's archive can be asked.
pub(crate) fn set_readiness(session: &Session<'_>, set: &str, pins: &[Pin]) -> Readiness {
    if debian::unpacked(session, set, pins).is_some() {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_roots_library_is_the_compilers_and_follows_it() {
        let root = std::env::temp_dir().join(format!("xtask-sysroot-{}", std::process::id()));
        std::fs::create_dir_all(&root).unwrap();
        let points_to = || std::fs::read_link(root.join("lib")).unwrap();
        for sysroot in ["/one", "/one", "/other"] {
            link_compiler(&root, Path::new(sysroot)).unwrap();
            assert_eq!(points_to(), Path::new(sysroot).join("lib"));
        }
        std::fs::remove_dir_all(&root).unwrap();
    }

    #[test]
    fn the_compiler_says_that_its_sysroot_is_where_the_sources_are() {
        let root = std::env::temp_dir().join(format!("xtask sources {}", std::process::id()));
        let rustc = root.join("rustc");
        scripts::write(&rustc, &scripts::compiler(Path::new("rustc"), &root)).unwrap();
        let printed =
            std::process::Command::new(&rustc).args(["--print", "sysroot"]).output().unwrap();
        assert_eq!(String::from_utf8(printed.stdout).unwrap().trim(), root.to_str().unwrap());

        let sources = Sources { folder: root.join("x"), detail: BTreeMap::new(), rustc };
        let environment: BTreeMap<String, String> = sources.environment().collect();
        assert_eq!(Path::new(&environment["RUSTC"]), root.join("rustc"));
        assert_eq!(Path::new(&environment["__CARGO_TESTS_ONLY_SRC_ROOT"]), root.join("x/library"));
        std::fs::remove_dir_all(&root).unwrap();
    }
}

//! A program from a Debian suite in a root of its own: the package and what it depends on are downloaded and unpacked
//! under the state folder, not installed, and the program is started by that root's own loader, or as a copy that names
//! it (`relinked.rs`).

use super::made::Made;
use super::relinked;
use crate::context::Context;
use crate::debian::{entry, private_index};
use crate::index::Index;
use crate::machine::Step;
use crate::moved::upstream;
use crate::packages::in_nix;
use crate::pins::Archive;
use crate::registries::OTHER_VERSION;
use anyhow::{Context as _, Result, bail};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use weighbridge_project::files::make_folder;

/// Where a root keeps its loader, by architecture.
const LOADERS: [&str; 4] = [
    "lib64/ld-linux-x86-64.so.2",
    "usr/lib64/ld-linux-x86-64.so.2",
    "lib/ld-linux-aarch64.so.1",
    "usr/lib/ld-linux-aarch64.so.1",
];

/// What to unpack.
pub(super) struct Wanted<'a> {
    /// The suite that has it.
    pub(super) suite: &'a str,
    /// The package that holds `program`.
    pub(super) package: &'a str,
    /// That package and those beside it, of exactly the versions that they name as `NAME=VERSION`.
    pub(super) packages: Vec<String>,
    /// The program's path within the root.
    pub(super) program: &'a str,
    /// The paths of programs that are started as copies with loader and libraries written in.
    pub(super) relinked: &'a [String],
}

/// A root that was unpacked, with its loader.
pub(super) struct Root<'a> {
    /// Where it lies.
    pub(super) folder: &'a Path,
    /// Its loader.
    pub(super) loader: PathBuf,
    /// Where the loader looks for libraries, separated by colons.
    pub(super) library_path: String,
}

/// Downloads the packages with what they depend on and unpacks them into `root`.
///
/// # Errors
/// This machine cannot ask Debian's archive, the suite has another version by now, or unpacking failed.
pub(super) fn unpack(context: &Context<'_>, wanted: &Wanted<'_>, root: &Path) -> Result<Made> {
    let (files, moved) = download(context, wanted.suite, wanted.package, &wanted.packages)?;
    make_folder(root)?;
    let detail = unpack_files(context, &files, &moved, root)?;
    let program = root.join(wanted.program);
    if !context.machine.exists(&program) {
        bail!("{} hold no {}", wanted.packages.join(", "), program.display());
    }
    let loader = LOADERS.map(|path| root.join(path)).into_iter().find(|path| path.exists());
    let Some(loader) = loader else {
        let command = vec![program.display().to_string()];
        return Ok(Made { command, program, libraries: Vec::new(), detail });
    };
    let triplet = format!("{}-linux-gnu", context.machine.architecture());
    let folders = [root.join("usr/lib").join(&triplet), root.join("lib").join(&triplet)];
    let library_path = folders.map(|folder| folder.display().to_string()).join(":");
    let root = Root { folder: root, loader, library_path };
    if !wanted.relinked.is_empty() {
        return relinked::copies(context, wanted, &root, detail);
    }
    let (command, libraries) = with_loader(context, &root, &program);
    Ok(Made { command, program, libraries, detail })
}

/// Unpacks packages into a root. Gives their versions, and the digests of those that nobody has pinned.
fn unpack_files(
    context: &Context<'_>,
    files: &[PathBuf],
    moved: &[String],
    root: &Path,
) -> Result<BTreeMap<String, String>> {
    let mut detail = BTreeMap::new();
    for file in files {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        // PACKAGE_VERSION_ARCHITECTURE.deb, with the colon of an epoch escaped.
        let mut parts = name.splitn(3, '_');
        if let (Some(package), Some(version)) = (parts.next(), parts.next()) {
            let version = version.replace("%3a", ":");
            // A version that nobody has pinned: its digest tells it from what comes after it.
            if moved.contains(&format!("{package}={version}")) {
                let digest = context.machine.digest(file);
                let digest = digest.with_context(|| format!("can't read {}", file.display()))?;
                detail.insert(format!("sha256 of {package}"), digest);
            }
            detail.insert(package.to_owned(), version);
        }
        let arguments = ["-x".into(), file.to_string_lossy(), root.to_string_lossy()];
        context.machine.run(&Step::new("dpkg", arguments))?;
    }
    Ok(detail)
}

/// The files of the packages and of everything that they depend on, as apt resolves it for a
/// machine on which nothing is installed; and what was taken in the place of what is gone.
fn download(
    context: &Context<'_>,
    suite: &str,
    package: &str,
    packages: &[String],
) -> Result<(Vec<PathBuf>, Vec<String>)> {
    if in_nix(context.machine) {
        bail!("nothing is downloaded in a Nix shell");
    }
    let archive = entry(context.machine, Archive::Main)?;
    let name = format!("{package}-{suite}");
    let mut options = private_index(context, &name, &[(archive, vec![suite])])?;
    let folder = context.state.join("apt").join(&name);
    let status = folder.join("status");
    std::fs::write(&status, "").with_context(|| format!("can't write {}", status.display()))?;
    let archives = folder.join("cache/archives");
    for setting in [
        format!("Dir::State::status={}", status.display()),
        format!("Dir::Cache::archives={}", archives.display()),
        "APT::Install-Recommends=false".to_owned(),
    ] {
        options.extend(["-o".to_owned(), setting]);
    }
    let apt = |arguments: &[&str]| {
        let all = options.iter().cloned().chain(arguments.iter().map(|&word| word.to_owned()));
        context.machine.run(&Step::new("apt-get", all))
    };
    (context.reporter)(&format!("fetching the package index of {suite}"));
    apt(&["update"])?;
    // What an earlier version left must not be unpacked along.
    apt(&["clean"])?;
    let shown = packages.join(", ");
    (context.reporter)(&format!("downloading {shown} with what is depended on"));
    let install = |packages: &[String]| {
        let wanted = packages.iter().map(String::as_str);
        let words: Vec<&str> =
            ["install", "--download-only", "--yes"].into_iter().chain(wanted).collect();
        apt(&words)
    };
    let mut taken = Vec::new();
    if let Err(error) = install(packages) {
        let failed = || format!("{suite} has no {shown} any more, or it cannot be downloaded");
        let index = Index::of(context.machine, &options);
        taken = moved(&index, suite, packages).with_context(failed)?;
        if taken.is_empty() {
            return Err(error).with_context(failed);
        }
        (context.reporter)(&format!(
            "{shown} is gone from {suite}: takes the newest that fits, {}",
            taken.join(", ")
        ));
        install(&taken).with_context(failed)?;
    }
    let files = context.machine.list(&archives).into_iter();
    let is_package = |file: &PathBuf| file.extension().is_some_and(|ending| ending == "deb");
    Ok((files.filter(is_package).collect(), taken))
}

/// The packages with the newest packaging of the same release in the place of each that the suite has
/// no more; empty when all are there. Another release is another program.
fn moved(index: &Index<'_>, suite: &str, packages: &[String]) -> Result<Vec<String>> {
    let mut all = Vec::new();
    for wanted in packages {
        let (package, version) = wanted.split_once('=').unwrap_or((wanted, ""));
        let versions = index.versions(package, suite)?;
        let fits = |one: &&String| *one == version || upstream(one) == upstream(version);
        let there = versions.iter().find(|one| *one == version);
        let Some(found) = there.or_else(|| versions.iter().find(fits)) else {
            match versions.first() {
                Some(newest) => bail!(
                    "{wanted} is gone, and {newest}, the newest in {suite}, is of another release: \
                     {OTHER_VERSION}"
                ),
                None => bail!("{suite} has no {package}: {OTHER_VERSION}"),
            }
        };
        all.push(format!("{package}={found}"));
    }
    Ok(if all == packages { Vec::new() } else { all })
}

/// The command with the loader, and the libraries that it finds for the program.
fn with_loader(
    context: &Context<'_>,
    root: &Root<'_>,
    program: &Path,
) -> (Vec<String>, Vec<PathBuf>) {
    let shown = program.display().to_string();
    let Ok(libraries) = root.libraries_of(context, program) else {
        // A static program: the loader has nothing to do.
        return (vec![shown], Vec::new());
    };
    let loader = root.loader.display().to_string();
    let command = vec![loader, "--library-path".to_owned(), root.library_path.clone(), shown];
    (command, libraries)
}

impl Root<'_> {
    /// A call of the loader about a program of the root.
    pub(super) fn ask_loader(&self, option: &str, program: &Path) -> Step {
        let words = ["--library-path", &self.library_path, option, &program.to_string_lossy()];
        Step::new(self.loader.display().to_string(), words.map(str::to_owned))
    }

    /// The libraries of the root that the loader finds for a program, and the loader itself, sorted.
    ///
    /// # Errors
    /// A library is missing, or the program is static.
    pub(super) fn libraries_of(
        &self,
        context: &Context<'_>,
        program: &Path,
    ) -> Result<Vec<PathBuf>> {
        let listed = context.machine.run(&self.ask_loader("--list", program))?;
        let mut libraries = libraries(&listed, self.folder);
        libraries.push(self.loader.clone());
        libraries.sort();
        libraries.dedup();
        Ok(libraries)
    }
}

/// `libm.so.6 => /root/usr/lib/libm.so.6 (0x7f..)`: those that lie within `root`.
fn libraries(listed: &str, root: &Path) -> Vec<PathBuf> {
    listed
        .lines()
        .filter_map(|line| line.split_once(" => ")?.1.trim().split(" (0x").next())
        .map(PathBuf::from)
        .filter(|path| path.starts_with(root))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_of_the_root_are_told_from_those_of_the_machine() {
        let listed = "\tlinux-vdso.so.1 (0x7ffd)\n\tlibm.so.6 => /r/usr/lib/libm.so.6 (0x7f01)\n\
                      \tlibz.so.1 => /usr/lib/libz.so.1 (0x7f02)\n\t/lib64/ld-linux.so.2 (0x7f03)\n";
        assert_eq!(libraries(listed, Path::new("/r")), [PathBuf::from("/r/usr/lib/libm.so.6")]);
    }
}

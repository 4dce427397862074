//! The folders that a program of this repository is made of: those of its package and of every package
//! that it reaches by path dependencies. Cargo says which; a list kept by hand would miss the next one.

use crate::inputs::Inputs;
use crate::process::{command, shown};
use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// What decides about every program of the workspace.
const COMMON: [&str; 3] = ["Cargo.lock", "Cargo.toml", "rust-toolchain.toml"];

/// What is read of `cargo metadata`.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Clone, Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
    dependencies: Vec<Dependency>,
}

#[derive(Clone, Deserialize)]
struct Dependency {
    /// `None` of a usual one; `build` or `dev`.
    kind: Option<String>,
    /// `None` of one from the registry.
    path: Option<PathBuf>,
}

/// The digest of everything that the program of `package` is made of.
///
/// # Errors
/// Cargo does not know the package, or a file cannot be read.
pub fn digest(root: &Path, package: &str) -> Result<String> {
    // As cargo says paths, whichever way led here.
    let root = &canonical(root)?;
    Ok(of_folders(root, &folders(root, package)?)?.paths(root, &COMMON)?.digest())
}

/// The digest of everything that the crate in `folder` is made of, which is no member of the workspace and has a lock
/// file of its own, but may depend on members.
///
/// # Errors
/// The folder holds no crate, or a file cannot be read.
pub fn digest_outside_workspace(root: &Path, folder: &str) -> Result<String> {
    let root = &canonical(root)?;
    let own = root.join(folder);
    let packages = [packages(root)?, packages(&own)?].concat();
    Ok(of_folders(root, &reached(&packages, &own))?.paths(root, &["rust-toolchain.toml"])?.digest())
}

fn canonical(root: &Path) -> Result<PathBuf> {
    root.canonicalize().with_context(|| format!("look up {}", root.display()))
}

fn of_folders(root: &Path, folders: &BTreeSet<PathBuf>) -> Result<Inputs> {
    folders.iter().try_fold(Inputs::default(), |inputs, folder| {
        let relative = folder.strip_prefix(root).with_context(|| {
            format!("{}, which is depended on, lies outside the checkout", folder.display())
        })?;
        inputs.path(root, &relative.to_string_lossy())
    })
}

/// The folders, sorted. Development dependencies are the tests' own and not among them.
fn folders(root: &Path, package: &str) -> Result<BTreeSet<PathBuf>> {
    let packages = packages(root)?;
    let own = packages.iter().find(|one| one.name == package);
    let own = own.and_then(|one| one.manifest_path.parent());
    let own = own.with_context(|| format!("no package `{package}` in {}", root.display()))?;
    Ok(reached(&packages, own))
}

/// The folder `own` and those of all packages that the one in it depends on.
fn reached(packages: &[Package], own: &Path) -> BTreeSet<PathBuf> {
    let by_folder: BTreeMap<&Path, &Package> =
        packages.iter().filter_map(|one| Some((one.manifest_path.parent()?, one))).collect();
    let (mut found, mut open) = (BTreeSet::new(), vec![own]);
    while let Some(folder) = open.pop() {
        if !found.insert(folder.to_owned()) {
            continue;
        }
        let dependencies = by_folder.get(folder).map(|one| &one.dependencies[..]);
        let built = dependencies
            .unwrap_or_default()
            .iter()
            .filter(|dependency| dependency.kind.as_deref() != Some("dev"));
        open.extend(built.filter_map(|dependency| dependency.path.as_deref()));
    }
    found
}

/// The packages of the workspace in a folder, as cargo reads their manifests; nothing is resolved or downloaded.
fn packages(root: &Path) -> Result<Vec<Package>> {
    let mut ask = command("cargo");
    ask.current_dir(root).args(["metadata", "--no-deps", "--offline", "--format-version", "1"]);
    let text = shown(&ask);
    let output = ask.output().with_context(|| format!("run `{text}`"))?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "`{text}` failed: {}", errors.trim());
    let metadata: Metadata = serde_json::from_slice(&output.stdout)
        .with_context(|| format!("understand what `{text}` says"))?;
    Ok(metadata.packages)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::write;

    fn package(root: &Path, folder: &str, name: &str, dependencies: &str) {
        let manifest = format!(
            "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n{dependencies}"
        );
        write(&root.join(folder).join("Cargo.toml"), manifest.as_bytes()).unwrap();
        write(&root.join(folder).join("src/lib.rs"), b"//! Before.\n").unwrap();
    }

    #[test]
    fn a_path_dependency_that_is_added_decides_about_the_program() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let workspace = "[workspace]\nresolver = \"3\"\nmembers = [\"program\", \"near\", \"far\", \"tests\"]\n\n\
            [workspace.dependencies]\nfar = { path = \"far\" }\n";
        write(&root.join("Cargo.toml"), workspace.as_bytes()).unwrap();
        let tests = "[dev-dependencies]\ntests = { path = \"../tests\" }\n";
        package(&root, "program", "program", tests);
        package(&root, "near", "near", "[build-dependencies]\nfar.workspace = true\n");
        package(&root, "far", "far", "");
        package(&root, "tests", "tests", "");
        let now = || digest(&root, "program").unwrap();
        let change = |crate_: &str, text: &str| {
            write(&root.join(crate_).join("src/lib.rs"), text.as_bytes()).unwrap();
        };

        let alone = now();
        for other in ["near", "far", "tests"] {
            change(other, "//! Changed.\n");
            assert_eq!(now(), alone, "{other} is none of it");
        }
        let near = format!("[dependencies]\nnear = {{ path = \"../near\" }}\n{tests}");
        package(&root, "program", "program", &near);
        let with_near = now();
        assert_ne!(with_near, alone);
        let mut seen = vec![with_near];
        for part in ["near", "far", "program"] {
            change(part, "//! Changed again.\n");
            let digest = now();
            assert!(!seen.contains(&digest), "a change in {part} is not noticed");
            seen.push(digest);
        }
        change("tests", "//! Changed again.\n");
        assert_eq!(now(), seen[3]);
    }

    #[test]
    fn a_package_that_is_not_there_is_named() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
        let error = digest(root, "weighbridge-rummer").unwrap_err().to_string();
        assert!(error.starts_with("no package `weighbridge-rummer` in "), "{error}");
    }

    #[test]
    fn the_runner_and_the_analysis_are_made_of_what_they_share() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
        for package in ["weighbridge-runner", "weighbridge-analysis"] {
            let found = folders(root, package).unwrap();
            let has = |name: &str| found.contains(&root.join(name));
            assert!(has("experiments/schema") && !has("xtask"), "{package}: {found:?}");
        }
    }

    #[test]
    fn a_crate_outside_the_workspace_is_made_of_the_members_that_it_depends_on() {
        let root = canonical(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")).unwrap();
        let shim = root.join("experiments/shim");
        let packages = [packages(&root).unwrap(), packages(&shim).unwrap()].concat();
        let found = reached(&packages, &shim);
        for member in ["service/host", "service/server", "service/protocol"] {
            assert!(found.contains(&root.join(member)), "{member}: {found:?}");
        }
        assert!(!found.contains(&root.join("experiments/runner")));
        let digest = digest_outside_workspace(&root, "experiments/shim").unwrap();
        assert_ne!(digest, digest_outside_workspace(&root, "experiments/fuzz").unwrap());
    }
}

//! `cargo xtask build --check-reproducible`: two clean builds, from copies of the sources in two folders, with
//! two target folders and two state folders; then each artifact's digests are compared.

use crate::artifacts::{SOURCES, folders, require, with_runner};
use crate::{record, tools};
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use weighbridge_project::exit::Exit;
use weighbridge_project::files::remove;
use weighbridge_project::progress::Progress;
use weighbridge_project::project::Project;
use weighbridge_schema::architecture::Architecture;
use weighbridge_schema::artifact::Artifacts;
use weighbridge_setup::{Need, provide};

/// The folders of the two builds, and where the state folder lies in each: in the checkout, as it does by default, and
/// outside. Their paths differ in length too.
const COPIES: [(&str, &str); 2] =
    [("first", "checkout/.weighbridge"), ("second-in-a-longer-path", "state")];

/// What cargo reads besides the sources of the service: the other members of the workspace.
pub(crate) const MEMBERS: [&str; 4] = ["xtask", "experiments", "analysis", "examples"];

/// The verb's second form.
///
/// # Errors
/// A target is missing or a build failed. Different digests are no error: exit code 1.
pub fn run(
    project: &Project,
    architectures: &[Architecture],
    needs: &[Need],
    progress: &Progress,
) -> Result<Exit> {
    // What has to be downloaded is downloaded once, for both copies.
    let setup = provide(project, needs, progress)?;
    require(&setup, architectures)?;
    let (runner, _) = tools::ensure(project, tools::RUNNER, progress)?;
    let base = project.target.join("reproducible");
    remove(&base)?;
    let mut builds = Vec::new();
    for (name, state) in COPIES {
        let copy = copy_of(project, &base.join(name), state)?;
        let setup = provide(&copy, needs, progress)?;
        let runner = || anyhow::Ok(runner.clone());
        let local = with_runner(&copy, &setup, architectures, &runner, true, progress)?;
        let local_and_foreign = folders(&local, architectures);
        builds.push(local_and_foreign.iter().map(|f| record::read(f)).collect::<Result<Vec<_>>>()?);
        leave_artifacts_only(&copy.target)?;
    }
    let (text, is_same) = compared(&builds[0], &builds[1]);
    print!("{text}");
    if is_same {
        remove(&base)?;
        return Ok(Exit::Done);
    }
    println!("the two builds are kept in {}", base.display());
    Ok(Exit::DoesNotHold)
}

/// A line for each artifact, and whether all are the same.
fn compared(first: &[Artifacts], second: &[Artifacts]) -> (String, bool) {
    let mut text = format!("{:<36} {:<64} two builds\n", "artifact", "sha256 of the first");
    let mut is_same = true;
    let (first, second) = (by_label(first), by_label(second));
    for label in first.keys().chain(second.keys().filter(|label| !first.contains_key(*label))) {
        let (one, other) = (first.get(label), second.get(label));
        let verdict = match (one, other) {
            (Some(_), None) => "in the first alone",
            (None, _) => "in the second alone",
            _ if one == other => "same",
            _ => "differs",
        };
        is_same &= one == other;
        text += &format!("{label:<36} {:<64} {verdict}\n", one.copied().unwrap_or("-"));
    }
    (text, is_same)
}

/// Digest by `architecture/artifact`.
fn by_label(build: &[Artifacts]) -> BTreeMap<String, &str> {
    let mut digests = BTreeMap::new();
    for one in build {
        for (name, artifact) in &one.artifacts {
            digests.insert(format!("{}/{name}", one.architecture), &*artifact.sha256);
        }
    }
    digests
}

/// Sources and toolchains under other paths; nothing that a build has made.
fn copy_of(project: &Project, folder: &Path, state: &str) -> Result<Project> {
    let copy = Project {
        root: folder.join("checkout"),
        state: folder.join(state),
        target: folder.join("target"),
        build: folder.join("target"),
        assume_yes: project.assume_yes,
    };
    for name in SOURCES.iter().chain(&MEMBERS) {
        copy_tree(&project.path(name), &copy.path(name), Copying::Whole)?;
    }
    let toolchains = project.state.join("toolchains");
    if toolchains.is_dir() {
        copy_tree(&toolchains, &copy.state.join("toolchains"), Copying::Linking)?;
    }
    Ok(copy)
}

/// How files are copied.
#[derive(Clone, Copy)]
enum Copying {
    Whole,
    /// By a second name where the file system can: toolchains are large, and nobody writes to them.
    Linking,
}

fn copy_tree(from: &Path, to: &Path, copying: Copying) -> Result<()> {
    let what = || format!("copy {} to {}", from.display(), to.display());
    let kind = std::fs::symlink_metadata(from).with_context(what)?.file_type();
    let parent = if kind.is_dir() { Some(to) } else { to.parent() };
    if let Some(parent) = parent {
        std::fs::create_dir_all(parent).with_context(what)?;
    }
    if kind.is_dir() {
        for entry in std::fs::read_dir(from).with_context(what)? {
            let name = entry.with_context(what)?.file_name();
            copy_tree(&from.join(&name), &to.join(&name), copying)?;
        }
        return Ok(());
    }
    if kind.is_symlink() {
        let target = std::fs::read_link(from).with_context(what)?;
        return std::os::unix::fs::symlink(target, to).with_context(what);
    }
    if matches!(copying, Copying::Linking) && std::fs::hard_link(from, to).is_ok() {
        return Ok(());
    }
    std::fs::copy(from, to).map(drop).with_context(what)
}

/// Gigabytes of intermediate files say nothing any more.
fn leave_artifacts_only(target: &Path) -> Result<()> {
    let listed = || format!("list {}", target.display());
    let entries = std::fs::read_dir(target).with_context(listed)?;
    let paths: Vec<PathBuf> = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<std::io::Result<_>>()
        .with_context(listed)?;
    for path in paths.iter().filter(|path| path.is_dir() && !path.ends_with("weighbridge")) {
        remove(path)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use weighbridge_schema::artifact::Artifact;

    fn artifacts(sha256: &str) -> Artifacts {
        let artifact = |digest: &str| Artifact {
            file: "x".to_owned(),
            size_bytes: 1,
            sha256: digest.to_owned(),
        };
        Artifacts {
            schema_version: 2,
            architecture: "aarch64".to_owned(),
            toolchain: String::new(),
            libc: String::new(),
            artifacts: BTreeMap::from([
                ("a".to_owned(), artifact("1")),
                ("b".to_owned(), artifact(sha256)),
            ]),
            provisions: Vec::new(),
            settings: BTreeMap::new(),
        }
    }

    #[test]
    fn one_artifact_that_differs_is_named_and_decides() {
        let (text, is_same) = compared(&[artifacts("2")], &[artifacts("2")]);
        assert!(is_same && text.matches(" same\n").count() == 2, "{text}");
        let (text, is_same) = compared(&[artifacts("2")], &[artifacts("3")]);
        assert!(!is_same);
        let differing: Vec<&str> = text.lines().filter(|line| line.ends_with("differs")).collect();
        assert_eq!(differing.len(), 1);
        assert!(differing[0].starts_with("aarch64/b "), "{text}");
    }

    #[test]
    fn an_artifact_of_one_build_alone_differs() {
        let mut lacking = artifacts("2");
        lacking.artifacts.remove("b");
        let whole = [artifacts("2")];
        for (one, other, verdict) in [
            (&whole[..], std::slice::from_ref(&lacking), "in the first alone"),
            (std::slice::from_ref(&lacking), &whole[..], "in the second alone"),
            (&whole[..], &[], "in the first alone"),
        ] {
            let (text, is_same) = compared(one, other);
            assert!(!is_same && text.contains(verdict), "{text}");
        }
    }

    #[test]
    fn every_member_of_the_workspace_is_copied() {
        let manifest: toml::Value = toml::from_str(include_str!("../../../Cargo.toml")).unwrap();
        let members = manifest["workspace"]["members"].as_array().unwrap();
        for member in members.iter().map(|member| member.as_str().unwrap()) {
            let folder = member.split('/').next().unwrap();
            let is_copied = SOURCES.iter().chain(&MEMBERS).any(|name| *name == folder);
            assert!(is_copied, "cargo would not find `{member}` in the copies");
        }
    }

    #[test]
    fn a_tree_is_copied_with_its_links() {
        let folder = std::env::temp_dir().join(format!("xtask-copy-{}", std::process::id()));
        remove(&folder).unwrap();
        std::fs::create_dir_all(folder.join("from/inner")).unwrap();
        std::fs::write(folder.join("from/inner/file"), "x").unwrap();
        std::os::unix::fs::symlink("inner/file", folder.join("from/link")).unwrap();
        for (copying, to) in [(Copying::Whole, "whole"), (Copying::Linking, "linking")] {
            copy_tree(&folder.join("from"), &folder.join(to), copying).unwrap();
            let link = folder.join(to).join("link");
            assert!(link.is_symlink());
            assert_eq!(std::fs::read_to_string(link).unwrap(), "x");
        }
        remove(&folder).unwrap();
    }
}

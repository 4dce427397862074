//! The state of the checkout that a run is made from.

use crate::environment;
use std::path::Path;
use std::process::Command;
use weighbridge_schema::manifest::Revision;

/// Commit and dirtiness of the checkout whose root is `root`.
///
/// # Errors
/// Why they are not known: no git, no repository, or one that only surrounds the checkout, as when
/// an archive was unpacked within another repository: its commit says nothing about the files here.
pub fn revision(root: &Path) -> Result<Revision, String> {
    let git = |arguments: &[&str]| {
        let mut git = Command::new("git");
        environment::clean(&mut git).arg("-C").arg(root).args(arguments);
        let output = git.output().map_err(|error| format!("git cannot be started: {error}"))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
        }
        let printed = String::from_utf8_lossy(&output.stderr);
        let first = printed.lines().next().unwrap_or_default().trim();
        Err(match first.contains("not a git repository") {
            true => "the checkout is no git repository".to_owned(),
            false => format!("git {} said: {first}", arguments.join(" ")),
        })
    };
    let full = |path: &Path| {
        path.canonicalize().map_err(|error| format!("resolve {}: {error}", path.display()))
    };
    let top = git(&["rev-parse", "--show-toplevel"])?;
    if full(Path::new(&top))? != full(root)? {
        return Err("the checkout is no git repository: it lies within another one".to_owned());
    }
    Ok(Revision {
        commit: git(&["rev-parse", "HEAD"])?,
        dirty: !git(&["status", "--porcelain", "--untracked-files=no"])?.is_empty(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn git(folder: &Path, arguments: &[&str]) {
        let identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"];
        let mut git = Command::new("git");
        environment::clean(&mut git).arg("-C").arg(folder).args(identity).args(arguments);
        let output = git.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    #[test]
    fn the_commit_of_a_repository_around_the_checkout_is_not_the_checkouts() {
        if Command::new("git").arg("--version").output().is_err() {
            crate::eprintln!("not tested: git is not installed");
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let (around, checkout) = (folder.path(), folder.path().join("unpacked/weighbridge"));
        std::fs::create_dir_all(checkout.join("experiments")).unwrap();
        std::fs::write(checkout.join("a"), "1").unwrap();
        let unknown = revision(&checkout).unwrap_err();
        assert_eq!(unknown, "the checkout is no git repository");

        git(around, &["init", "--quiet"]);
        git(around, &["commit", "--quiet", "--allow-empty", "--message", "another project"]);
        let unknown = revision(&checkout).unwrap_err();
        assert!(unknown.ends_with("it lies within another one"), "{unknown}");
        assert!(!unknown.contains(&*around.to_string_lossy()), "no path in a manifest: {unknown}");

        git(&checkout, &["init", "--quiet"]);
        git(&checkout, &["add", "a"]);
        git(&checkout, &["commit", "--quiet", "--message", "ours"]);
        let clean = revision(&checkout).unwrap();
        assert!(!clean.dirty && clean.commit.len() == 40, "{clean:?}");
        // By another name of the same folder.
        std::os::unix::fs::symlink(&checkout, around.join("link")).unwrap();
        assert_eq!(revision(&around.join("link")).as_ref(), Ok(&clean));
        std::fs::write(checkout.join("a"), "2").unwrap();
        assert_eq!(revision(&checkout), Ok(Revision { dirty: true, ..clean }));
        // A part of a checkout is not one.
        assert!(revision(&checkout.join("experiments")).is_err());
    }
}

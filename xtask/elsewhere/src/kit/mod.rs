//! Everything that another machine needs to measure, in one archive: the runner, the artifacts and the questions. A
//! published run is packed the same way, with what judges by it ([`published`]).
//!
//! The runner in it is linked statically, so that it runs on any distribution; that of this machine is taken only where
//! no static one can be built.

pub mod published;

use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};
use weighbridge_project::files::{copy, make_folder, read_json};
use weighbridge_project::inputs::sha256_file;
use weighbridge_project::process::{command, run};
use weighbridge_schema::artifact::Artifacts;

/// What goes along of `experiments/`.
const QUESTIONS: [&str; 5] =
    ["definitions", "calibration", "corpus", "subjects.toml", "workloads.toml"];
/// What goes along beside it, since subjects name its files by `{file:PATH}`.
const SCRIPTS: &str = "service/javascript";
/// Characters of the digest that name a kit.
const DIGEST_LENGTH: usize = 16;

/// Where the parts of a kit lie on this machine.
#[derive(Debug, Clone)]
pub struct Contents {
    /// The checkout: its questions and claims go along.
    pub root: PathBuf,
    /// The runner, of the other machine's instruction set.
    pub runner: PathBuf,
    /// Folders of artifacts, each with its instruction set as its name.
    pub artifacts: Vec<PathBuf>,
}

/// An archive that unpacks to `weighbridge-runner`, `remote.sh`, `artifacts/`, `experiments/`,
/// `service/` and `claims.toml`.
#[derive(Debug, Clone)]
pub struct Kit {
    /// The archive.
    pub file: PathBuf,
    /// Names what is in it: equal contents have equal names.
    pub digest: String,
}

impl Contents {
    /// Writes the archive into `folder`, unless it lies there already.
    ///
    /// # Errors
    /// Something that belongs into it is missing, or tar fails.
    pub fn pack(&self, folder: &Path) -> Result<Kit> {
        make_folder(folder)?;
        let staging = folder.join(format!("staging-{}", std::process::id()));
        let packed = self.fill(&staging).and_then(|()| self.name_by_content(&staging, folder));
        // A staging folder that stays behind costs only space.
        let _ = fs::remove_dir_all(&staging);
        packed
    }

    fn name_by_content(&self, staging: &Path, folder: &Path) -> Result<Kit> {
        let unfinished = staging.with_extension("tar");
        archive(staging, ".", &unfinished)?;
        let mut digest = sha256_file(&unfinished)?;
        digest.truncate(DIGEST_LENGTH);
        let file = folder.join(format!("{digest}.tar"));
        fs::rename(&unfinished, &file).with_context(|| format!("rename to {}", file.display()))?;
        Ok(Kit { file, digest })
    }

    fn fill(&self, staging: &Path) -> Result<()> {
        let experiments = staging.join("experiments");
        make_folder(&experiments)?;
        make_folder(&staging.join("artifacts"))?;
        copy(&self.runner, &staging.join("weighbridge-runner"))?;
        for name in QUESTIONS {
            copy(&self.root.join("experiments").join(name), &experiments.join(name))?;
        }
        make_folder(&staging.join("service"))?;
        copy(&self.root.join(SCRIPTS), &staging.join(SCRIPTS))?;
        copy(&self.root.join("analysis/claims.toml"), &staging.join("claims.toml"))?;
        for from in &self.artifacts {
            let name = from.file_name().context("an artifact folder without a name")?;
            copy_artifacts(from, &staging.join("artifacts").join(name))?;
        }
        let script = staging.join("remote.sh");
        fs::write(&script, include_str!("../remote/remote.sh"))
            .with_context(|| format!("write {}", script.display()))
    }
}

/// Copies what was built, and nothing that a run on this machine has laid beside it.
fn copy_artifacts(from: &Path, to: &Path) -> Result<()> {
    const INDEX: &str = "artifacts.json";
    make_folder(to)?;
    copy(&from.join(INDEX), &to.join(INDEX))?;
    let artifacts: Artifacts = read_json(&from.join(INDEX))?;
    for artifact in artifacts.artifacts.values() {
        copy(&from.join(&artifact.file), &to.join(&artifact.file))?;
    }
    Ok(())
}

/// One archive for one content, whenever and by whomever it is packed: of `name` within `folder`.
fn archive(folder: &Path, name: &str, file: &Path) -> Result<()> {
    let mut tar = command("tar");
    tar.args(["--create", "--sort=name", "--mtime=@0", "--owner=0", "--group=0"]);
    tar.args(["--numeric-owner", "--mode=u+rw,go+r,go-w", "--format=ustar", "--file"]).arg(file);
    tar.arg("--directory").arg(folder).arg(name);
    run(&mut tar)
}

#[cfg(test)]
mod tests {
    use super::*;
    use weighbridge_schema::SCHEMA_VERSION;

    fn contents(folder: &Path) -> Contents {
        let root = folder.join("root");
        for name in ["definitions", "calibration", "corpus"] {
            fs::create_dir_all(root.join("experiments").join(name)).unwrap();
            fs::write(root.join("experiments").join(name).join("a"), name).unwrap();
        }
        fs::create_dir_all(root.join("analysis")).unwrap();
        fs::create_dir_all(root.join(SCRIPTS)).unwrap();
        fs::write(root.join(SCRIPTS).join("serve.mjs"), "").unwrap();
        for name in ["experiments/subjects.toml", "experiments/workloads.toml", "runner"] {
            fs::write(root.join(name), name).unwrap();
        }
        fs::write(root.join("analysis/claims.toml"), "").unwrap();
        let artifacts = folder.join("built/aarch64");
        fs::create_dir_all(&artifacts).unwrap();
        let index = format!(
            r#"{{"schema_version":{SCHEMA_VERSION},"architecture":"aarch64","toolchain":"r","libc":"musl",
                "artifacts":{{"a":{{"file":"a","size_bytes":1,"sha256":"0"}}}},"provisions":[]}}"#
        );
        fs::write(artifacts.join("artifacts.json"), index).unwrap();
        fs::write(artifacts.join("a"), "a").unwrap();
        // What a run has made of the artifacts stays on its machine.
        fs::create_dir(artifacts.join("prepared")).unwrap();
        Contents { runner: root.join("runner"), root, artifacts: vec![artifacts] }
    }

    #[test]
    fn equal_contents_have_one_name_and_unpack_whole() {
        let folder = tempfile::tempdir().unwrap();
        let contents = contents(folder.path());
        let first = contents.pack(&folder.path().join("bundles")).unwrap();
        let again = contents.pack(&folder.path().join("elsewhere")).unwrap();
        assert_eq!(first.digest, again.digest);
        let unpacked = folder.path().join("unpacked");
        fs::create_dir(&unpacked).unwrap();
        let mut tar = command("tar");
        run(tar.arg("-xf").arg(&first.file).arg("-C").arg(&unpacked)).unwrap();
        for name in ["weighbridge-runner", "remote.sh", "claims.toml", "experiments/corpus/a"] {
            assert!(unpacked.join(name).is_file(), "{name}");
        }
        let mut packed: Vec<_> = fs::read_dir(unpacked.join("artifacts/aarch64"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        packed.sort();
        assert_eq!(packed, ["a", "artifacts.json"]);
        assert!(unpacked.join("artifacts/aarch64/artifacts.json").is_file());
        assert!(unpacked.join(SCRIPTS).join("serve.mjs").is_file(), "as subjects name it");
        assert_eq!(fs::read_dir(folder.path().join("bundles")).unwrap().count(), 1);

        fs::write(contents.root.join("experiments/corpus/a"), "changed").unwrap();
        let changed = contents.pack(&folder.path().join("bundles")).unwrap();
        assert_ne!(first.digest, changed.digest);
    }

    #[test]
    fn what_is_missing_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let mut contents = contents(folder.path());
        contents.runner = folder.path().join("nothing");
        let error = format!("{:#}", contents.pack(folder.path()).unwrap_err());
        assert!(error.contains("nothing"), "{error}");
    }
}

//! The files of many tenants of one host: copies of an artifact, each with other bytes at its end, so that no page of a
//! file is shared by accident. They are made once for a build, as prepared files are.

use crate::inventory::artifacts::Artifacts;
use anyhow::{Context, Result, ensure};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use weighbridge_schema::start::Start;

/// What stays free on the disk: a run writes its log while the files lie there.
const LEAVES_FREE_BYTES: u64 = 1 << 30;

/// The artifact of which a subject's one process serves many copies; `None` where each tenant is an instance of its
/// own.
pub fn artifact_of(start: &Start) -> Option<&str> {
    start.tenants()
}

/// The name of tenant `number`, counted from 0: its file's, and in the path of a request to it.
pub fn name(number: u32) -> String {
    format!("t{number:05}")
}

/// Makes the files of the first `count` tenants of an artifact, as far as they are not there.
///
/// # Errors
/// There is no such artifact, the disk has no room for them, or one cannot be written.
pub fn make(artifacts: &Artifacts, artifact: &str, count: u32) -> Result<()> {
    let (folder, original) = (artifacts.tenants_folder(artifact)?, artifacts.path(artifact)?);
    fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
    let ending = original.extension().unwrap_or_default().to_string_lossy();
    // A file has its name when it is whole.
    let file = |number: u32| folder.join(format!("{}.{ending}", name(number)));
    let missing: Vec<u32> = (0..count).filter(|&number| !file(number).is_file()).collect();
    let Some(first) = missing.first() else { return Ok(()) };
    let size_bytes = original.metadata().with_context(|| original.display().to_string())?.len();
    let needed_bytes = size_bytes.saturating_mul(missing.len() as u64);
    let free_bytes = rustix::fs::statvfs(&folder)
        .map(|found| found.f_bavail.saturating_mul(found.f_frsize))
        .with_context(|| format!("how much of the disk of {} is free", folder.display()))?;
    ensure!(
        needed_bytes.saturating_add(LEAVES_FREE_BYTES) <= free_bytes,
        "{count} tenants of {artifact} take {} MiB more and a GiB must stay free, but {} has {} MiB left: free some, or \
         ask for fewer (tenants_most)",
        needed_bytes >> 20,
        folder.display(),
        free_bytes >> 20
    );
    for &number in &missing {
        write(&original, &folder.join("unfinished"), &name(number))
            .and_then(|()| fs::rename(folder.join("unfinished"), file(number)))
            .with_context(|| format!("write {}", file(number).display()))?;
    }
    // On the disk before anything is measured: writing them back later would take its time.
    let last = fs::File::open(file(*first)).context("open a tenant's file")?;
    rustix::fs::syncfs(&last).with_context(|| format!("sync {}", folder.display()))
}

/// Puts the artifact `other` among the tenants of `artifact`, under a name that none of those has.
///
/// # Errors
/// There is no such artifact, or it cannot be copied.
pub fn add(artifacts: &Artifacts, artifact: &str, name: &str, other: &str) -> Result<()> {
    let (folder, original) = (artifacts.tenants_folder(artifact)?, artifacts.path(other)?);
    fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
    let ending = original.extension().unwrap_or_default().to_string_lossy();
    // Anew for each run: another build may have left another one there. A file has its name when it is whole.
    let (unfinished, file) = (folder.join("unfinished"), folder.join(format!("{name}.{ending}")));
    fs::copy(&original, &unfinished)
        .and_then(|_| fs::rename(&unfinished, &file))
        .with_context(|| format!("write {}", file.display()))
}

/// A compiled component ends in what nobody reads (`service/host/tests/tenants.rs` serves such files).
fn write(original: &Path, copy: &Path, salt: &str) -> std::io::Result<()> {
    fs::copy(original, copy)?;
    let mut file = OpenOptions::new().append(true).open(copy)?;
    file.write_all(format!("weighbridge tenant {salt}").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenants_are_as_many_as_asked_for_and_no_two_are_alike() {
        let folder = tempfile::tempdir().unwrap();
        let mut artifacts = Artifacts::bare(folder.path());
        artifacts.add("a.cwasm", "compiled");
        let files = || {
            let entries = fs::read_dir(artifacts.tenants_folder("a.cwasm").unwrap()).unwrap();
            let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
            files.sort();
            files
        };
        make(&artifacts, "a.cwasm", 2).unwrap();
        let before = fs::metadata(&files()[0]).unwrap().modified().unwrap();
        make(&artifacts, "a.cwasm", 3).unwrap();
        let contents: Vec<_> = files().iter().map(|file| fs::read(file).unwrap()).collect();
        assert_eq!(contents[2], b"compiledweighbridge tenant t00002");
        assert_eq!((contents.len(), contents[0] == contents[1]), (3, false));
        assert_eq!(fs::metadata(&files()[0]).unwrap().modified().unwrap(), before, "made once");
        // A file of holes: eight TiB that take no room.
        let original = artifacts.path("a.cwasm").unwrap();
        OpenOptions::new().write(true).open(original).unwrap().set_len(1 << 43).unwrap();
        let error = make(&artifacts, "a.cwasm", 5).unwrap_err().to_string();
        assert!(error.contains("ask for fewer"), "{error}");
    }

    #[test]
    fn another_artifact_stands_among_the_tenants_as_it_was_built_last() {
        let folder = tempfile::tempdir().unwrap();
        let mut artifacts = Artifacts::bare(folder.path());
        artifacts.add("a.cwasm", "compiled");
        let file = artifacts.tenants_folder("a.cwasm").unwrap().join("aggressor.cwasm");
        for content in ["first", "second"] {
            artifacts.add("b.cwasm", content);
            add(&artifacts, "a.cwasm", "aggressor", "b.cwasm").unwrap();
            assert_eq!(fs::read_to_string(&file).unwrap(), content);
        }
        let error = add(&artifacts, "a.cwasm", "aggressor", "c.cwasm").unwrap_err().to_string();
        assert!(error.contains("no artifact `c.cwasm`"), "{error}");
    }

    #[test]
    fn who_has_many_tenants_in_one_process_names_their_files() {
        let start = |argument: &str| Start::Process {
            program: "host".parse().unwrap(),
            arguments: vec!["serve".parse().unwrap(), argument.parse().unwrap()],
            environment: std::collections::BTreeMap::new(),
        };
        assert_eq!(artifact_of(&start("{tenants:a.cwasm}")), Some("a.cwasm"));
        assert_eq!(artifact_of(&start("{artifact:a.cwasm}")), None);
    }
}

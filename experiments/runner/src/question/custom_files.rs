//! Custom files of definitions: files that we did not build, each with its digest, because a number must belong to
//! one.

use crate::inventory::digest::sha256_file;
use crate::question::catalog::Catalog;
use anyhow::{Context, Result, ensure};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use weighbridge_schema::definition::Definition;
use weighbridge_schema::manifest::Manifest;
use weighbridge_schema::name::{SubjectName, WorkloadName};
use weighbridge_schema::workload::Body;

/// A custom file of a definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomFile {
    /// Where it lies, absolute: a program that is given it may work in another folder.
    pub path: PathBuf,
    /// Lower-case hexadecimal.
    pub sha256: String,
}

/// By path relative to `experiments/`.
pub type CustomFiles = BTreeMap<String, CustomFile>;

impl Catalog {
    /// The files that the subjects of `definitions` are made of, as far as `is_asked`; and a look at the files of the
    /// workloads that the definitions hold themselves.
    ///
    /// # Errors
    /// One is not there; the message names the definition, the key and the path.
    pub fn custom_files(
        &self,
        definitions: &[&Definition],
        is_asked: impl Fn(&SubjectName) -> bool,
    ) -> Result<CustomFiles> {
        let mut files = CustomFiles::new();
        for definition in definitions {
            for name in definition.subjects.iter().filter(|name| is_asked(name)) {
                let Some(subject) = self.subjects.get(name) else { continue };
                for (key, relative) in subject.files() {
                    let path =
                        self.existing(definition, &relative, || format!("subjects.{name}.{key}"))?;
                    if let Entry::Vacant(vacant) = files.entry(relative) {
                        let sha256 = sha256_file(&path)?;
                        vacant.insert(CustomFile { path, sha256 });
                    }
                }
            }
            for (name, workload) in &definition.custom.workloads {
                let request = workload.request();
                if let Some(Body::File { path, .. }) = request.map(|request| &request.body) {
                    self.existing(definition, path, || format!("workloads.{name}.body.file"))?;
                }
            }
        }
        Ok(files)
    }

    fn existing(
        &self,
        definition: &Definition,
        relative: &str,
        key: impl Fn() -> String,
    ) -> Result<PathBuf> {
        let path = self.folder().join(relative);
        ensure!(
            path.is_file(),
            "{}: {}: there is no file {}: build it, or correct the path, which is relative to the definition",
            self.file_of(&definition.experiment),
            key(),
            path.display()
        );
        path.canonicalize().with_context(|| format!("resolve {}", path.display()))
    }
}

/// The digests alone, for the manifest.
pub fn digests(files: &CustomFiles) -> BTreeMap<String, String> {
    files.iter().map(|(path, file)| (path.clone(), file.sha256.clone())).collect()
}

/// The files of a run that is resumed.
///
/// # Errors
/// One of them is not what it was when the run began.
pub fn resumed(manifest: &Manifest, catalog: &Catalog) -> Result<CustomFiles> {
    let names: Vec<String> = manifest.experiments.keys().map(ToString::to_string).collect();
    let definitions = catalog.select(&names)?;
    let files =
        catalog.custom_files(&definitions, |subject| manifest.subjects.contains_key(subject))?;
    let workloads: BTreeSet<&WorkloadName> =
        definitions.iter().flat_map(|definition| &definition.workloads).collect();
    ensure!(
        manifest.files_sha256 == digests(&files)
            && manifest.corpus_sha256 == catalog.corpus_sha256(workloads)?,
        "files that subjects are made of or requests carry have changed since run {} began: begin a new run",
        manifest.run
    );
    Ok(files)
}

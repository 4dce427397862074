//! Everything that is asked and everything that was built, read and validated before the first trial.

use crate::http::PreparedRequest;
use crate::inventory::digest::sha256_file;
use anyhow::{Context, Result, anyhow, bail};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use weighbridge_schema::definition::Definition;
use weighbridge_schema::name::{ExperimentName, SubjectName, WorkloadName};
use weighbridge_schema::parse::nearest;
use weighbridge_schema::program::Programs;
use weighbridge_schema::subject::{Subject, Subjects, SubjectsFile, parse_subjects_file};
use weighbridge_schema::workload::{Body, Mix, RequestShape, Workload, Workloads, parse_workloads};

/// The folder `experiments/`, read.
#[derive(Debug)]
pub struct Catalog {
    folder: PathBuf,
    /// `subjects.toml`.
    pub subjects: Subjects,
    /// The programs that subjects are run by, from the same file.
    pub programs: Programs,
    /// `workloads.toml`.
    pub workloads: Workloads,
    /// `definitions/*.toml`, `calibration/*.toml` and `examples/*.toml`.
    pub definitions: BTreeMap<ExperimentName, Definition>,
    /// Those that are measured when none is named: `definitions/*.toml`.
    by_default: BTreeSet<ExperimentName>,
    /// Where each definition was read from.
    files: BTreeMap<ExperimentName, PathBuf>,
}

/// The folders of definitions, and whether those are measured when none is named. Examples may be absent: a run
/// elsewhere takes along what it measures.
const FOLDERS: [(&str, bool); 3] =
    [("definitions", true), ("calibration", false), (EXAMPLES, false)];
const EXAMPLES: &str = "examples";

/// The TOML files of a folder and the experiments they are named after, in order.
fn definition_files(folder: &Path) -> Result<BTreeMap<PathBuf, ExperimentName>> {
    let list = || format!("list {}", folder.display());
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder).with_context(list)? {
        let path = entry.with_context(list)?.path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let name = stem.parse().with_context(|| format!("file name {}", path.display()))?;
        files.insert(path, name);
    }
    Ok(files)
}

/// Adds `more` to `all`.
///
/// # Errors
/// The first name that stands for something else there already.
fn merge<K: Ord + Clone, V: Clone + PartialEq>(
    all: &mut BTreeMap<K, V>,
    more: &BTreeMap<K, V>,
) -> Result<(), K> {
    for (name, value) in more {
        if all.get(name).is_some_and(|known| known != value) {
            return Err(name.clone());
        }
        all.insert(name.clone(), value.clone());
    }
    Ok(())
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))
}

impl Catalog {
    /// Reads and validates every file, so that a typo in one shows before any trial of another.
    ///
    /// # Errors
    /// Names file, line and the nearest valid key.
    pub fn read(folder: &Path) -> Result<Self> {
        let subjects_file = folder.join("subjects.toml");
        let SubjectsFile { subjects, programs } =
            parse_subjects_file(&subjects_file.to_string_lossy(), &read(&subjects_file)?)?;
        let workloads_file = folder.join("workloads.toml");
        let workloads =
            parse_workloads(&workloads_file.to_string_lossy(), &read(&workloads_file)?)?;
        let mut catalog = Self {
            folder: folder.to_owned(),
            subjects: BTreeMap::new(),
            programs,
            workloads: BTreeMap::new(),
            definitions: BTreeMap::new(),
            by_default: BTreeSet::new(),
            files: BTreeMap::new(),
        };
        for (sub, is_default) in FOLDERS {
            let within = folder.join(sub);
            if sub == EXAMPLES && !within.is_dir() {
                continue;
            }
            for (path, name) in definition_files(&within)? {
                let shown = path.to_string_lossy();
                let text = read(&path)?;
                let mut definition =
                    Definition::parse(&shown, name.clone(), &text, &subjects, &workloads)?;
                let resolved = definition.custom.resolve(sub, &catalog.programs);
                resolved.map_err(|why| anyhow!("{shown}: {why}"))?;
                catalog.add(definition, &path)?;
                if is_default {
                    catalog.by_default.insert(name);
                }
            }
        }
        catalog.subjects.extend(subjects);
        catalog.workloads.extend(workloads);
        Ok(catalog)
    }

    /// Adds a definition with its custom entries. A name means one thing in a run: two definitions may bring the same
    /// subject along, word for word, but not two of one name.
    fn add(&mut self, definition: Definition, path: &Path) -> Result<()> {
        let shown = path.display();
        let name = definition.experiment.clone();
        if let Some(other) = self.files.insert(name.clone(), path.to_owned()) {
            bail!("{shown}: {} is another definition of the name `{name}`", other.display());
        }
        let custom = &definition.custom;
        let taken = "another definition holds another one of that name";
        merge(&mut self.subjects, &custom.subjects)
            .map_err(|name| anyhow!("{shown}: subjects.{name}: {taken}"))?;
        merge(&mut self.workloads, &custom.workloads)
            .map_err(|name| anyhow!("{shown}: workloads.{name}: {taken}"))?;
        self.definitions.insert(name, definition);
        Ok(())
    }

    /// The folder that everything was read from.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The file of a definition, as the user would type it.
    pub fn file_of(&self, experiment: &ExperimentName) -> String {
        let file = self.files.get(experiment);
        file.map_or_else(|| experiment.to_string(), |file| file.display().to_string())
    }

    /// The definitions named, or when none is all but those of the calibration and the examples.
    ///
    /// # Errors
    /// There is no such definition; the message offers the nearest.
    pub fn select(&self, names: &[String]) -> Result<Vec<&Definition>> {
        if names.is_empty() {
            let chosen = self.definitions.values();
            return Ok(chosen.filter(|d| self.by_default.contains(&d.experiment)).collect());
        }
        let known = || self.definitions.keys().map(ExperimentName::as_str);
        names
            .iter()
            .map(|name| {
                let found = self.definitions.values().find(|d| d.experiment.as_str() == name);
                found.with_context(|| match nearest(name, known()) {
                    Some(near) => format!("no experiment `{name}`; did you mean `{near}`?"),
                    None => format!(
                        "no experiment `{name}`; there are: {}",
                        known().collect::<Vec<_>>().join(", ")
                    ),
                })
            })
            .collect()
    }

    /// The subject of that name.
    ///
    /// # Errors
    /// There is none: a plan that was made with other definitions asks for it.
    pub fn subject(&self, name: &SubjectName) -> Result<&Subject> {
        self.subjects.get(name).with_context(|| {
            format!("no subject `{name}`: experiments/subjects.toml no longer holds it")
        })
    }

    /// Lays out the request of one workload, reading its body.
    ///
    /// # Errors
    /// The body's file cannot be read or is shorter than the cut asked for.
    pub fn prepare(&self, name: &WorkloadName) -> Result<PreparedRequest> {
        let (request, body) = self.request(name)?;
        Ok(PreparedRequest::new(request, &body))
    }

    /// The mix of that name; `None` of a single request.
    pub fn mix(&self, name: &WorkloadName) -> Option<&Mix> {
        self.workloads.get(name)?.mix()
    }

    /// The workloads whose requests `name` is made of: itself, or both of a mix.
    pub fn parts<'a>(&'a self, name: &'a WorkloadName) -> Vec<&'a WorkloadName> {
        match self.mix(name) {
            Some(mix) => vec![&mix.light, &mix.heavy],
            None => vec![name],
        }
    }

    /// The request of one workload, and its body.
    ///
    /// # Errors
    /// As for [`Catalog::prepare`].
    pub fn request(&self, name: &WorkloadName) -> Result<(&RequestShape, Vec<u8>)> {
        let workload = self.workloads.get(name).with_context(|| format!("no workload `{name}`"))?;
        let request = workload.request();
        let request = request.with_context(|| format!("workload `{name}` is a mix, no request"))?;
        let body = self.body(request).with_context(|| format!("workload `{name}`"))?;
        Ok((request, body))
    }

    fn body(&self, request: &RequestShape) -> Result<Vec<u8>> {
        Ok(match &request.body {
            Body::Empty => Vec::new(),
            Body::Text(text) => text.clone().into_bytes(),
            Body::Zeros(count) => vec![0; usize::try_from(*count)?],
            Body::File { path, truncate_bytes } => {
                let file = self.folder.join(path);
                let mut bytes =
                    std::fs::read(&file).with_context(|| format!("read {}", file.display()))?;
                if let Some(length) = truncate_bytes {
                    let length = usize::try_from(*length)?;
                    if length >= bytes.len() {
                        bail!(
                            "truncate_bytes = {length}, but {} has only {} bytes",
                            file.display(),
                            bytes.len()
                        );
                    }
                    bytes.truncate(length);
                }
                bytes
            }
        })
    }

    /// Digests of the files that the bodies of `workloads` come from, by path relative to `experiments/`.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn corpus_sha256<'a>(
        &'a self,
        workloads: impl IntoIterator<Item = &'a WorkloadName>,
    ) -> Result<BTreeMap<String, String>> {
        let mut digests = BTreeMap::new();
        for name in workloads.into_iter().flat_map(|name| self.parts(name)) {
            let request = self.workloads.get(name).and_then(Workload::request);
            if let Some(Body::File { path, .. }) = request.map(|request| &request.body)
                && !digests.contains_key(path)
            {
                digests.insert(path.clone(), sha256_file(&self.folder.join(path))?);
            }
        }
        Ok(digests)
    }
}

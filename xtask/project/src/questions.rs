//! What can be asked: the folder `experiments/`, read and checked in milliseconds.
//!
//! Whoever mistypes a name, or a key in a definition of their own, learns it here, before anything is set up, built or
//! started for it. The runner reads the same files again: it may be called without us.

use crate::project::Project;
use anyhow::{Context, Result, anyhow};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use weighbridge_schema::definition::Definition;
use weighbridge_schema::subject::{Subjects, SubjectsFile, parse_subjects_file};
use weighbridge_schema::workload::{Workloads, parse_workloads};

/// When a definition is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// When no experiment is named, or when it is.
    Usual,
    /// By `cargo xtask calibrate`, or when it is named.
    Calibration,
    /// When it is named.
    Example,
}

/// Where each kind of definition lies within `experiments/`.
const FOLDERS: [(&str, Kind); 3] =
    [("definitions", Kind::Usual), ("calibration", Kind::Calibration), ("examples", Kind::Example)];

/// One definition, and when it is measured.
#[derive(Debug, Clone)]
pub struct Experiment {
    /// When it is measured.
    pub kind: Kind,
    /// The definition.
    pub definition: Definition,
}

/// Everything that can be asked.
#[derive(Debug, Clone)]
pub struct Questions {
    /// `experiments/subjects.toml`.
    pub file: SubjectsFile,
    /// `experiments/workloads.toml`.
    pub workloads: Workloads,
    /// Every definition, by kind and name.
    pub experiments: Vec<Experiment>,
}

impl Questions {
    /// Reads and checks every file.
    ///
    /// # Errors
    /// Names the file, the line where the parser knows it, and the nearest valid key.
    pub fn read(project: &Project) -> Result<Self> {
        let read = |relative: &str| {
            let path = project.path(relative);
            std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))
        };
        let (subjects, workloads) = ("experiments/subjects.toml", "experiments/workloads.toml");
        let file = parse_subjects_file(subjects, &read(subjects)?)?;
        let workloads = parse_workloads(workloads, &read(workloads)?)?;
        let mut experiments = Vec::new();
        for (folder, kind) in FOLDERS {
            for stem in stems(&project.path("experiments").join(folder))? {
                let path = format!("experiments/{folder}/{stem}.toml");
                let name = stem.parse().with_context(|| format!("the name of {path}"))?;
                let text = read(&path)?;
                let mut definition =
                    Definition::parse(&path, name, &text, &file.subjects, &workloads)?;
                let resolved = definition.custom.resolve(folder, &file.programs);
                resolved.map_err(|why| anyhow!("{path}: {why}"))?;
                experiments.push(Experiment { kind, definition });
            }
        }
        Ok(Self { file, workloads, experiments })
    }

    /// Names of the experiments that are measured when none is named, sorted.
    #[must_use]
    pub fn usual(&self) -> Vec<String> {
        let of_kind = self.experiments.iter().filter(|one| one.kind == Kind::Usual);
        of_kind.map(|one| one.definition.experiment.to_string()).collect()
    }

    /// The subjects that are measured when `definition` is: ours, and its custom ones.
    #[must_use]
    pub fn subjects_of(&self, definition: &Definition) -> Subjects {
        let known = definition.subjects.iter().filter_map(|name| {
            let subject = definition.custom.subjects.get(name).or(self.file.subjects.get(name))?;
            Some((name.clone(), subject.clone()))
        });
        known.collect()
    }
}

impl Questions {
    /// Names of the subjects that these experiments visit.
    #[must_use]
    pub fn subjects_named(&self, experiments: &[String]) -> BTreeSet<String> {
        let is_named = |one: &&Experiment| {
            experiments.iter().any(|name| name == one.definition.experiment.as_str())
        };
        let named = self.experiments.iter().filter(is_named);
        named.flat_map(|one| &one.definition.subjects).map(ToString::to_string).collect()
    }
}

/// Names of the definitions in a folder, sorted; none where there is no such folder.
fn stems(folder: &Path) -> Result<Vec<String>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let list = || format!("list {}", folder.display());
    let mut stems = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(list)? {
        let path: PathBuf = entry.with_context(list)?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            stems.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
        }
    }
    stems.sort();
    Ok(stems)
}

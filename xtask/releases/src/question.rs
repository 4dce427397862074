//! The questions that a run of several releases asks: the checkout's `experiments/` once more in
//! the state folder, with a variant for each release in `subjects.toml`.

use anyhow::{Context, Result, anyhow, ensure};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use toml_edit::{Array, DocumentMut, Item, value};
use weighbridge_project::files;
use weighbridge_project::project::Project;
use weighbridge_project::questions::Experiment;
use weighbridge_schema::definition::Definition;
use weighbridge_schema::name::{ProgramName, SubjectName};
use weighbridge_schema::subject::{Subject, SubjectsFile, parse_subjects_file};
use weighbridge_schema::workload::parse_workloads;

/// A subject with a program in another version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variant {
    /// Its name, `wasmtime-serve-48-0-2`.
    pub name: SubjectName,
    /// The subject that it is otherwise.
    pub of: SubjectName,
    /// The program.
    pub program: ProgramName,
    /// The program's version.
    pub version: String,
}

impl Variant {
    /// The variant of `of` whose `program` has this version.
    ///
    /// # Errors
    /// The version cannot stand in a name.
    pub fn new(of: &SubjectName, program: &ProgramName, version: &str) -> Result<Self> {
        let ending = version.to_ascii_lowercase().replace(['.', '+'], "-");
        let name = format!("{of}-{ending}");
        Ok(Self {
            name: name.parse().with_context(|| format!("a subject with version {version}"))?,
            of: of.clone(),
            program: program.clone(),
            version: version.to_owned(),
        })
    }
}

/// What is written.
pub struct Question<'a> {
    /// Name of the folder below that of all such questions, and of the verb that wrote it.
    pub name: &'a str,
    /// The subjects that are measured besides those of the checkout.
    pub variants: &'a [Variant],
    /// Of these and of others a second one each: what seems to tell the two apart is noise.
    pub twins_of: &'a [SubjectName],
    /// Definitions by name.
    pub definitions: Vec<(String, String)>,
}

impl Question<'_> {
    /// Writes it, in the place of an earlier one of the same name, and returns the folder that the
    /// runner is given. The checkout stays as it is.
    ///
    /// # Errors
    /// A file cannot be written, or what was written is no question: then the schema says why.
    pub fn write(&self, project: &Project) -> Result<PathBuf> {
        let root = project.state.join("releases").join(self.name);
        let folder = root.join("experiments");
        files::remove(&root)?;
        for part in ["definitions", "calibration"] {
            files::make_folder(&folder.join(part))?;
        }
        let subjects = self.subjects(&read(&project.path("experiments/subjects.toml"))?)?;
        files::write(&folder.join("subjects.toml"), subjects.as_bytes())?;
        for (name, text) in &self.definitions {
            files::write(&folder.join(format!("definitions/{name}.toml")), text.as_bytes())?;
        }
        // Requests carry files of the corpus, and subjects name files of the service beside it.
        for shared in ["experiments/workloads.toml", "experiments/corpus", "service"] {
            let link = root.join(shared);
            std::os::unix::fs::symlink(project.path(shared), &link)
                .with_context(|| format!("link {}", link.display()))?;
        }
        self.check(&folder)?;
        Ok(folder)
    }

    /// The text of `subjects.toml` with the variants and twins at its end.
    fn subjects(&self, text: &str) -> Result<String> {
        let known = parse_subjects_file("experiments/subjects.toml", text)?.subjects;
        let mut out = format!("{text}\n# Written by `cargo xtask {}`.\n", self.name);
        for Variant { name, of, program, version } in self.variants {
            if let Some(subject) = known.get(name) {
                let is_the_same = (subject.programs().iter())
                    .any(|(of, at)| of == program && at.as_deref() == Some(version));
                ensure!(
                    is_the_same,
                    "experiments/subjects.toml has another subject {name}: rename it there"
                );
                continue;
            }
            // Writing to a String cannot fail, here and below.
            let _ = write!(
                out,
                "\n[variants.{name}]\nvariant_of = \"{of}\"\n\
                 programs = {{ {program} = \"{version}\" }}\n"
            );
        }
        for of in self.twins_of {
            let twin = twin_name(of)?;
            if !known.contains_key(&twin) {
                let _ = write!(out, "\n[twins.{twin}]\ntwin_of = \"{of}\"\n");
            }
        }
        Ok(out)
    }

    /// Reads it as the runner will.
    fn check(&self, folder: &Path) -> Result<()> {
        let shown = |name: &str| folder.join(name).display().to_string();
        let text = |name: &str| read(&folder.join(name));
        let subjects =
            parse_subjects_file(&shown("subjects.toml"), &text("subjects.toml")?)?.subjects;
        let workloads = parse_workloads(&shown("workloads.toml"), &text("workloads.toml")?)?;
        for (name, text) in &self.definitions {
            let file = shown(&format!("definitions/{name}.toml"));
            Definition::parse(&file, name.parse()?, text, &subjects, &workloads)?;
        }
        Ok(())
    }
}

/// The name of a subject's twin.
///
/// # Errors
/// None for a name; the type cannot know.
pub fn twin_name(of: &SubjectName) -> Result<SubjectName> {
    Ok(format!("{of}-twin").parse()?)
}

/// The experiment's definition, asked of `variants` under `workload` alone; the first of them is
/// the baseline.
///
/// # Errors
/// There is no variant, or the definition is none that can be edited.
pub fn definition(
    experiment: &Experiment,
    workload: Option<&str>,
    variants: &[Variant],
) -> Result<String> {
    let definition = &experiment.definition;
    let mut document: DocumentMut = (definition.text.parse())
        .map_err(|why| anyhow!("the definition of {}: {why}", definition.experiment))?;
    let first = variants.first().context("no release to compare with")?;
    document["question"] = value(format!(
        "{} Asked of {} releases of {}.",
        definition.question,
        variants.len(),
        first.program
    ));
    document["baseline"] = value(first.name.as_str());
    document["subjects"] =
        value(variants.iter().map(|variant| variant.name.as_str()).collect::<Array>());
    // Every release is asked: what few subjects are asked, one of the checkout's is or is not.
    document.remove("asked_of");
    if let Some(workload) = workload {
        document["workloads"] = value(Array::from_iter([workload]));
    }
    Ok(document.to_string())
}

/// A definition in which each of `variants` is asked for what the subject is asked for that it is
/// otherwise.
///
/// # Errors
/// The definition is none that can be edited.
pub fn asked_as_originals(definition: &Definition, variants: &[Variant]) -> Result<String> {
    let mut document: DocumentMut = (definition.text.parse())
        .map_err(|why| anyhow!("the definition of {}: {why}", definition.experiment))?;
    if let Some(asked_of) = document.get_mut("asked_of").and_then(Item::as_table_like_mut) {
        for (_, subjects) in asked_of.iter_mut() {
            let Some(subjects) = subjects.as_array_mut() else { continue };
            for Variant { name, of, .. } in variants {
                let has = |subject: &SubjectName| {
                    subjects.iter().any(|one| one.as_str() == Some(subject.as_str()))
                };
                if has(of) && !has(name) {
                    subjects.push(name.as_str());
                }
            }
        }
    }
    Ok(document.to_string())
}

/// The subjects of which a run measures twins: three of many releases, so that the floor is taken
/// from several comparisons and the run does not become twice as long.
#[must_use]
pub fn with_twins(variants: &[Variant]) -> Vec<SubjectName> {
    let picked = [0, variants.len() / 2, variants.len().saturating_sub(1)];
    let mut names: Vec<SubjectName> =
        picked.iter().filter_map(|&at| variants.get(at)).map(|one| one.name.clone()).collect();
    names.dedup();
    names
}

/// The program whose releases a subject can be run by.
///
/// # Errors
/// It is run by no program of `[programs]`, or by several.
pub fn program_of(file: &SubjectsFile, subject: &SubjectName) -> Result<ProgramName> {
    let found = file.subjects.get(subject).map(Subject::programs).unwrap_or_default();
    let mut names: Vec<ProgramName> = found.into_iter().map(|(name, _)| name).collect();
    names.dedup();
    match <[ProgramName; 1]>::try_from(names) {
        Ok([program]) => Ok(program),
        Err(none) if none.is_empty() => {
            Err(anyhow!("{subject} is built here: no release of another program runs it"))
        }
        Err(several) => {
            let names: Vec<&str> = several.iter().map(ProgramName::as_str).collect();
            Err(anyhow!("{subject} is run by several programs ({})", names.join(", ")))
        }
    }
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))
}

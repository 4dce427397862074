//! What commands are made of: artifacts that were built, programs that were installed, files that were prepared.

use crate::inventory::digest::sha256_file;
use crate::inventory::prepare::{self, Prepared};
use crate::inventory::programs::{self, Program};
use crate::plan::missing::Missing;
use crate::question::custom_files::{CustomFile, CustomFiles};
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use weighbridge_schema::SCHEMA_VERSION;
use weighbridge_schema::artifact;
use weighbridge_schema::name::{ProgramName, SubjectName};
use weighbridge_schema::program::Programs;
use weighbridge_schema::subject::Subject;
use weighbridge_schema::template::{Piece, Word};

/// What `cargo xtask build` made, with the folder it lies in, and what else subjects are run by.
#[derive(Debug)]
pub struct Artifacts {
    folder: PathBuf,
    /// `artifacts.json`.
    pub record: artifact::Artifacts,
    /// By what stands in `{program:...}`; why not, where one is missing.
    programs: BTreeMap<String, Result<Program, Missing>>,
    /// By subject; why not, where one could not be made.
    prepared: BTreeMap<String, Result<Prepared, Missing>>,
    /// Custom files of definitions.
    files: CustomFiles,
}

impl Artifacts {
    /// Reads `artifacts.json` and checks that every artifact is still what it was.
    ///
    /// # Errors
    /// The build has not been made, or a file has changed since: numbers would not belong to the digests.
    pub fn read(folder: &Path) -> Result<Self> {
        let file = folder.join("artifacts.json");
        let text = std::fs::read_to_string(&file)
            .with_context(|| format!("read {}: run `cargo xtask build` first", file.display()))?;
        let record: artifact::Artifacts =
            serde_json::from_str(&text).with_context(|| format!("parse {}", file.display()))?;
        if record.schema_version != SCHEMA_VERSION {
            bail!(
                "{} has schema version {}, this program {SCHEMA_VERSION}: run `cargo xtask build --force`",
                file.display(),
                record.schema_version
            );
        }
        for (name, artifact) in &record.artifacts {
            let path = folder.join(&artifact.file);
            if sha256_file(&path)? != artifact.sha256 {
                bail!(
                    "artifact {name} ({}) has changed since it was built: run `cargo xtask build --force`",
                    path.display()
                );
            }
        }
        let (programs, prepared, files) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Ok(Self { folder: folder.to_owned(), record, programs, prepared, files })
    }

    /// Adds the custom files of definitions, before anything is made of them.
    pub fn add_custom_files(&mut self, files: CustomFiles) {
        self.files = files;
    }

    /// Looks up the programs of `subjects` below `folder` and on PATH, and makes what has to be prepared. What is
    /// missing or cannot be made is kept with its reason, which every command that names it then fails with. When
    /// `is_dry`, nothing is made.
    pub fn locate_and_prepare<'a>(
        &mut self,
        subjects: impl Iterator<Item = (&'a SubjectName, &'a Subject)>,
        pinned: &Programs,
        folder: Option<&Path>,
        is_dry: bool,
    ) {
        for (name, subject) in subjects {
            for (program, version) in subject.programs() {
                let Some(pinned) = pinned.get(&program) else { continue };
                let located = programs::locate(folder, &program, version.as_deref(), pinned);
                let located = located.map_err(|error| Missing::Failed(format!("{error:#}")));
                self.programs.insert(key(&program, version.as_deref()), located);
            }
            if let Some(preparation) = subject.prepare.as_ref().filter(|_| !is_dry) {
                let made = prepare::make(name, preparation, self);
                let made = made.map_err(|error| Missing::Failed(format!("{error:#}")));
                self.prepared.insert(name.to_string(), made);
            }
        }
    }

    /// Every file that is measured or that subjects are run by, with its digest.
    pub fn files(&self) -> Vec<(PathBuf, String)> {
        let built = self.record.artifacts.values();
        let built = built.map(|one| (self.folder.join(&one.file), one.sha256.clone()));
        let programs = self.programs.values().flatten();
        let programs = programs.map(|one| (one.file.clone(), one.entry.sha256.clone()));
        let prepared = self.prepared.values().flatten();
        let prepared = prepared.map(|one| (one.path.clone(), one.entry.sha256.clone()));
        let own = self.files.values().map(|one| (one.path.clone(), one.sha256.clone()));
        built.chain(programs).chain(prepared).chain(own).collect()
    }

    /// Where prepared files lie.
    pub fn prepared_folder(&self) -> PathBuf {
        self.folder.join("prepared")
    }

    /// A file that the build has written beside the artifacts, or not.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Where the tenants of an artifact lie, whether they were made or not; other bytes have another folder.
    ///
    /// # Errors
    /// There is no artifact of that name.
    pub fn tenants_folder(&self, name: &str) -> Result<PathBuf, Missing> {
        let sha256 = &self.artifact(name)?.sha256;
        Ok(self.prepared_folder().join(format!("tenants-{}", &sha256[..16])))
    }

    /// What was prepared for a subject; `None` where nothing has to be.
    ///
    /// # Errors
    /// It could not be made.
    pub fn prepared(&self, subject: &SubjectName) -> Result<Option<&Prepared>, Missing> {
        match self.prepared.get(subject.as_str()) {
            None => Ok(None),
            Some(made) => made.as_ref().map(Some).map_err(Clone::clone),
        }
    }

    /// The program that stands for `{program:NAME}` or `{program:NAME@VERSION}`.
    ///
    /// # Errors
    /// It is not installed, or no subject that was requested is run by it.
    pub fn program(&self, requested: &str) -> Result<&Program, Missing> {
        match self.programs.get(requested) {
            Some(found) => found.as_ref().map_err(Clone::clone),
            None => Err(Missing::Program(requested.to_owned())),
        }
    }

    /// Path of an artifact.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn path(&self, name: &str) -> Result<PathBuf, Missing> {
        self.artifact(name).map(|artifact| self.folder.join(&artifact.file))
    }

    /// Path of what is named by the name of an artifact or by a placeholder.
    ///
    /// # Errors
    /// There is no such thing.
    pub fn named(&self, word: &Word) -> Result<PathBuf, Missing> {
        match word.artifact() {
            Some(name) => self.path(name),
            None => self.fill_in(word).map(PathBuf::from),
        }
    }

    /// A custom file of a definition.
    ///
    /// # Errors
    /// No subject that was requested names it.
    pub fn custom_file(&self, path: &str) -> Result<&CustomFile, Missing> {
        self.files.get(path).ok_or_else(|| Missing::File(path.to_owned()))
    }

    /// A built artifact.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn artifact(&self, name: &str) -> Result<&artifact::Artifact, Missing> {
        let artifacts = &self.record.artifacts;
        artifacts.get(name).ok_or_else(|| Missing::artifact(name, artifacts.keys()))
    }

    /// The text of a word, with paths in the place of files.
    ///
    /// # Errors
    /// There is no such thing.
    pub fn fill_in(&self, word: &Word) -> Result<String, Missing> {
        let texts = word.pieces().iter().map(|piece| match piece {
            Piece::Text(text) => Ok(text.clone()),
            piece => self.path_of(piece).map(|path| path.to_string_lossy().into_owned()),
        });
        texts.collect()
    }

    /// The words that a word of a command stands for: several where a program is started by a loader.
    ///
    /// # Errors
    /// As for [`Artifacts::fill_in`].
    pub fn words(&self, word: &Word) -> Result<Vec<String>, Missing> {
        match word.only() {
            Some(Piece::Program { name, version, beside }) => {
                let program = self.program(&key(name, version.as_deref()))?;
                Ok(program.command(beside.as_deref()))
            }
            _ => Ok(vec![self.fill_in(word)?]),
        }
    }

    /// Every word of a command, filled in.
    ///
    /// # Errors
    /// As for [`Artifacts::fill_in`].
    pub fn command(&self, words: &[Word]) -> Result<Vec<String>, Missing> {
        let words = words.iter().map(|word| self.words(word));
        Ok(words.collect::<Result<Vec<_>, _>>()?.concat())
    }

    /// Digests of what the placeholders of a word name, one after another; of a file that is still to be made: none.
    ///
    /// # Errors
    /// As for [`Artifacts::fill_in`].
    pub fn content_digests(&self, word: &Word) -> Result<String, Missing> {
        let digests = word.pieces().iter().map(|piece| match piece {
            Piece::Artifact(name) | Piece::Tenants(name) => {
                self.artifact(name).map(|one| one.sha256.as_str())
            }
            Piece::Program { name, version, .. } | Piece::Folder { name, version } => {
                let program = self.program(&key(name, version.as_deref()));
                program.map(|program| program.entry.sha256.as_str())
            }
            Piece::File(path) => self.custom_file(path).map(|file| file.sha256.as_str()),
            // Of an intermediate file: its own command's words count.
            _ => Ok(""),
        });
        digests.collect()
    }

    fn path_of(&self, piece: &Piece) -> Result<PathBuf, Missing> {
        match piece {
            Piece::Artifact(name) => self.path(name),
            Piece::Tenants(name) => self.tenants_folder(name),
            Piece::Program { name, version, beside } => {
                let program = self.program(&key(name, version.as_deref()))?;
                Ok(program.path(beside.as_deref()))
            }
            Piece::Folder { name, version } => {
                let program = self.program(&key(name, version.as_deref()))?;
                program.folder.clone().ok_or_else(|| Missing::Folder(name.clone()))
            }
            Piece::File(path) => self.custom_file(path).map(|file| file.path.clone()),
            Piece::Prepared(Some(subject)) => match self.prepared(subject)? {
                Some(made) => Ok(made.path.clone()),
                None => Err(Missing::Prepared(subject.clone())),
            },
            _ => Err(Missing::Meaning(piece.clone())),
        }
    }
}

/// What stands in `{program:...}`.
pub fn key(program: &ProgramName, version: Option<&str>) -> String {
    match version {
        Some(version) => format!("{program}@{version}"),
        None => program.to_string(),
    }
}

#[cfg(test)]
impl Artifacts {
    /// A folder in which nothing was built yet.
    pub fn bare(folder: &Path) -> Self {
        let record = artifact::Artifacts {
            schema_version: SCHEMA_VERSION,
            architecture: "x86_64".to_owned(),
            toolchain: "rustc".to_owned(),
            libc: "musl".to_owned(),
            artifacts: BTreeMap::new(),
            provisions: Vec::new(),
            settings: std::collections::BTreeMap::new(),
        };
        let (programs, prepared, files) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { folder: folder.to_owned(), record, programs, prepared, files }
    }

    /// "Builds" an artifact of this content.
    pub fn add(&mut self, file: &str, content: &str) {
        let path = self.folder.join(file);
        std::fs::write(&path, content).unwrap();
        let (size_bytes, sha256) = (content.len() as u64, sha256_file(&path).unwrap());
        let entry = artifact::Artifact { file: file.to_owned(), size_bytes, sha256 };
        self.record.artifacts.insert(file.to_owned(), entry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_become_paths_and_what_is_not_known_here_never_reaches_a_program_as_text() {
        let folder = tempfile::tempdir().unwrap();
        let mut artifacts = Artifacts::bare(folder.path());
        artifacts.add("a.wasm", "a module");
        let fill_in = |word: &str| artifacts.fill_in(&word.parse().unwrap());
        let path = folder.path().join("a.wasm").display().to_string();
        assert_eq!(fill_in("-m={artifact:a.wasm},{}"), Ok(format!("-m={path},{{}}")));
        for (word, expected) in [
            ("{artifact:b.wasm}", "no artifact `b.wasm`; did you mean `a.wasm`?"),
            ("{program:p@1.0/q} x", "program `p@1.0` was not looked up"),
            ("{prepared:one}", "nothing was prepared for `one`"),
            ("{listen}", "`{listen}` stands for no file here"),
            ("{scratch}/x", "`{scratch}` stands for no file here"),
        ] {
            assert_eq!(fill_in(word).unwrap_err().to_string(), expected);
        }
        assert_eq!(artifacts.named(&"a.wasm".parse().unwrap()), Ok(path.into()));
    }
}

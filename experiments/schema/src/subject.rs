//! `experiments/subjects.toml`: how each system is started, asked for its version, and weighed.

use crate::invalid::{Invalid, invalid};
use crate::name::{ProgramName, SubjectName};
use crate::parse::{ParseError, nearest, parse};
use crate::place::Place;
use crate::preparation::Preparation;
use crate::program::Programs;
use crate::template::{Piece, Word};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub use crate::start::{ContainerEngine, Network, Start};

/// The side of the scale a subject belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Technology {
    /// A plain process: the common floor of both sides.
    Native,
    /// A container engine runs the native binary.
    Container,
    /// A Wasm runtime runs the module or component.
    Wasm,
}

/// A file that counts towards a subject's size.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// Something `cargo xtask build` made.
    Artifact(String),
    /// A file that somebody else built, relative to the TOML file that says so.
    File(String),
    /// A program of `[programs]`, `NAME/OTHER` for the program beside it; or one of this machine, looked up on PATH.
    Program(String),
    /// What the subject's `prepare` made.
    Prepared,
    /// The OCI runtime that the subject's engine says it starts containers with.
    OciRuntime,
}

/// What is shipped per service, and what must already be on the machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Size {
    /// Shipped per service.
    pub shipped: Vec<Part>,
    /// The runtime, installed once per machine.
    pub runtime: Vec<Part>,
}

/// How one system is started, how its version is found, and what it weighs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// One line for the table of subjects.
    pub title: String,
    /// The side of the scale.
    pub technology: Technology,
    /// The first and the last moment of a cold start, in words. Where a definition says nothing it is that of the way
    /// of starting; manifests always hold it, since the words belong to the numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boundary: Option<String>,
    /// What a definition adds to the words of the way of starting: what lies within the boundary besides, such as
    /// `compilation`. Resolved, it has become part of `boundary`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boundary_includes: Option<String>,
    /// Whether a wrong answer before the first correct one is waiting and no failure: some platforms
    /// listen at once, and answer 404 until the component is compiled. False when absent.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub until_correct: bool,
    /// What separates one request, or one service, from the next.
    pub isolation: String,
    /// Level of the WASI interface, `None` where there is none.
    pub wasi: Option<String>,
    /// Command whose first line of output is the version. Of a container the engine is asked through its API: it is
    /// `None` there, or names the program of `[programs]` that is the engine, as set-up asks it.
    pub version: Option<Vec<Word>>,
    /// Command that makes and drops instances within one process and prints what that took; `None` where
    /// instances are processes.
    pub instantiate: Option<Vec<Word>>,
    /// Command that handles one request several times within one process, without HTTP; what request is added to
    /// it. `None` where instructions are not counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<Vec<Word>>,
    /// What is made before it is measured; `None` where what was built is all it needs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prepare: Option<Preparation>,
    /// How it is started.
    pub start: Start,
    /// What it weighs.
    pub size: Size,
    /// The subject that this one is under another name; written as `[twins.NAME]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub twin_of: Option<SubjectName>,
    /// The subject that this one is with other versions of its programs; written as `[variants.NAME]`. A definition
    /// that names that one asks for this one too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant_of: Option<SubjectName>,
}

impl Subject {
    /// The subject that it is under another name or with other versions; `None` for one of its own.
    #[must_use]
    pub fn original(&self) -> Option<&SubjectName> {
        self.twin_of.as_ref().or(self.variant_of.as_ref())
    }
}

/// A second name for a subject. The two are equal: a difference between them comes from the machine or the method.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTwin {
    /// The subject that it is under another name.
    twin_of: SubjectName,
}

/// A subject with other versions of its programs than the pinned ones.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawVariant {
    /// The subject that it is with other versions. A definition that names that one asks for this one too.
    variant_of: SubjectName,
    /// The version of each program that is not the pinned one.
    programs: BTreeMap<ProgramName, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSubjects {
    /// What subjects are run by and we do not build, with the pinned versions.
    #[serde(default)]
    programs: Programs,
    /// What is measured.
    subjects: BTreeMap<SubjectName, Subject>,
    /// Subjects with other versions of their programs.
    #[serde(default)]
    variants: BTreeMap<SubjectName, RawVariant>,
    /// Subjects under a second name. The two are equal, so that their difference is the noise of the method.
    #[serde(default)]
    twins: BTreeMap<SubjectName, RawTwin>,
}

/// All subjects by name.
pub type Subjects = BTreeMap<SubjectName, Subject>;

/// `subjects.toml`, read: twins and variants are subjects like any other, `{program:NAME}` has become
/// `{program:NAME@VERSION}` in a variant, and `{prepared}` has become `{prepared:SUBJECT}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubjectsFile {
    /// What is weighed.
    pub subjects: Subjects,
    /// What subjects are run by.
    pub programs: Programs,
}

/// The subjects of `subjects.toml`.
///
/// # Errors
/// As [`parse_subjects_file`].
pub fn parse_subjects(file: &str, text: &str) -> Result<Subjects, ParseError> {
    parse_subjects_file(file, text).map(|read| read.subjects)
}

/// Reads `subjects.toml`.
///
/// # Errors
/// Syntax, unknown keys, a twin or a variant of nothing, a program that is not in `[programs]`, names that are not
/// kebab-case; and a process or bundle without a version command, because a subject whose version is unknown is not
/// measured.
pub fn parse_subjects_file(file: &str, text: &str) -> Result<SubjectsFile, ParseError> {
    let raw: RawSubjects = parse(file, text)?;
    let RawSubjects { programs, mut subjects, variants, twins } = raw;
    let fail = |message| ParseError { file: file.to_owned(), line: None, message };
    for (name, RawVariant { variant_of, programs: others }) in variants {
        let mut variant = variant(&variant_of, &others, &subjects)
            .map_err(|why| fail(format!("variants.{name}: {why}")))?;
        variant.variant_of = Some(variant_of);
        if subjects.insert(name.clone(), variant).is_some() {
            return Err(fail(format!("`{name}` is both a subject and a variant")));
        }
    }
    for (name, RawTwin { twin_of }) in twins {
        let Some(original) = subjects.get(&twin_of) else {
            return Err(fail(format!("twins.{name}: there is no subject `{twin_of}`")));
        };
        let mut twin = original.clone();
        twin.title = format!("{twin_of} under another name");
        twin.twin_of = Some(twin_of);
        if subjects.insert(name.clone(), twin).is_some() {
            return Err(fail(format!("`{name}` is both a subject and a twin")));
        }
    }
    for (name, subject) in &mut subjects {
        resolve(name, subject, &programs)
            .map_err(|why| fail(format!("subject `{name}`: {why}")))?;
    }
    Ok(SubjectsFile { subjects, programs })
}

/// The subject `of` with other versions of its programs.
fn variant(
    of: &SubjectName,
    others: &BTreeMap<ProgramName, String>,
    subjects: &Subjects,
) -> Result<Subject, Invalid> {
    let original = subjects.get(of).ok_or_else(|| invalid!("there is no subject `{of}`"))?;
    let mut variant = original.clone();
    let versions: Vec<String> =
        others.iter().map(|(name, version)| format!("{name} {version}")).collect();
    variant.title = format!("{}: {}", original.title, versions.join(", "));
    let mut is_used = false;
    for piece in variant.words_mut().flat_map(|(_, word)| word.pieces_mut()) {
        if let Some((name, version @ None)) = piece.program_mut()
            && let Some(other) = others.get(name)
        {
            *version = Some(other.clone());
            is_used = true;
        }
    }
    for part in &mut variant.size.runtime {
        let Part::Program(program) = part else { continue };
        let (own, beside) = program.split_at(program.find('/').unwrap_or(program.len()));
        if let Some((name, version)) = others.iter().find(|(name, _)| name.as_str() == own) {
            *program = format!("{name}@{version}{beside}");
        }
    }
    if is_used { Ok(variant) } else { Err(invalid!("`{of}` uses none of these programs")) }
}

/// Gives every placeholder the one meaning it has in this subject, and refuses what cannot be measured.
///
/// # Errors
/// Says what is missing.
pub fn resolve(
    name: &SubjectName,
    subject: &mut Subject,
    programs: &Programs,
) -> Result<(), Invalid> {
    let asked_of_engine = subject.start.container().is_some();
    // A file that is not ours is told by its digest where it says nothing of itself.
    if !asked_of_engine && subject.version.is_none() && subject.files().is_empty() {
        return Err(invalid!(
            "is started without an engine and without `version = [\"program\", \"--version\"]`; a subject \
                    without a version is not measured"
        ));
    }
    if let Start::Container { network: Network::Host, port: Some(_), .. } = subject.start {
        return Err(invalid!(
            "`port` is for network = \"bridge\"; on the host's network instances would share it"
        ));
    }
    if subject.boundary.is_some() && subject.boundary_includes.is_some() {
        return Err(invalid!(
            "has either `boundary` or `boundary_includes`: one of them says all of it"
        ));
    }
    subject.boundary = Some(subject.boundary());
    subject.boundary_includes = None;
    subject.prepare.as_ref().map_or(Ok(()), Preparation::check)?;
    let is_prepared = subject.prepare.is_some();
    for (place, word) in subject.words_mut() {
        place.check(word).map_err(Invalid::new)?;
        resolve_prepared(word, name, is_prepared)?;
        for (program, _) in word.pieces_mut().iter_mut().filter_map(Piece::program_mut) {
            if !programs.contains_key(program) {
                let known = programs.keys().map(ProgramName::as_str);
                return Err(match nearest(program.as_str(), known) {
                    Some(near) => invalid!("no program `{program}`; did you mean `{near}`?"),
                    None => invalid!("no program `{program}` in [programs]"),
                });
            }
        }
    }
    Ok(())
}

/// `{prepared}` is the file of this subject.
///
/// # Errors
/// It has none, or that of another subject is named, which need not be made by then.
pub(crate) fn resolve_prepared(
    word: &mut Word,
    subject: &SubjectName,
    is_prepared: bool,
) -> Result<(), Invalid> {
    let shown = word.to_string();
    for piece in word.pieces_mut() {
        let Piece::Prepared(of) = piece else { continue };
        if !is_prepared {
            return Err(invalid!("`{shown}` stands there without `prepare`"));
        }
        if of.as_ref().is_some_and(|other| other != subject) {
            return Err(invalid!("`{shown}` is the file of another subject; write `{{prepared}}`"));
        }
        *of = Some(subject.clone());
    }
    Ok(())
}

impl Subject {
    /// From which moment to which a cold start of it counts, in words.
    #[must_use]
    pub fn boundary(&self) -> String {
        let derived = || self.start.boundary(self.boundary_includes.as_deref());
        self.boundary.clone().unwrap_or_else(derived)
    }

    /// Every word in which placeholders may stand, with where it stands.
    pub(crate) fn words_mut(&mut self) -> impl Iterator<Item = (Place, &mut Word)> {
        // The environment comes last: of several custom files the first one tells the version.
        let (environment, started): (Vec<_>, Vec<_>) = (self.start.words_mut().into_iter())
            .partition(|(place, _)| *place == Place::ENVIRONMENT);
        let prepare = self.prepare.iter_mut().flat_map(Preparation::words_mut);
        let commands = [
            (Place::VERSION, self.version.as_mut()),
            (Place::INSTANTIATE, self.instantiate.as_mut()),
            (Place::CALL, self.call.as_mut()),
        ];
        let words = commands.into_iter().flat_map(|(place, command)| {
            command.into_iter().flatten().map(move |word| (place, word))
        });
        started.into_iter().chain(words).chain(prepare).chain(environment)
    }

    /// The programs of `[programs]` that it is run by, each with the version where it is not the pinned one.
    #[must_use]
    pub fn programs(&self) -> Vec<(ProgramName, Option<String>)> {
        // The list of words stands once, and it lends them to be changed.
        let mut copy = self.clone();
        let pieces = copy.words_mut().flat_map(|(_, word)| word.pieces_mut());
        let mut found: Vec<(ProgramName, Option<String>)> = pieces
            .filter_map(Piece::program_mut)
            .map(|(name, version)| (name.clone(), version.clone()))
            .collect();
        found.sort();
        found.dedup();
        found
    }
}

#[cfg(test)]
#[path = "subject_tests.rs"]
mod tests;

//! `experiments/subjects.toml`: how each system is started, asked for its version, and weighed.

use crate::name::{ProgramName, SubjectName};
use crate::parse::{ParseError, nearest, parse};
use crate::preparation::Preparation;
use crate::program::Programs;
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
    /// A program of `[programs]`, or one of this machine, looked up on PATH.
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

/// One entry of `experiments/subjects.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// One line for the table of subjects.
    pub title: String,
    /// The side of the scale.
    pub technology: Technology,
    /// What "start" means for this subject: the first and the last moment of a cold start.
    pub boundary: String,
    /// What separates one request, or one service, from the next.
    pub isolation: String,
    /// Level of the WASI interface, `None` where there is none.
    pub wasi: Option<String>,
    /// Command whose first line of output is the version; `None` when the engine is asked through its API.
    pub version: Option<Vec<String>>,
    /// Command that makes and drops instances within one process and prints what that took; `None` where
    /// instances are processes. It may hold `{iterations}` and `{artifact:NAME}`.
    pub instantiate: Option<Vec<String>>,
    /// Command that handles one request several times within one process, without HTTP; what request is added to
    /// it. `None` where instructions are not counted. It may hold `{artifact:NAME}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<Vec<String>>,
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

/// Another name for a subject: what the two show apart is the machine's and the method's doing.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTwin {
    twin_of: SubjectName,
}

/// A subject with other versions of its programs than the pinned ones.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawVariant {
    variant_of: SubjectName,
    programs: BTreeMap<ProgramName, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSubjects {
    #[serde(default)]
    programs: Programs,
    subjects: BTreeMap<SubjectName, Subject>,
    #[serde(default)]
    variants: BTreeMap<SubjectName, RawVariant>,
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
        settle(name, subject, &programs).map_err(|why| fail(format!("subject `{name}`: {why}")))?;
    }
    Ok(SubjectsFile { subjects, programs })
}

/// The subject `of` with other versions of its programs.
fn variant(
    of: &SubjectName,
    others: &BTreeMap<ProgramName, String>,
    subjects: &Subjects,
) -> Result<Subject, String> {
    let original = subjects.get(of).ok_or_else(|| format!("there is no subject `{of}`"))?;
    let mut variant = original.clone();
    let versions: Vec<String> =
        others.iter().map(|(name, version)| format!("{name} {version}")).collect();
    variant.title = format!("{}: {}", original.title, versions.join(", "));
    let mut is_used = false;
    for (_, word) in variant.words_mut() {
        for (name, version) in others {
            let mut other = word.clone();
            for (opening, after) in [("{program:", "}"), ("{program:", "/"), ("{folder:", "}")] {
                let with_version = format!("{opening}{name}@{version}{after}");
                other = other.replace(&format!("{opening}{name}{after}"), &with_version);
            }
            is_used |= other != *word;
            *word = other;
        }
    }
    for part in &mut variant.size.runtime {
        if let Part::Program(program) = part
            && let Some((name, version)) = others.iter().find(|(name, _)| name.as_str() == program)
        {
            *program = format!("{name}@{version}");
        }
    }
    if is_used { Ok(variant) } else { Err(format!("`{of}` uses none of these programs")) }
}

/// `NAME@VERSION` or `NAME`, as they stand in `{program:...}`.
#[must_use]
pub fn split_version(asked: &str) -> (&str, Option<&str>) {
    asked.split_once('@').map_or((asked, None), |(name, version)| (name, Some(version)))
}

/// `NAME` or `NAME@VERSION` of what stands in `{program:...}`, and the program beside it that is meant.
#[must_use]
pub fn split_beside(asked: &str) -> (&str, Option<&str>) {
    asked.split_once('/').map_or((asked, None), |(name, beside)| (name, Some(beside)))
}

/// Gives every placeholder the one meaning it has in this subject, and refuses what cannot be measured.
///
/// # Errors
/// Says what is missing.
pub fn settle(
    name: &SubjectName,
    subject: &mut Subject,
    programs: &Programs,
) -> Result<(), String> {
    let asked_of_engine = matches!(subject.start, Start::Container { .. });
    // A file that is not ours is told by its digest where it says nothing of itself.
    if !asked_of_engine && subject.version.is_none() && subject.files().is_empty() {
        return Err("is started without an engine and without `version = [\"program\", \"--version\"]`; a subject \
                    without a version is not measured"
            .to_owned());
    }
    if let Start::Container { network: Network::Host, port: Some(_), .. } = subject.start {
        return Err(
            "`port` is for network = \"bridge\"; on the host's network instances would share it"
                .to_owned(),
        );
    }
    subject.prepare.as_ref().map_or(Ok(()), Preparation::check)?;
    let is_prepared = subject.prepare.is_some();
    for (_, word) in subject.words_mut() {
        if word.contains("{prepared}") {
            if !is_prepared {
                return Err(format!("`{word}` stands there without `prepare`"));
            }
            *word = word.replace("{prepared}", &format!("{{prepared:{name}}}"));
        }
        let Some((_, after)) = word.split_once("{program:") else { continue };
        let Some((asked, _)) = after.split_once('}') else {
            return Err(format!("`{word}`: `{{program:` without `}}`"));
        };
        let (bare, _) = split_version(split_beside(asked).0);
        let program: ProgramName = bare.parse().map_err(|why| format!("`{word}`: {why}"))?;
        if !programs.contains_key(&program) {
            let known = programs.keys().map(ProgramName::as_str);
            return Err(match nearest(bare, known) {
                Some(near) => format!("no program `{bare}`; did you mean `{near}`?"),
                None => format!("no program `{bare}` in [programs]"),
            });
        }
    }
    Ok(())
}

impl Subject {
    /// Every word in which placeholders may stand, with the key that it stands under.
    pub(crate) fn words_mut(&mut self) -> impl Iterator<Item = (&'static str, &mut String)> {
        let mut further = None;
        let (key, first, arguments, environment) = match &mut self.start {
            Start::Process { program, arguments, environment } => {
                ("start.program", program, arguments, Some(environment))
            }
            Start::Container { image, arguments, environment, .. } => {
                ("start.image", image, arguments, Some(environment))
            }
            Start::Bundle { runtime, binary, arguments } => {
                further = Some(("start.runtime", runtime));
                ("start.binary", binary, arguments, None)
            }
            Start::Containerd { shim, file, arguments } => {
                further = Some(("start.shim", shim));
                ("start.file", file, arguments, None)
            }
        };
        let values = environment.into_iter().flat_map(|variables| variables.values_mut());
        let environment = values.map(|word| ("start.environment", word));
        let prepare = self.prepare.iter_mut().flat_map(Preparation::words_mut);
        let commands = [
            ("start.arguments", Some(arguments)),
            ("version", self.version.as_mut()),
            ("instantiate", self.instantiate.as_mut()),
            ("call", self.call.as_mut()),
        ];
        let words = commands
            .into_iter()
            .flat_map(|(key, command)| command.into_iter().flatten().map(move |word| (key, word)));
        std::iter::once((key, first)).chain(further).chain(words).chain(prepare).chain(environment)
    }

    /// The programs of `[programs]` that it is run by, each with the version where it is not the pinned one.
    #[must_use]
    pub fn programs(&self) -> Vec<(ProgramName, Option<String>)> {
        // The list of words stands once, and it lends them to be changed.
        let mut copy = self.clone();
        let mut found: Vec<(ProgramName, Option<String>)> = copy
            .words_mut()
            .filter_map(|(_, word)| {
                let (asked, _) = word.split_once("{program:")?.1.split_once('}')?;
                let (name, version) = split_version(split_beside(asked).0);
                Some((name.parse().ok()?, version.map(str::to_owned)))
            })
            .collect();
        found.sort();
        found.dedup();
        found
    }
}

#[cfg(test)]
#[path = "subject_tests.rs"]
mod tests;

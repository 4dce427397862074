//! Where the programs stand that subjects are run by and that we do not build: for `doctor`, and for a run that names
//! such a subject.

use crate::machine::{LocalMachine, Machine};
use crate::programs::installed;
use crate::subjects::{after_program, programs, read};
use anyhow::Result;
use serde::Serialize;
use std::path::Path;
use std::time::Duration;
use weighbridge_machine::ask;
use weighbridge_project::process::command;
use weighbridge_project::project::Project;
use weighbridge_schema::program::{Program, Source};
use weighbridge_schema::subject::{Subject, SubjectsFile};

/// A program that has not said its version by then is taken for one that does not say it.
const ASK_LIMIT: Duration = Duration::from_secs(2);

/// Where one program stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProgramStanding {
    /// Its name.
    pub program: String,
    /// The version that is wanted: the pinned one, or a variant's.
    pub version: String,
    /// What that version calls itself, where it does not say its number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reports: Option<String>,
    /// SPDX expression.
    pub licence: String,
    /// The subjects that are run by it.
    pub subjects: Vec<String>,
    /// Whether a run would find it.
    pub is_present: bool,
    /// Which source it came from, `PATH` for one of the machine; `None` when it is missing.
    pub provider: Option<String>,
    /// What one on PATH says when it is asked its version; `None` where it says nothing, and for the others.
    pub says: Option<String>,
    /// The line that would get it, and why it may not; `None` when it is there.
    pub remedy: Option<String>,
}

/// Every program in every version that a subject wants.
///
/// # Errors
/// `experiments/subjects.toml` cannot be read or understood.
pub fn standings(project: &Project) -> Result<Vec<ProgramStanding>> {
    let file = read(project)?;
    let all: Vec<_> = file.subjects.iter().collect();
    let mut found = Vec::new();
    for ((name, requested), subject) in programs(&all, None) {
        let Some(program) = file.programs.get(&name) else { continue };
        let version = requested.as_deref().unwrap_or(&program.version);
        let uses =
            |subject: &Subject| subject.programs().contains(&(name.clone(), requested.clone()));
        let subjects: Vec<String> = (all.iter().filter(|(_, s)| uses(s)))
            .map(|(name, _)| name.as_str().to_owned())
            .collect();
        let ours = installed(&project.state, &name, version).map(|there| there.provider);
        // One on PATH serves in place of the pinned version, and of no other.
        let on_path =
            LocalMachine.find(name.as_str()).filter(|_| ours.is_none() && requested.is_none());
        let says = on_path.as_deref().and_then(|path| printed(path, &after_program(subject)));
        let provider = ours.or_else(|| on_path.map(|_| "PATH".to_owned()));
        let first = subjects.first().map_or("all", String::as_str);
        found.push(ProgramStanding {
            remedy: provider.is_none().then(|| remedy(first, program)),
            program: name.to_string(),
            version: version.to_owned(),
            reports: program.reports.clone(),
            licence: program.licence.clone(),
            is_present: provider.is_some(),
            subjects,
            provider,
            says,
        });
    }
    Ok(found)
}

/// One line for each program.
#[must_use]
pub fn lines(standings: &[ProgramStanding]) -> Vec<String> {
    let what = |one: &ProgramStanding| format!("{} {}", one.program, one.version);
    let width = standings.iter().map(|one| what(one).len()).max().unwrap_or(0);
    let line = |one: &ProgramStanding| {
        let standing = match (&one.provider, &one.says, &one.remedy) {
            (Some(provider), _, _) if provider != "PATH" => format!("present    from {provider}"),
            (Some(_), Some(says), _)
                if says.contains(one.reports.as_deref().unwrap_or(&one.version)) =>
            {
                format!("present    on PATH: `{says}`")
            }
            (Some(_), Some(says), _) => {
                format!("present    on PATH, in another version than the pinned one: `{says}`")
            }
            (Some(_), None, _) => "present    on PATH; it does not say its version".to_owned(),
            (None, _, remedy) => format!("missing    {}", remedy.as_deref().unwrap_or_default()),
        };
        format!(
            "{:<width$}  {standing} ({}; for {})",
            what(one),
            one.licence,
            one.subjects.join(", ")
        )
    };
    standings.iter().map(line).collect()
}

/// The first line that a program says to the words that ask its version; `None` when it says none in time.
fn printed(program: &Path, words: &[String]) -> Option<String> {
    let output = ask::output(command(program).args(words), ASK_LIMIT).ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let first = text.lines().next().unwrap_or_default().trim();
    (!first.is_empty()).then(|| first.to_owned())
}

/// The line that would get it, where a source has it, and why it may not.
pub(crate) fn remedy(subject: &str, program: &Program) -> String {
    let line = format!("cargo xtask setup --subject {subject}{}", effort(program));
    match program.unavailable() {
        None => line,
        Some(why) if program.sources.len() > 1 => format!("{line}: {why}"),
        Some(why) => why.to_owned(),
    }
}

fn effort(program: &Program) -> String {
    let minutes = program.sources.iter().enumerate().find_map(|(index, source)| match source {
        Source::Cargo { minutes, .. } | Source::Repository { minutes, .. } => {
            Some((index, minutes))
        }
        _ => None,
    });
    match minutes {
        Some((0, [from, to])) => format!(", {from} to {to} min"),
        Some((_, [from, to])) => format!(", {from} to {to} min where it must be compiled"),
        None => String::new(),
    }
}

/// The first program of a subject that a run would not find, with the line that would get it.
#[must_use]
pub fn lacking_program(
    project: &Project,
    file: &SubjectsFile,
    name: &str,
    subject: &Subject,
) -> Option<(String, String)> {
    subject.programs().into_iter().find_map(|(program, requested)| {
        let known = file.programs.get(&program)?;
        let version = requested.as_deref().unwrap_or(&known.version);
        let is_there = installed(&project.state, &program, version).is_some()
            || (requested.is_none() && LocalMachine.find(program.as_str()).is_some());
        let has_tool = |tool: &str| LocalMachine.find(tool).is_some();
        let remedy = if known.can_be_installed(requested.is_some(), has_tool) {
            format!("cargo xtask setup --subject {name}")
        } else {
            let why = known.unavailable().unwrap_or("no source of it is of use here");
            format!("put {program} on PATH yourself ({why})")
        };
        (!is_there).then(|| (format!("{program} {version}"), remedy))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn what_is_on_path_is_told_with_the_version_that_it_says() {
        let standing = |provider: Option<&str>, says: Option<&str>| ProgramStanding {
            program: "w".to_owned(),
            version: "2.0".to_owned(),
            reports: None,
            licence: "MIT".to_owned(),
            subjects: vec!["w-serve".to_owned()],
            is_present: provider.is_some(),
            provider: provider.map(str::to_owned),
            says: says.map(str::to_owned),
            remedy: provider.is_none().then(|| "cargo xtask setup --subject w-serve".to_owned()),
        };
        for (provider, says, expected) in [
            (Some("cargo"), None, "w 2.0  present    from cargo (MIT; for w-serve)"),
            (Some("PATH"), Some("w 2.0 (abc)"), "w 2.0  present    on PATH: `w 2.0 (abc)` (MIT;"),
            (
                Some("PATH"),
                Some("w 2.10"),
                "w 2.0  present    on PATH, in another version than the pinned one: `w 2.10` (",
            ),
            (Some("PATH"), None, "w 2.0  present    on PATH; it does not say its version ("),
            (
                None,
                None,
                "w 2.0  missing    cargo xtask setup --subject w-serve (MIT; for w-serve)",
            ),
        ] {
            let printed = lines(&[standing(provider, says)]);
            assert!(printed[0].starts_with(expected), "{printed:?}");
        }
    }

    #[test]
    fn a_program_that_does_not_answer_is_not_waited_for() {
        assert_eq!(
            printed(Path::new("/bin/echo"), &["w 1.0".to_owned()]),
            Some("w 1.0".to_owned())
        );
        assert_eq!(printed(Path::new("/bin/true"), &[]), None);
        let begun = Instant::now();
        assert_eq!(printed(Path::new("/bin/sleep"), &["600".to_owned()]), None);
        assert!(begun.elapsed() < Duration::from_secs(60));
    }
}

//! `cargo xtask setup --subject NAME`: install the programs of subjects that we do not build.

use crate::exit::{Exit, LackingError};
use crate::machine_lock;
use crate::progress::Progress;
use crate::project::Project;
use crate::setup::programs::{Wanted, installed};
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use weighbridge_schema::name::{ProgramName, SubjectName};
use weighbridge_schema::parse::nearest;
use weighbridge_schema::program::{Program, Source};
use weighbridge_schema::subject::{Subject, SubjectsFile, parse_subjects_file};

/// The word that stands for every subject.
const ALL: &str = "all";

/// `experiments/subjects.toml`.
///
/// # Errors
/// It cannot be read or understood.
pub fn read(project: &Project) -> Result<SubjectsFile> {
    let file = "experiments/subjects.toml";
    let path = project.path(file);
    let text =
        std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    Ok(parse_subjects_file(file, &text)?)
}

/// The verb: installs what is missing of the programs of `subjects`; `version` in place of the pinned one.
///
/// # Errors
/// A name is unknown; a program cannot be had here (exit code 3), after the others were tried all the same.
pub fn run(
    project: &Project,
    subjects: &[String],
    version: Option<&str>,
    progress: &Progress,
) -> Result<Exit> {
    let _lock = machine_lock::to_build()?;
    let file = read(project)?;
    let chosen = choose(&file, subjects)?;
    if version.is_some() && chosen.len() != 1 {
        bail!("--runtime-version is of one subject: name it with --subject");
    }
    let reporter = |line: &str| progress.note(&format!("  {line}"));
    let context = project.setup_context(&reporter);
    let mut failed = Vec::new();
    for ((name, asked), subject) in programs(&chosen, version) {
        let program = file.programs.get(&name).context("programs were checked when read")?;
        let ask_version = after_program(subject);
        let wanted = Wanted { name: &name, program, version: asked.as_deref(), ask_version };
        if let Some(there) = installed(&project.state, &name, wanted.version()) {
            println!("{name} {}: there ({})", wanted.version(), there.provider);
            continue;
        }
        match wanted.install(&context, progress) {
            Ok(said) => println!("{name} {}: installed, says `{said}`", wanted.version()),
            Err(error) if crate::process::interrupted() => return Err(error),
            Err(error) => {
                eprintln!("{error:#}");
                failed.push(format!("{name} {}", wanted.version()));
            }
        }
    }
    if let (Some(version), Some((subject, _))) = (version, chosen.first()) {
        println!("{}", variant(subject, version, &chosen));
    }
    if failed.is_empty() {
        return Ok(Exit::Done);
    }
    let remedy = "see the reasons above; what is installed by hand and on PATH serves too";
    Err(LackingError { what: failed.join(", "), remedy: remedy.to_owned() }.into())
}

/// The subjects of those names that are run by programs which we do not build.
fn choose<'a>(
    file: &'a SubjectsFile,
    names: &[String],
) -> Result<Vec<(&'a SubjectName, &'a Subject)>> {
    let mut chosen = Vec::new();
    for name in names {
        let with_programs = || file.subjects.iter().filter(|(_, s)| !s.programs().is_empty());
        if name == ALL {
            chosen.extend(with_programs());
            continue;
        }
        let known = || with_programs().map(|(name, _)| name.as_str()).chain([ALL]);
        match file.subjects.iter().find(|(known, _)| known.as_str() == name) {
            Some((_, subject)) if subject.programs().is_empty() => {
                println!("{name} is run by nothing but what `cargo xtask setup` and `build` give");
            }
            Some(found) => chosen.push(found),
            None => match nearest(name, known()) {
                Some(near) => bail!("no subject `{name}`; did you mean `{near}`?"),
                None => bail!(
                    "no subject `{name}`; there are: {}",
                    known().collect::<Vec<_>>().join(", ")
                ),
            },
        }
    }
    Ok(chosen)
}

/// Every program once, in every version that is wanted, with a subject that says how it is asked its version.
fn programs<'a>(
    chosen: &[(&SubjectName, &'a Subject)],
    version: Option<&str>,
) -> BTreeMap<(ProgramName, Option<String>), &'a Subject> {
    let mut wanted = BTreeMap::new();
    for (_, subject) in chosen {
        for (program, own) in subject.programs() {
            wanted.entry((program, version.map(str::to_owned).or(own))).or_insert(*subject);
        }
    }
    wanted
}

/// The words of the version command after the program.
fn after_program(subject: &Subject) -> &[String] {
    subject.version.as_deref().and_then(|words| words.split_first()).map_or(&[], |(_, rest)| rest)
}

/// The lines that make the other version a subject.
fn variant(subject: &SubjectName, version: &str, chosen: &[(&SubjectName, &Subject)]) -> String {
    let names = chosen.iter().flat_map(|(_, subject)| subject.programs());
    let programs: Vec<String> = names.map(|(name, _)| format!("{name} = \"{version}\"")).collect();
    let ending = version.replace('.', "-");
    format!(
        "to measure it beside the pinned version, add to experiments/subjects.toml:\n\n\
         [variants.{subject}-{ending}]\nvariant_of = \"{subject}\"\nprograms = {{ {} }}\n\n\
         then: cargo xtask run --subject {subject},{subject}-{ending}",
        programs.join(", ")
    )
}

/// For `doctor`: one line for each program, with version, licence, provider, and what would get it.
///
/// # Errors
/// As for [`read`].
pub fn report(project: &Project) -> Result<Vec<String>> {
    let file = read(project)?;
    let chosen: Vec<_> = file.subjects.iter().collect();
    let mut lines = Vec::new();
    let silent = |_: &str| {};
    let context = project.setup_context(&silent);
    for ((name, asked), _) in programs(&chosen, None) {
        let Some(program) = file.programs.get(&name) else { continue };
        let version = asked.as_deref().unwrap_or(&program.version);
        let uses = |subject: &Subject| subject.programs().contains(&(name.clone(), asked.clone()));
        let users: Vec<&str> =
            chosen.iter().filter(|(_, s)| uses(s)).map(|(name, _)| name.as_str()).collect();
        let standing = match installed(&project.state, &name, version) {
            Some(there) => format!("present    {}", there.provider),
            // One on PATH serves in place of the pinned version, and of no other.
            None if asked.is_none() && context.machine.find(name.as_str()).is_some() => {
                "present    on PATH, in the version that it states".to_owned()
            }
            None => {
                let subject = users.first().copied().unwrap_or(ALL);
                format!("missing    {}", remedy(subject, program))
            }
        };
        let what = format!("{name} {version}");
        lines.push(format!(
            "{what:<22} {standing} ({}; for {})",
            program.licence,
            users.join(", ")
        ));
    }
    Ok(lines)
}

/// The line that would get it, where a source has it, and why it may not.
fn remedy(subject: &str, program: &Program) -> String {
    let line = format!("cargo xtask setup --subject {subject}{}", effort(program));
    match program.unavailable() {
        None => line,
        Some(why) if program.sources.len() > 1 => format!("{line}: {why}"),
        Some(why) => why.to_owned(),
    }
}

fn effort(program: &Program) -> String {
    match program.sources.first() {
        Some(
            Source::Cargo { minutes: [from, to], .. }
            | Source::Repository { minutes: [from, to], .. },
        ) => format!(", {from} to {to} min"),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
[programs.w]
version = "2.0"
licence = "MIT"
sources = [{ cargo = { package = "w-cli", program = "w", minutes = [8, 19] } }]

[subjects.w-serve]
title = "w"
technology = "wasm"
boundary = "b"
isolation = "i"
version = ["{program:w}", "--version"]
start.process = { program = "{program:w}", arguments = ["{listen}"] }
size = { shipped = [], runtime = [{ program = "w" }] }

[variants.w-serve-1]
variant_of = "w-serve"
programs = { w = "1.0" }

[subjects.native]
title = "n"
technology = "native"
boundary = "b"
isolation = "i"
version = ["n", "--version"]
start.process = { program = "n", arguments = [] }
size = { shipped = [], runtime = [] }
"#;

    #[test]
    fn every_program_is_wanted_once_in_every_version() {
        let file = parse_subjects_file("s", FILE).unwrap();
        let chosen = choose(&file, &["all".to_owned(), "w-serve".to_owned()]).unwrap();
        let wanted: Vec<_> = programs(&chosen, None).into_keys().map(|(_, v)| v).collect();
        assert_eq!(wanted, [None, Some("1.0".to_owned())]);
        assert_eq!(after_program(chosen[0].1), ["--version"]);
        let text = variant(chosen[0].0, "1.5", &chosen[..1]);
        assert!(text.contains("[variants.w-serve-1-5]") && text.contains("w = \"1.5\""), "{text}");
    }

    #[test]
    fn what_no_source_has_is_told_by_its_reason() {
        let cargo = r#"{ cargo = { package = "w-cli", program = "w", minutes = [8, 19] } }"#;
        let nix = r#"{ nix = { package = "w", program = "bin/w" } }"#;
        let none = r#"{ unavailable = { reason = "no registry has it" } }"#;
        for (sources, expected) in [
            (cargo.to_owned(), "cargo xtask setup --subject w-serve, 8 to 19 min"),
            (none.to_owned(), "no registry has it"),
            (format!("{nix}, {none}"), "cargo xtask setup --subject w-serve: no registry has it"),
        ] {
            let file = parse_subjects_file("s", &FILE.replace(cargo, &sources)).unwrap();
            let program = &file.programs[&"w".parse().unwrap()];
            assert_eq!(remedy("w-serve", program), expected);
        }
    }

    #[test]
    fn a_typo_is_answered_with_the_nearest_name() {
        let file = parse_subjects_file("s", FILE).unwrap();
        let error = choose(&file, &["w-serv".to_owned()]).unwrap_err().to_string();
        assert!(error.contains("did you mean `w-serve`?"), "{error}");
        assert!(choose(&file, &["native".to_owned()]).unwrap().is_empty());
    }
}

//! `cargo xtask setup --subject NAME`: install the programs of subjects that we do not build.

use crate::context::Context;
use crate::programs::{Wanted, installed, set_aside};
use anyhow::{Context as _, Result, bail};
use std::collections::BTreeMap;
use weighbridge_project::exit::{Exit, LackingError};
use weighbridge_project::machine_lock;
use weighbridge_project::progress::Progress;
use weighbridge_project::project::Project;
use weighbridge_schema::name::{ProgramName, SubjectName};
use weighbridge_schema::parse::nearest;
use weighbridge_schema::program::{Installed, Program};
use weighbridge_schema::subject::{Subject, SubjectsFile, parse_subjects_file};
use weighbridge_schema::template::Word;

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
    if let Some(version) = version {
        of_one_subject(&file, subjects, &chosen, version)?;
    }
    let is_ours =
        |name: &&String| name.as_str() != ALL && chosen.iter().all(|(c, _)| c.as_str() != *name);
    for name in subjects.iter().filter(is_ours) {
        println!(
            "{name}: nothing to install; it is run by what `cargo xtask setup` finds and `cargo xtask build` makes"
        );
    }
    let reporter = |line: &str| progress.note(&format!("  {line}"));
    let folder = crate::programs::folder(&project.state);
    set_aside(&project.root, (&file.programs, &folder), &reporter)?;
    let context = Context::of(project, &reporter);
    let mut failed = Vec::new();
    for ((name, requested), subject) in programs(&chosen, version) {
        let program = file.programs.get(&name).context("programs were checked when read")?;
        let ask_version = after_program(subject);
        let ask_version = &ask_version;
        let wanted = Wanted { name: &name, program, version: requested.as_deref(), ask_version };
        if let Some(there) = installed(&project.state, &name, wanted.version()) {
            println!("{name} {}: there ({})", wanted.version(), there.provider);
            continue;
        }
        match wanted.install(&context, progress) {
            Ok(printed) => println!("{name} {}: installed, says `{printed}`", wanted.version()),
            Err(error) if weighbridge_project::process::interrupted() => return Err(error),
            Err(error) => {
                eprintln!("{error:#}");
                failed.push(format!("{name} {}", wanted.version()));
            }
        }
    }
    if !failed.is_empty() {
        let remedy = match version {
            // A variant is measured in exactly its version: what lies on PATH says its own.
            Some(_) => "name a version that its registry has",
            None => "see the reasons above; what is installed by hand and on PATH serves too",
        };
        return Err(LackingError { what: failed.join(", "), remedy: remedy.to_owned() }.into());
    }
    if let (Some(version), Some((subject, _))) = (version, chosen.first()) {
        println!("{}", variant(subject, version, &chosen));
    }
    Ok(Exit::Done)
}

/// Installs `name`, which `subject` is run by, in `version`, unless it is there.
///
/// # Errors
/// No source has it in that version; exit code 3.
pub fn install_version(
    project: &Project,
    (name, program): (&ProgramName, &Program),
    subject: &Subject,
    version: &str,
    progress: &Progress,
) -> Result<Installed> {
    let there = || installed(&project.state, name, version);
    if let Some(installed) = there() {
        return Ok(installed);
    }
    let reporter = |line: &str| progress.note(&format!("  {line}"));
    let ask_version = after_program(subject);
    // Of the pinned version sources serve that have no other.
    let other = (version != program.version).then_some(version);
    let wanted = Wanted { name, program, version: other, ask_version: &ask_version };
    match wanted.install(&Context::of(project, &reporter), progress) {
        Ok(_) => there().with_context(|| format!("{name} {version} is gone again")),
        Err(error) if weighbridge_project::process::interrupted() => Err(error),
        Err(error) => Err(LackingError {
            what: format!("{name} {version} ({error:#})"),
            remedy: "name a version that its registry has".to_owned(),
        }
        .into()),
    }
}

/// Another version is of one subject, and of one whose program comes from a registry.
fn of_one_subject(
    file: &SubjectsFile,
    requested: &[String],
    chosen: &[(&SubjectName, &Subject)],
    version: &str,
) -> Result<()> {
    if !version.starts_with(|first: char| first.is_ascii_digit()) {
        bail!("--runtime-version {version}: a version begins with a digit, as 48.0.2 does");
    }
    if requested.len() > 1 || chosen.len() > 1 {
        bail!(
            "--runtime-version is of one subject, and {} were named",
            requested.len().max(chosen.len())
        );
    }
    if chosen.is_empty() {
        let others: Vec<&str> = (file.subjects.iter())
            .filter(|(_, subject)| !subject.programs().is_empty() && subject.variant_of.is_none())
            .map(|(name, _)| name.as_str())
            .collect();
        bail!(
            "--runtime-version needs a subject that is run by a program of [programs]: {}",
            others.join(", ")
        );
    }
    Ok(())
}

/// The subjects of those names that are run by programs which we do not build; the others need nothing from here.
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
            Some((_, subject)) if subject.programs().is_empty() => {}
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
pub(crate) fn programs<'a>(
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
pub(crate) fn after_program(subject: &Subject) -> Vec<String> {
    subject.version.iter().flatten().skip(1).map(Word::to_string).collect()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::standings::remedy;

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

    #[test]
    fn another_version_is_of_one_subject_that_a_program_of_others_runs() {
        let file = parse_subjects_file("s", FILE).unwrap();
        let refused = |names: &[&str], version: &str| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            let chosen = choose(&file, &names).unwrap();
            of_one_subject(&file, &names, &chosen, version).err().map(|error| error.to_string())
        };
        assert_eq!(refused(&["w-serve"], "1.5"), None);
        let of_ours = refused(&["native"], "2.0.0").unwrap();
        assert!(of_ours.ends_with("by a program of [programs]: w-serve"), "{of_ours}");
        let two = refused(&["w-serve", "native"], "1.5").unwrap();
        assert!(two.ends_with("of one subject, and 2 were named"), "{two}");
        let word = refused(&["w-serve"], "abc").unwrap();
        assert!(word.contains("a version begins with a digit"), "{word}");
    }
}

//! Which versions of a program its registry has: the first source that lists them is asked.

use crate::context::Context;
use crate::machine::Step;
use anyhow::{Context as _, Result, bail};
use std::time::Duration;
use weighbridge_schema::name::ProgramName;
use weighbridge_schema::program::{Program, Source};

/// An index answers in seconds or not at all.
const ASK_LIMIT: Duration = Duration::from_secs(60);

/// The versions of `program` that one of its registries lists for this machine, in its order.
///
/// # Errors
/// No source of it lists versions, or the index does not answer; the message says what does without
/// it.
pub fn released(
    context: &Context<'_>,
    name: &ProgramName,
    program: &Program,
) -> Result<Vec<String>> {
    let listed = program.sources.iter().find_map(|source| match source {
        Source::Pypi { package, .. } => Some(of_pypi(context, package)),
        Source::Npm { package, .. } => Some(of_npm(context, package)),
        _ => None,
    });
    match listed {
        Some(versions) => versions.with_context(|| {
            format!("list the releases of {name} (or name each of them in full: --versions A,B,C)")
        }),
        None => bail!(
            "no registry of {name} lists its releases: name each of them in full, as in \
             --versions {0},{0}",
            program.version
        ),
    }
}

fn of_pypi(context: &Context<'_>, package: &str) -> Result<Vec<String>> {
    // The one command of pip that lists versions; it asks the index that is configured.
    let words = ["-m", "pip", "index", "versions", "--disable-pip-version-check", package];
    let printed = context.machine.run(&Step::new("python3", words).answered_within(ASK_LIMIT))?;
    let line = printed.lines().find_map(|line| line.strip_prefix("Available versions:"));
    let line = line.with_context(|| format!("pip lists no versions of {package}"))?;
    Ok(line.split(',').map(|version| version.trim().to_owned()).collect())
}

fn of_npm(context: &Context<'_>, package: &str) -> Result<Vec<String>> {
    let words = ["view", package, "versions", "--json"];
    let printed = context.machine.run(&Step::new("npm", words).answered_within(ASK_LIMIT))?;
    serde_json::from_str(&printed).with_context(|| format!("npm's versions of {package}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{Bench, FakeMachine};

    fn listed(bench: &Bench, machine: &FakeMachine, source: Source) -> Result<Vec<String>, String> {
        let program = Program {
            version: "1.2.3".to_owned(),
            reports: None,
            licence: "MIT".to_owned(),
            sources: vec![
                Source::Nix { package: "p".to_owned(), program: "bin/p".to_owned() },
                source,
            ],
        };
        let name = "engine".parse().unwrap();
        bench.call(machine, false, |context| {
            released(context, &name, &program).map_err(|error| format!("{error:#}"))
        })
    }

    #[test]
    fn the_index_of_the_first_registry_is_asked() {
        let bench = Bench::new("released");
        let pypi = || Source::Pypi {
            package: "engine-bin".to_owned(),
            program: "engine".to_owned(),
            sha256: std::collections::BTreeMap::new(),
        };
        let machine = FakeMachine::debian().on("pip index versions", |_, _| {
            Ok("engine-bin (2.0.1)\nAvailable versions: 2.0.1, 2.0.0, 1.9.3.post1\n".to_owned())
        });
        machine.add_program("python3");
        assert_eq!(listed(&bench, &machine, pypi()).unwrap(), ["2.0.1", "2.0.0", "1.9.3.post1"]);
        let npm = Source::Npm { package: "e".to_owned(), program: "e".to_owned(), native: false };
        let machine = FakeMachine::debian()
            .on("npm view e versions", |_, _| Ok(r#"["1.0.0", "1.1.0"]"#.to_owned()));
        machine.add_program("npm");
        assert_eq!(listed(&bench, &machine, npm).unwrap(), ["1.0.0", "1.1.0"]);
        let silent = FakeMachine::debian().on("pip index versions", |_, _| Ok(String::new()));
        silent.add_program("python3");
        let error = listed(&bench, &silent, pypi()).unwrap_err();
        assert!(error.contains("pip lists no versions of engine-bin"), "{error}");
        assert!(error.contains("--versions A,B,C"), "{error}");
    }

    #[test]
    fn a_program_whose_registries_list_nothing_names_the_way_on() {
        let bench = Bench::new("released-none");
        let none = Source::Unavailable { reason: "no registry has it".to_owned() };
        let error = listed(&bench, &FakeMachine::debian(), none).unwrap_err();
        assert!(error.contains("no registry of engine lists its releases"), "{error}");
    }
}

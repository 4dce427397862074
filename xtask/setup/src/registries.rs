//! Questions to the registries that keep every version: is this one there, and which is the newest?
//! Each is asked by its own client.

use crate::machine::{Machine, Step};
use anyhow::{Context as _, Result, bail};
use std::path::Path;
use std::time::Duration;

/// How long a registry may take for one answer. The slowest answer seen took 7 s.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// What helps where the pinned version of a program is gone.
pub(crate) const OTHER_VERSION: &str = "pin it in [programs] of experiments/subjects.toml";

/// The same with the newest version, where the registry names one.
pub(crate) fn way_on(newest: Result<Option<String>>) -> String {
    match newest {
        Ok(Some(newest)) => format!("the newest is {newest}: {OTHER_VERSION}"),
        Ok(None) => "it has no version of it at all".to_owned(),
        Err(error) => format!("which it has was not answered ({error:#})"),
    }
}

/// What a source says of a pinned version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It has it.
    There,
    /// It has it no more; the newest that fits, where it has one.
    Gone(Option<String>),
}

/// Asks the crate registry; what fits is the newest of all.
pub(crate) fn of_crate(machine: &dyn Machine, package: &str, version: &str) -> Result<Answer> {
    if newest_crate(machine, &format!("{package}@{version}"))?.is_some() {
        return Ok(Answer::There);
    }
    Ok(Answer::Gone(newest_crate(machine, package)?))
}

/// The newest version of a crate within a requirement (`NAME`, `NAME@0.5`); `None` when there is
/// none.
pub(crate) fn newest_crate(machine: &dyn Machine, requirement: &str) -> Result<Option<String>> {
    // In no workspace, or its lock file would answer.
    let ask = Step::new("cargo", ["info", "--quiet", requirement]).within(Path::new("/"));
    match machine.run(&ask.clone().answered_within(LIMIT)) {
        Ok(printed) => {
            let line = printed.lines().find_map(|line| line.strip_prefix("version:"));
            let version = line.and_then(|line| line.split_whitespace().next());
            let version = version.with_context(|| format!("`{ask}` gives no version"))?;
            Ok(Some(version.to_owned()))
        }
        Err(error) if format!("{error:#}").contains("could not find") => Ok(None),
        Err(error) => Err(error),
    }
}

/// Asks the Python package index; what fits is what [`nearest_wheel`] says.
pub(crate) fn of_wheel(machine: &dyn Machine, package: &str, version: &str) -> Result<Answer> {
    let python = python(machine)?;
    let versions = wheels(machine, &python, package)?;
    if versions.iter().any(|one| one == version) {
        return Ok(Answer::There);
    }
    Ok(Answer::Gone(nearest_wheel(&versions, version).map(str::to_owned)))
}

fn python(machine: &dyn Machine) -> Result<String> {
    let python = "python3".to_owned();
    let has_pip = Step::new(&python, ["-m", "pip", "--version"]).answered_within(LIMIT);
    machine.run(&has_pip).context("python3 has no pip (Debian: apt-get install python3-pip)")?;
    Ok(python)
}

/// The versions of a package that this machine can install, the newest first.
pub(crate) fn wheels(machine: &dyn Machine, python: &str, package: &str) -> Result<Vec<String>> {
    let words = ["-m", "pip", "index", "--disable-pip-version-check", "versions", package];
    let printed = match machine.run(&Step::new(python, words).answered_within(LIMIT)) {
        Ok(printed) => printed,
        Err(error) if is_no_version(&error) => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let line = printed.lines().find_map(|line| line.strip_prefix("Available versions:"));
    let line = line.with_context(|| format!("pip lists no versions of {package}"))?;
    Ok(line.split(',').map(|version| version.trim().to_owned()).collect())
}

/// Whether pip has failed because the index has no such version.
pub(crate) fn is_no_version(error: &anyhow::Error) -> bool {
    format!("{error:#}").contains("No matching distribution found")
}

/// The newest version with the same two first numbers, else the newest of all.
pub(crate) fn nearest_wheel<'a>(versions: &'a [String], pinned: &str) -> Option<&'a str> {
    let series = |version: &str| version.splitn(3, '.').take(2).collect::<Vec<_>>().join(".");
    let near = versions.iter().find(|version| series(version) == series(pinned));
    near.or(versions.first()).map(String::as_str)
}

/// Asks the npm registry; what fits is the newest of all.
pub(crate) fn of_npm(machine: &dyn Machine, package: &str, version: &str) -> Result<Answer> {
    if machine.find("npm").is_none() {
        bail!("no npm here");
    }
    if npm_view(machine, &format!("{package}@{version}"))?.is_some() {
        return Ok(Answer::There);
    }
    Ok(Answer::Gone(npm_view(machine, package)?))
}

fn npm_view(machine: &dyn Machine, requirement: &str) -> Result<Option<String>> {
    let words = ["view", "--loglevel=error", requirement, "version"];
    match machine.run(&Step::new("npm", words).answered_within(LIMIT)) {
        Ok(printed) if printed.trim().is_empty() => Ok(None),
        Ok(printed) => Ok(Some(printed.trim().to_owned())),
        Err(error) if format!("{error:#}").contains("404") => Ok(None),
        Err(error) => Err(error),
    }
}

/// Asks a public repository for a commit, of which it sends nothing but the commit itself;
/// `scratch` is a folder for that. No other commit fits.
pub(crate) fn of_commit(
    machine: &dyn Machine,
    repository: &str,
    commit: &str,
    scratch: &Path,
) -> Result<Answer> {
    if machine.find("git").is_none() {
        bail!("no git here");
    }
    let folder = scratch.to_string_lossy();
    let git = |words: &[&str]| {
        let words = ["-C", folder.as_ref()].into_iter().chain(words.iter().copied());
        // No question about a name and a password, which nobody is there to answer.
        let step = Step::new("git", words).with("GIT_TERMINAL_PROMPT", "0");
        machine.run(&step.answered_within(LIMIT))
    };
    git(&["init", "--quiet", "--bare"])?;
    match git(&["fetch", "--quiet", "--depth=1", "--filter=tree:0", repository, commit]) {
        Ok(_) => Ok(Answer::There),
        Err(error) if format!("{error:#}").contains("not our ref") => Ok(Answer::Gone(None)),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::FakeMachine;

    #[test]
    fn a_crate_that_is_gone_names_the_newest() {
        let machine = FakeMachine::debian()
            .on("info --quiet w@1.0.0", |_, _| bail!("error: could not find `w@1.0.0` in registry"))
            .on("info --quiet w@1.1.0", |_, _| Ok("w\nversion: 1.1.0 (latest 2.0.0)\n".to_owned()))
            .on("info --quiet w", |_, _| Ok("w\nversion: 2.0.0\n".to_owned()));
        assert_eq!(of_crate(&machine, "w", "1.1.0").unwrap(), Answer::There);
        let gone = Answer::Gone(Some("2.0.0".to_owned()));
        assert_eq!(of_crate(&machine, "w", "1.0.0").unwrap(), gone);
        let silent = FakeMachine::debian().on("cargo info", |_, _| bail!("it did not end"));
        assert!(of_crate(&silent, "w", "1.0.0").is_err());
    }

    #[test]
    fn a_wheel_that_is_gone_names_the_newest_of_its_series() {
        let versions = "z (0.18.0)\nAvailable versions: 0.18.0, 0.17.1, 0.17.0.post0, 0.9.1\n";
        let machine = FakeMachine::debian()
            .on("pip --version", |_, _| Ok("pip 23".to_owned()))
            .on("versions z", move |_, _| Ok(versions.to_owned()))
            .on("versions none", |_, _| bail!("ERROR: No matching distribution found for none"));
        assert_eq!(of_wheel(&machine, "z", "0.17.1").unwrap(), Answer::There);
        let gone = |newest: &str| Answer::Gone(Some(newest.to_owned()));
        assert_eq!(of_wheel(&machine, "z", "0.17.0").unwrap(), gone("0.17.1"));
        assert_eq!(of_wheel(&machine, "z", "0.16.0").unwrap(), gone("0.18.0"));
        assert_eq!(of_wheel(&machine, "none", "1").unwrap(), Answer::Gone(None));
        let bare = of_wheel(&FakeMachine::debian(), "z", "1").unwrap_err();
        assert!(bare.to_string().contains("python3-pip"), "{bare}");
    }

    #[test]
    fn npm_and_git_say_no_in_their_own_ways() {
        let machine = FakeMachine::debian()
            .on("@p/c@1.0.0 version", |_, _| bail!("npm error code E404"))
            .on("@p/c version", |_, _| Ok("2.0.0\n".to_owned()))
            .on("init --quiet", |_, _| Ok(String::new()))
            .on("r.git gone", |_, _| bail!("fatal: remote error: upload-pack: not our ref gone"))
            .on("r.git there", |_, _| Ok(String::new()));
        assert!(of_npm(&machine, "@p/c", "1.0.0").is_err());
        machine.add_program("npm");
        machine.add_program("git");
        let gone = Answer::Gone(Some("2.0.0".to_owned()));
        assert_eq!(of_npm(&machine, "@p/c", "1.0.0").unwrap(), gone);
        let ask = |commit| of_commit(&machine, "https://h.example/r.git", commit, Path::new("/s"));
        assert_eq!(ask("there").unwrap(), Answer::There);
        assert_eq!(ask("gone").unwrap(), Answer::Gone(None));
        assert!(ask("else").is_err());
    }
}

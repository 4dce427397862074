//! `cargo xtask doctor --pins`: asks each source whether it still has what is pinned, and changes
//! nothing.
//!
//! Each source has a time limit. One that does not answer is asked nothing more: its pins are
//! unknown, which is neither there nor gone.

use crate::context::Context;
use crate::debian;
use crate::index::Index;
use crate::moved::newest_fitting;
use crate::pins::{self, Archive, Fit, Pin};
use crate::registries::{self, Answer};
use crate::subjects;
use anyhow::{Context as _, Result};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::time::Duration;
use weighbridge_project::project::Project;
use weighbridge_schema::program::Source;

/// How long the mirror of the distribution may take for the index of one suite. The largest is
/// 10 MB; with two smaller ones and 5 MB besides it took 192 s on the slowest line seen (n = 1).
const INDEX_LIMIT: Duration = Duration::from_secs(300);
/// Where the inputs of the flake are kept.
const HOSTED: &str = "https://github.com/";
/// Letters of a reason in a line.
const REASON_MAX: usize = 140;

/// Whether a source still has what is pinned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "standing", rename_all = "kebab-case")]
pub enum PinStanding {
    /// It has it.
    There,
    /// It has it no more.
    Gone {
        /// The newest version that may take its place; `None` where the source has none.
        newest: Option<String>,
    },
    /// The source could not be asked.
    Unknown {
        /// Why not.
        reason: String,
    },
}

/// What a source says of one pin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PinFinding {
    /// The source: a suite of the distribution, or a registry.
    pub source: String,
    /// Package and version.
    pub pin: String,
    /// Whether it is there.
    #[serde(flatten)]
    pub standing: PinStanding,
}

impl fmt::Display for PinFinding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:<23} {:<56} ", self.source, self.pin)?;
        match &self.standing {
            PinStanding::There => formatter.write_str("there"),
            PinStanding::Gone { newest: Some(newest) } => {
                write!(formatter, "gone, newest that fits is {newest}")
            }
            PinStanding::Gone { newest: None } => formatter.write_str("gone, nothing there fits"),
            PinStanding::Unknown { reason } => {
                write!(formatter, "could not be asked: {reason}")
            }
        }
    }
}

/// A registry that keeps every version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Registry {
    Crates,
    Wheels,
    Npm,
    Commits,
}

impl Registry {
    fn name(self) -> &'static str {
        match self {
            Self::Crates => "crate registry",
            Self::Wheels => "Python package index",
            Self::Npm => "npm registry",
            Self::Commits => "public repository",
        }
    }
}

/// Everything that is pinned by version: what set-up downloads, the programs of subjects, the
/// packages of the independent check, and the inputs of the flake.
#[derive(Default)]
struct Pinned {
    packages: Vec<Pin>,
    /// Package (of a commit: the repository) and version.
    others: BTreeMap<Registry, Vec<(String, String)>>,
}

impl Pinned {
    fn other(&mut self, registry: Registry, package: &str, version: &str) {
        let all = self.others.entry(registry).or_default();
        let one = (package.to_owned(), version.to_owned());
        if !all.contains(&one) {
            all.push(one);
        }
    }

    /// What set-up downloads.
    fn of_setup() -> Self {
        let mut all = Self::default();
        all.packages.extend(pins::RUST_SOURCES.iter().map(|sources| sources.package.clone()));
        all.packages.push(pins::WASI_LIBC_RECENT);
        all.packages.extend_from_slice(pins::DISTRIBUTION_COMPILER);
        all.other(Registry::Wheels, "ziglang", pins::ZIG_RELEASE);
        let (linker, release) = pins::COMPONENT_LINKER;
        all.other(Registry::Crates, linker, release);
        all
    }

    /// A source of a program in one version, and `None` for the pinned one.
    fn program(&mut self, source: &Source, pinned: &str, other: Option<&str>, architecture: &str) {
        let version = other.unwrap_or(pinned);
        match source {
            Source::Cargo { package, .. } => self.other(Registry::Crates, package, version),
            Source::Npm { package, .. } => self.other(Registry::Npm, package, version),
            Source::Pypi { package, sha256, .. } => {
                for version in sha256.keys().map(String::as_str).chain([version]) {
                    self.other(Registry::Wheels, package, version);
                }
            }
            Source::Debian { suite, package, package_version, with, .. } if other.is_none() => {
                let first = (package.clone(), package_version.clone());
                let with = with.iter().filter_map(|one| {
                    one.split_once('=').map(|(name, version)| (name.to_owned(), version.to_owned()))
                });
                for (package, version) in std::iter::once(first).chain(with) {
                    self.packages.push(of_program(suite, package, version, architecture));
                }
            }
            // nixpkgs stands for its packages in the flake's lock file.
            Source::Debian { .. }
            | Source::Nix { .. }
            | Source::Repository { .. }
            | Source::Unavailable { .. } => {}
        }
    }

    /// `NAME==VERSION` of a file of requirements.
    fn requirements(&mut self, text: &str) {
        for (name, version) in text.lines().filter_map(|line| line.split_once("==")) {
            let version = version.trim_end_matches('\\').trim();
            self.other(Registry::Wheels, name.trim(), version);
        }
    }

    /// The commits of a flake's lock file.
    fn flake(&mut self, text: &str) -> Result<()> {
        let lock: serde_json::Value = serde_json::from_str(text).context("parse flake.lock")?;
        let nodes = lock["nodes"].as_object().into_iter().flatten();
        for locked in nodes.map(|(_, node)| &node["locked"]) {
            let field = |name: &str| locked[name].as_str();
            if let (Some("github"), Some(owner), Some(repository), Some(commit)) =
                (field("type"), field("owner"), field("repo"), field("rev"))
            {
                let place = format!("{HOSTED}{owner}/{repository}");
                self.other(Registry::Commits, &place, commit);
            }
        }
        Ok(())
    }
}

/// A program's package: what fits is the same release, because the program must say its version.
fn of_program(suite: &str, package: String, version: String, architecture: &str) -> Pin {
    let architecture = if architecture == "aarch64" { "arm64" } else { "amd64" };
    Pin {
        package: package.into(),
        version: version.into(),
        architecture,
        archive: Archive::Main,
        suite: suite.to_owned().into(),
        sha256: "".into(),
        fit: Fit::Release,
    }
}

/// Asks every source about every pin.
///
/// # Errors
/// A file of the checkout that pins something cannot be read.
pub fn check(project: &Project, context: &Context<'_>) -> Result<Vec<PinFinding>> {
    let read = |path: &str| {
        let file = project.path(path);
        std::fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))
    };
    let mut all = Pinned::of_setup();
    let file = subjects::read(project)?;
    let named: Vec<_> = file.subjects.iter().collect();
    for (name, version) in subjects::programs(&named, None).into_keys() {
        let Some(program) = file.programs.get(&name) else { continue };
        for source in &program.sources {
            let architecture = context.machine.architecture();
            all.program(source, &program.version, version.as_deref(), architecture);
        }
    }
    all.requirements(&read("analysis/check/requirements.txt")?);
    all.flake(&read("flake.lock")?)?;
    ask_all(context, &all)
}

/// As [`check`], of what set-up downloads alone.
#[cfg(test)]
pub(crate) fn check_setup(context: &Context<'_>) -> Result<Vec<PinFinding>> {
    ask_all(context, &Pinned::of_setup())
}

fn ask_all(context: &Context<'_>, all: &Pinned) -> Result<Vec<PinFinding>> {
    // The indexes go into a folder that is removed again: nothing of the machine's or of the
    // project's is changed.
    let scratch = tempfile::tempdir().context("make a folder for the indexes")?;
    let mut found = of_distribution(context, &all.packages, scratch.path());
    for (&registry, wanted) in &all.others {
        found.extend(of_registry(context, registry, wanted, scratch.path()));
    }
    Ok(found)
}

/// The packages by archive, suite and architecture, each an index of its own.
fn of_distribution(context: &Context<'_>, wanted: &[Pin], scratch: &Path) -> Vec<PinFinding> {
    let own = debian::architecture(context.machine).unwrap_or("amd64");
    let mut sources: BTreeMap<(Archive, String, &str), Vec<&Pin>> = BTreeMap::new();
    for pin in wanted {
        let architecture = if pin.architecture == "all" { own } else { pin.architecture };
        let same = sources.entry((pin.archive, pin.suite.to_string(), architecture)).or_default();
        if !same.contains(&pin) {
            same.push(pin);
        }
    }
    let mut found = Vec::new();
    for ((_, suite, architecture), pins) in sources {
        let standings = of_suite(context, &pins, architecture, scratch);
        let unknown = standings.as_ref().err().map(reason);
        let standings = standings.unwrap_or_default();
        for (place, pin) in pins.into_iter().enumerate() {
            let unknown = || PinStanding::Unknown { reason: unknown.clone().unwrap_or_default() };
            found.push(PinFinding {
                source: suite.clone(),
                pin: format!("{} {} ({})", pin.package, pin.version, pin.architecture),
                standing: standings.get(place).cloned().unwrap_or_else(unknown),
            });
        }
    }
    found
}

fn of_suite(
    context: &Context<'_>,
    pins: &[&Pin],
    architecture: &str,
    scratch: &Path,
) -> Result<Vec<PinStanding>> {
    let all: Vec<Pin> = pins.iter().map(|&pin| pin.clone()).collect();
    let first = all.first().context("no pin")?;
    if let Some(reason) = debian::unavailable(context.machine, &all) {
        anyhow::bail!("{reason}");
    }
    let private = Context {
        repo: context.repo.clone(),
        state: scratch.to_owned(),
        build: context.build.clone(),
        ..*context
    };
    let entry = debian::entry(context.machine, first.archive)?;
    let name = format!("{}-{architecture}", first.suite);
    let archives = [(entry, vec![first.suite.as_ref()])];
    let mut options = debian::private_index(&private, &name, &archives)?;
    for setting in ["APT::Architecture", "APT::Architectures"] {
        options.extend(["-o".to_owned(), format!("{setting}={architecture}")]);
    }
    (context.reporter)(&format!("asking {} for {architecture}", first.suite));
    let index = Index::refreshed(context.machine, &options, Some(INDEX_LIMIT))?;
    let standing = |pin: &Pin| {
        let versions = index.versions(&pin.package, &pin.suite)?;
        if versions.iter().any(|version| *version == pin.version) {
            return Ok(PinStanding::There);
        }
        let newest = newest_fitting(pin, &versions).map(str::to_owned);
        Ok(PinStanding::Gone { newest })
    };
    all.iter().map(standing).collect()
}

fn of_registry(
    context: &Context<'_>,
    registry: Registry,
    wanted: &[(String, String)],
    scratch: &Path,
) -> Vec<PinFinding> {
    let machine = context.machine;
    (context.reporter)(&format!("asking the {}", registry.name()));
    let mut silent = None;
    let mut ask = |package: &str, version: &str| {
        // One that has not answered is not waited for again.
        if let Some(first) = &silent {
            let reason = format!("not asked, since there was no answer about {first}");
            return PinStanding::Unknown { reason };
        }
        let answer = match registry {
            Registry::Crates => registries::of_crate(machine, package, version),
            Registry::Wheels => registries::of_wheel(machine, package, version),
            Registry::Npm => registries::of_npm(machine, package, version),
            Registry::Commits => registries::of_commit(machine, package, version, scratch),
        };
        match answer {
            Ok(Answer::There) => PinStanding::There,
            Ok(Answer::Gone(newest)) => PinStanding::Gone { newest },
            Err(error) => {
                silent = Some(package.trim_start_matches(HOSTED).to_owned());
                PinStanding::Unknown { reason: reason(&error) }
            }
        }
    };
    let finding = |(package, version): &(String, String)| PinFinding {
        source: registry.name().to_owned(),
        pin: format!("{} {version}", package.trim_start_matches(HOSTED)),
        standing: ask(package, version),
    };
    wanted.iter().map(finding).collect()
}

/// The beginning of why a source could not be asked, in one line.
fn reason(error: &anyhow::Error) -> String {
    let text = format!("{error:#}");
    // The step is a line of options long; what its program said comes after it.
    let is_step = text.starts_with('`') || text.starts_with("can't run `");
    let after = text.rsplit_once("`: ").or(text.rsplit_once("): "));
    let said = after.filter(|_| is_step).map_or(text.as_str(), |(_, said)| said);
    said.lines().next().unwrap_or_default().chars().take(REASON_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{Bench, FakeMachine};
    use anyhow::bail;

    #[test]
    fn after_a_registry_is_silent_about_one_pin_no_other_pin_bears_its_error() {
        let bench = Bench::new("pins-registry");
        let machine = FakeMachine::debian().on("cargo info", |_, _| bail!("timed out about w"));
        let wanted = ["w", "x"].map(|name| (name.to_owned(), "1.0.0".to_owned()));
        let found = bench.call(&machine, false, |context| {
            of_registry(context, Registry::Crates, &wanted, Path::new("/scratch"))
        });
        assert!(found[0].to_string().ends_with("could not be asked: timed out about w"));
        assert!(found[1].to_string().ends_with("not asked, since there was no answer about w"));
        assert_eq!(machine.count("cargo info"), 1);
    }
}

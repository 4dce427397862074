//! Whether a subject can be measured here, and if not, why and what would help.

use crate::engine::containerd::Client;
use crate::engine::engines::Engines;
use crate::inventory::artifacts::{Artifacts, key};
use crate::inventory::built::Built;
use crate::inventory::emulator;
use crate::inventory::programs;
use crate::subject::bundle::Runtime;
use crate::subject::containerd;
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use weighbridge_machine::{ask, environment};
use weighbridge_schema::manifest::{Availability, Emulator};
use weighbridge_schema::name::SubjectName;
use weighbridge_schema::program::Programs;
use weighbridge_schema::subject::{ContainerEngine, Start, Subject};
use weighbridge_schema::template::{Piece, Word};

/// What this machine has to measure with.
pub struct Machine<'a> {
    /// What was built.
    pub built: &'a Built,
    /// The container engines.
    pub engines: &'a Engines,
    /// By architecture.
    pub emulators: &'a BTreeMap<String, Emulator>,
    /// What subjects are run by, and where set-up would get it.
    pub programs: &'a Programs,
}

impl Machine<'_> {
    /// Its architecture.
    pub fn local(&self) -> &str {
        &self.built.local.record.architecture
    }

    /// What was built for it.
    pub fn local_artifacts(&self) -> &Artifacts {
        &self.built.local
    }
}

/// Whether a subject of another architecture can be run under emulation.
pub fn foreign_availability(
    subject: &Subject,
    architecture: &str,
    machine: &Machine<'_>,
) -> Availability {
    let missing =
        |reason, remedy: String| Availability::NotInstalled { reason, remedy: Some(remedy) };
    if !matches!(subject.start, Start::Process { .. }) {
        return missing(
            format!("only programs are emulated, not containers of {architecture}"),
            "cargo xtask run --on ssh://a-machine-of-that-architecture".to_owned(),
        );
    }
    if let Some((program, _)) = subject.programs().first() {
        return missing(
            format!("{program} is installed for the local architecture only"),
            "cargo xtask run --on ssh://a-machine-of-that-architecture".to_owned(),
        );
    }
    if !subject.files().is_empty() {
        return missing(
            "it is a custom file, for the local architecture only".to_owned(),
            "cargo xtask run on a machine of that architecture".to_owned(),
        );
    }
    let artifacts = match machine.built.of(architecture) {
        Ok(artifacts) => artifacts,
        Err(error) => {
            return missing(error.to_string(), format!("cargo xtask build --arch {architecture}"));
        }
    };
    let Some(emulator) = machine.emulators.get(architecture) else {
        return missing(
            format!(
                "there is no emulator for {architecture}: qemu-{architecture} is not installed"
            ),
            "cargo xtask setup".to_owned(),
        );
    };
    let command = subject.version.as_deref().unwrap_or_default();
    match ask_version(command, artifacts, Some(emulator)) {
        Ok(version) => Availability::Installed { version },
        Err(error) => missing(
            format!("{error:#}"),
            format!("cargo xtask build --arch {architecture} --force"),
        ),
    }
}

/// Asks the program or the engine for its version: what does not say its version is not measured.
pub fn availability(name: &SubjectName, subject: &Subject, machine: &Machine<'_>) -> Availability {
    let artifacts = machine.local_artifacts();
    let usable = match &subject.start {
        Start::Bundle { runtime, options, .. } => {
            Runtime::find(runtime, options, artifacts).map(|_| ())
        }
        Start::Containerd { shim, .. } => containerd::usable(shim, artifacts).map(|_| ()),
        Start::Process { .. } | Start::Container { .. } => Ok(()),
    };
    if let Err(missing) = usable {
        return Availability::NotInstalled {
            reason: missing.to_string(),
            remedy: missing.remedy().or_else(|| remedy(name, subject, machine.programs)),
        };
    }
    if let Err(missing) = artifacts.prepared(name) {
        return Availability::NotInstalled {
            reason: missing.to_string(),
            remedy: remedy(name, subject, machine.programs),
        };
    }
    let requested = match &subject.start {
        Start::Process { .. } | Start::Bundle { .. } | Start::Containerd { .. } => {
            let own = match &subject.version {
                Some(command) => ask_version(command, artifacts, None),
                None => digest_version(subject, artifacts),
            };
            own.and_then(|own| match &subject.start {
                Start::Containerd { .. } => Ok(format!("{own}; {}", daemon_version()?)),
                _ => Ok(own),
            })
        }
        Start::Container { engine, image, .. } => match machine.engines.availability(*engine) {
            Availability::Installed { version } => {
                if let Some(missing) = not_built(image, artifacts) {
                    return missing;
                }
                has_image(image, artifacts, machine.engines, *engine).map(|()| version)
            }
            missing @ Availability::NotInstalled { .. } => return missing,
        },
    };
    match requested {
        Ok(version) => Availability::Installed { version },
        Err(error) => Availability::NotInstalled {
            reason: format!("{error:#}"),
            remedy: remedy(name, subject, machine.programs),
        },
    }
}

/// What containerd says of itself, `containerd NAME VERSION REVISION`, without name and revision.
fn daemon_version() -> Result<String> {
    let client = Client::find().map_err(|name| anyhow::anyhow!("{name} is not installed"))?;
    let mut command = Command::new(&client.containerd);
    let output = ask::output(environment::clean(&mut command).arg("--version"), ask::LIMIT)
        .with_context(|| format!("run {} --version", client.containerd.display()))?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let version = printed.split_whitespace().nth(2);
    let version = version.with_context(|| format!("containerd printed no version: `{printed}`"))?;
    Ok(format!("containerd {version}"))
}

/// The version of a file that says nothing of itself.
fn digest_version(subject: &Subject, artifacts: &Artifacts) -> Result<String> {
    let files = subject.files();
    let (_, path) = files.first().context("no version command, and no file to tell it by")?;
    let file = artifacts.custom_file(path)?;
    Ok(format!("sha256 {}", &file.sha256[..12]))
}

/// An archive lies there, or the engine holds what a reference names.
fn has_image(
    image: &Word,
    artifacts: &Artifacts,
    engines: &Engines,
    kind: ContainerEngine,
) -> Result<()> {
    match image.reference() {
        Some(_) if engines.is_planned(kind) => Ok(()),
        Some(reference) => {
            let engine = engines.get(kind)?;
            engine.image_id(reference).map(|_| ())
        }
        None => {
            artifacts.named(image)?;
            Ok(())
        }
    }
}

/// What would help: a program that we do not build is installed, everything else is built. `None` where set-up could
/// not install the program here: a line that would fail is no help, and the reason says where to look.
fn remedy(name: &SubjectName, subject: &Subject, programs: &Programs) -> Option<String> {
    if let Start::Container { image, .. } = &subject.start
        && let Some(reference) = image.reference()
    {
        return Some(format!("docker pull {reference}"));
    }
    if subject.programs().is_empty() {
        return Some("cargo xtask build --force".to_owned());
    }
    let is_there = |tool: &str| programs::find(tool).is_some();
    let can_be_had = subject.programs().iter().all(|(program, version)| {
        let known = programs.get(program);
        known.is_some_and(|known| known.can_be_installed(version.is_some(), is_there))
    });
    can_be_had.then(|| format!("cargo xtask setup --subject {name}"))
}

/// Why an image that is built only where its root file system can be had was not; the need of set-up is called as the
/// image. `None` for another artifact.
fn not_built(image: &Word, artifacts: &Artifacts) -> Option<Availability> {
    let need = image.artifact()?.strip_suffix(".tar")?;
    let known = artifacts.record.provisions.iter().find(|provision| provision.need == need)?;
    known.provider.is_none().then(|| Availability::NotInstalled {
        reason: known.detail.clone(),
        remedy: known.remedy.clone(),
    })
}

fn ask_version(
    command: &[Word],
    artifacts: &Artifacts,
    emulator: Option<&Emulator>,
) -> Result<String> {
    let mut filled = artifacts.command(command)?;
    if let Some(emulator) = emulator {
        let prefix = std::iter::once(emulator.program.as_str()).chain(emulator::PROCESSOR);
        filled.splice(0..0, prefix.map(str::to_owned));
    }
    let (program, arguments) = filled.split_first().context("an empty version command")?;
    let mut asking = Command::new(program);
    let output = ask::output(environment::clean(&mut asking).args(arguments), ask::LIMIT)
        .with_context(|| format!("ask for the version: run `{}`", filled.join(" ")))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let first = text.lines().next().unwrap_or_default().trim();
    anyhow::ensure!(
        output.status.success() && !first.is_empty(),
        "`{}` printed no version ({})",
        filled.join(" "),
        output.status
    );
    let requested = command.first().and_then(Word::only);
    if let Some(Piece::Program { name, version, beside: None }) = requested
        && let Ok(program) = artifacts.program(&key(name, version.as_deref()))
    {
        let package = program.entry.detail.get(name.as_str()).map(String::as_str);
        return Ok(recorded(first, name.as_str(), &program.file, package));
    }
    Ok(first.to_owned())
}

/// The version as it is kept: without the folder, where a program says its own path, and the package's, where it states
/// none.
fn recorded(printed: &str, name: &str, file: &Path, package: Option<&str>) -> String {
    let printed = printed.replace(&*file.to_string_lossy(), name);
    match package {
        Some(version) if !printed.contains(|letter: char| letter.is_ascii_digit()) => {
            format!("{name} {version}")
        }
        _ => printed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_holds_no_path_and_is_the_packages_where_none_is_stated() {
        let file = Path::new("/root/of-2/usr/bin/engine");
        let printed = "/root/of-2/usr/bin/engine version 0.1";
        assert_eq!(recorded(printed, "engine", file, Some("0.1-2")), "engine version 0.1");
        assert_eq!(recorded("dev", "engine", file, Some("0.1-2")), "engine 0.1-2");
        assert_eq!(recorded("dev", "engine", file, None), "dev");
    }
}

//! What decides about a run: where all of it is as it was, measuring again would tell nothing new.

use anyhow::Result;
use std::collections::BTreeSet;
use std::path::Path;
use weighbridge_build::{artifacts as build, record};
use weighbridge_project::build_step::Parts;
use weighbridge_project::inputs::{Digests, Inputs};
use weighbridge_project::progress::Progress;
use weighbridge_project::project::Project;
use weighbridge_project::questions::Questions;
use weighbridge_schema::name::ProgramName;
use weighbridge_schema::program::Installed;
use weighbridge_schema::request::RunRequest;
use weighbridge_schema::subject::{Subject, SubjectsFile};
use weighbridge_setup::{
    Context, LocalMachine, Machine, engine_program, found, programs, subjects,
};

/// The part that two runs of the same question have in common.
pub(super) const ASKED: &str = "what was asked";

/// All parts, of this machine as it is after set-up. How a program came here is none of them, nor
/// is a program of a subject that nobody asks for.
///
/// # Errors
/// A file cannot be read.
pub(super) fn of(
    project: &Project,
    artifacts: &Path,
    choice: &RunRequest,
    programs: &Path,
    runner_digest: &str,
    progress: &Progress,
) -> Result<Parts> {
    let mut digests = Digests::read(project.state.join("stamps/digests.json"));
    let reporter = |line: &str| progress.note(&format!("  {line}"));
    let mut parts = questions(project, choice, Parts::default())?.with("runner", runner_digest);
    parts = parts.with("artifacts", built(artifacts, choice)?);
    for (name, digest) in found::programs(&Context::of(project, &reporter), &mut digests) {
        parts = parts.with(&format!("program {name}"), digest);
    }
    for (name, digest) in of_subjects(project, choice, programs, &mut digests)? {
        parts = parts.with(&format!("program {name}"), digest);
    }
    digests.keep()?;
    // Without root the page cache is not dropped, and no bundle is started.
    let user = if LocalMachine.is_root() { "root" } else { "another than root" };
    Ok(parts.with("user", user))
}

fn questions(project: &Project, choice: &RunRequest, parts: Parts) -> Result<Parts> {
    let digest = |paths: &[&str]| -> Result<String> {
        Ok(Inputs::default().paths(&project.root, paths)?.digest())
    };
    let mut parts = parts
        .with(ASKED, choice.arguments().join(" "))
        .with("definitions", digest(&["experiments/definitions", "experiments/calibration"])?)
        .with("subjects.toml", digest(&["experiments/subjects.toml"])?)
        .with("workloads.toml", digest(&["experiments/workloads.toml"])?)
        .with("corpus", digest(&["experiments/corpus"])?)
        // Subjects name its files by `{file:PATH}`.
        .with("scripts", digest(&["service/javascript"])?);
    if choice.budget_ms.is_some() {
        // Time goes where they are still open.
        parts = parts.with("claims", digest(&["analysis/claims.toml"])?);
    }
    Ok(parts)
}

/// The artifacts by their digests. How the needs of their build were met stands beside them, and
/// decides nothing.
fn built(artifacts: &Path, choice: &RunRequest) -> Result<String> {
    let mut inputs = Inputs::default();
    for folder in build::folders(artifacts, &choice.arch) {
        if !folder.join("artifacts.json").is_file() {
            continue;
        }
        let record = record::read(&folder)?;
        inputs = inputs.word(&record.architecture).word(&record.toolchain).word(&record.libc);
        for (name, artifact) in &record.artifacts {
            inputs = inputs.word(name).word(&artifact.sha256);
        }
    }
    Ok(inputs.digest())
}

/// The programs that the subjects asked for are run by and that we do not build, each with the
/// digest of what was found: with one more of them a run is another one.
fn of_subjects(
    project: &Project,
    choice: &RunRequest,
    folder: &Path,
    digests: &mut Digests,
) -> Result<Vec<(String, String)>> {
    let file = subjects::read(project)?;
    let mut wanted: BTreeSet<(ProgramName, Option<String>)> = BTreeSet::new();
    for subject in requested(project, choice, &file) {
        wanted.extend(subject.programs());
    }
    let mut found = Vec::new();
    for (name, version) in wanted {
        let Some(program) = file.programs.get(&name) else { continue };
        let pinned = version.as_deref().unwrap_or(&program.version);
        let digest = match programs::installed_in(folder, &name, pinned) {
            Some(installed) => Some(of_installed(&installed, digests)?),
            // As the runner looks it up: one on PATH serves in place of the pinned version, and of
            // no other.
            None if version.is_none() => {
                let path = engine_program(&LocalMachine, name.as_str());
                path.map(|path| digests.get(&path)).transpose()?
            }
            None => None,
        };
        found.extend(digest.map(|digest| (format!("{name} {pinned}"), digest)));
    }
    Ok(found)
}

fn of_installed(installed: &Installed, digests: &mut Digests) -> Result<String> {
    let files = std::iter::once(&installed.program).chain(&installed.libraries);
    let mut inputs = Inputs::default().word(&installed.command.join(" "));
    for file in files {
        // What has gone since is missed by the run, which says so.
        let digest = digests.get(Path::new(file)).unwrap_or_default();
        inputs = inputs.word(&digest);
    }
    let detail = installed.detail.iter().flat_map(|(name, value)| [name, value]);
    Ok(detail.fold(inputs, |inputs, word| inputs.word(word)).digest())
}

/// The subjects that the choice can visit.
fn requested<'a>(
    project: &Project,
    choice: &RunRequest,
    file: &'a SubjectsFile,
) -> Vec<&'a Subject> {
    let named = if choice.experiments.is_empty() {
        None
    } else {
        // A name that does not exist was refused before, with the nearest one.
        Questions::read(project).ok().map(|questions| questions.subjects_named(&choice.experiments))
    };
    let is_asked = |name: &str| {
        let of_definition = named.as_ref().is_none_or(|named| named.contains(name));
        let of_choice = choice.subject.is_empty() || choice.subject.iter().any(|one| one == name);
        of_definition && of_choice
    };
    file.subjects.iter().filter(|(name, _)| is_asked(name.as_str())).map(|(_, s)| s).collect()
}

#[cfg(test)]
mod tests;

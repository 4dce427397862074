//! The plan's trials with all that a visit needs to know of them, looked up before the first visit.

use anyhow::{Context, Result, ensure};
use std::collections::BTreeMap;
use weighbridge_schema::definition::{Definition, Profile, ProfileSettings};
use weighbridge_schema::manifest::{Availability, Manifest};
use weighbridge_schema::name::ExperimentName;
use weighbridge_schema::plan::{Cell, Trial};

/// A trial of the plan.
#[derive(Debug, Clone, Copy)]
pub struct Planned<'a> {
    /// Index in the plan, from 0.
    pub position: u64,
    /// The trial.
    pub trial: &'a Trial,
    /// Its experiment.
    pub definition: &'a Definition,
    /// What the run's profile sets there.
    pub settings: &'a ProfileSettings,
    /// Version of its subject, as the program or the engine itself said it; `None` of one that is weighed and not run.
    pub subject_version: Option<&'a str>,
}

impl Planned<'_> {
    /// Whether the others of its mini-block are compared with it.
    pub fn is_baseline(&self) -> bool {
        self.definition.baseline == self.trial.cell.subject
    }
}

/// All trials of the plan, in its order.
///
/// # Errors
/// The plan asks for an experiment that there is no more, or runs a subject of unknown version.
pub fn resolve<'a>(
    manifest: &'a Manifest,
    definitions: &'a BTreeMap<ExperimentName, Definition>,
    profile: Profile,
) -> Result<Vec<Planned<'a>>> {
    let resolve = |(position, trial): (u64, &'a Trial)| {
        let definition = definitions.get(&trial.experiment).with_context(|| {
            format!(
                "the plan asks for experiment `{}`, which experiments/ no longer holds",
                trial.experiment
            )
        })?;
        let subject_version = version_of(manifest, &trial.cell);
        ensure!(
            subject_version.is_some() || !definition.method.facts().executes,
            "the plan runs subject `{}`, whose version the manifest of run {} does not hold: begin a new run",
            trial.cell.subject,
            manifest.run
        );
        let settings = definition.settings(profile);
        Ok(Planned { position, trial, definition, settings, subject_version })
    };
    (0..).zip(&manifest.plan).map(resolve).collect()
}

/// What the subject said here, or else under emulation; `None` for one that is not installed.
fn version_of<'a>(manifest: &'a Manifest, cell: &Cell) -> Option<&'a str> {
    let entry = manifest.subjects.get(&cell.subject)?;
    let emulated = entry.foreign.get(&cell.architecture);
    [Some(&entry.availability), emulated].into_iter().flatten().find_map(|found| match found {
        Availability::Installed { version } => Some(version.as_str()),
        Availability::NotInstalled { .. } => None,
    })
}

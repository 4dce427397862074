//! The images that the plan's subjects start from: ours, archives that somebody else wrote, and images that an engine
//! has or can pull.

use crate::engine::Engine;
use crate::engine::engines::Engines;
use crate::image::{Image, REPOSITORY, identify};
use crate::inventory::artifacts::Artifacts;
use crate::plan::planned::Planned;
use anyhow::{Context, Result, bail, ensure};
use std::collections::{BTreeMap, BTreeSet};
use weighbridge_schema::manifest::{Availability, Manifest, SubjectEntry};
use weighbridge_schema::name::SubjectName;
use weighbridge_schema::start::Start;
use weighbridge_schema::subject::{ContainerEngine, Subject};
use weighbridge_schema::template::Word;

/// What a subject starts from in which engine; `None` where it is no container.
fn image_of(subject: &Subject) -> Option<(ContainerEngine, &Word)> {
    subject.start.container()
}

/// Where the manifest keeps the id of an image that was named by a reference.
fn id_key(kind: ContainerEngine, reference: &str) -> String {
    format!("{kind} {reference}")
}

/// Pulls every image that is named by its digest and that its engine has not got. A tag is never pulled: what it stands
/// for changes, and nobody would know which image was measured.
///
/// # Errors
/// The registry or the engine refused.
pub fn pull<'a>(subjects: impl Iterator<Item = &'a Subject>, engines: &Engines) -> Result<()> {
    for (kind, image) in subjects.filter_map(image_of) {
        if let Some(reference) = image.reference().filter(|name| name.contains("@sha256:"))
            && let Ok(engine) = engines.get(kind)
            && engine.image_id(reference).is_err()
        {
            engine.pull(reference)?;
        }
    }
    Ok(())
}

/// What the engines call the images of `subjects` that are named by a reference.
///
/// # Errors
/// An image that was there a moment ago is gone.
pub fn ids(
    subjects: &BTreeMap<SubjectName, SubjectEntry>,
    engines: &Engines,
) -> Result<BTreeMap<String, String>> {
    let mut ids = BTreeMap::new();
    for entry in subjects.values() {
        if let Availability::Installed { .. } = entry.availability
            && let Some((kind, image)) = image_of(&entry.definition)
            && let Some(reference) = image.reference()
            && !engines.is_planned(kind)
        {
            let engine = engines.get(kind)?;
            ids.insert(id_key(kind, reference), engine.image_id(reference)?);
        }
    }
    Ok(ids)
}

/// Images ready to be run.
#[derive(Debug, Default)]
pub struct PlannedImages {
    /// By what stands in the subject's `image`.
    pub by_name: BTreeMap<Word, Image>,
    /// What is removed at the end: ours, and what was not there before.
    to_remove: Vec<(ContainerEngine, String)>,
}

impl PlannedImages {
    /// Loads the archives of the plan's subjects, and finds the images that are named by a reference.
    ///
    /// # Errors
    /// A file is no image archive, an engine refuses it, or it holds another image of the same name: that one is
    /// somebody's, and would lose its name.
    pub fn load(
        manifest: &Manifest,
        plan: &[Planned<'_>],
        artifacts: &Artifacts,
        engines: &Engines,
    ) -> Result<Self> {
        let mut images = Self::default();
        for (kind, word) in planned(manifest, plan) {
            let engine = engines.get(kind)?;
            let image = match word.reference() {
                Some(reference) => known(kind, reference, manifest, engine)?,
                None => {
                    let (image, is_to_be_removed) = from_archive(&word, artifacts, engine)?;
                    if is_to_be_removed {
                        images.to_remove.push((kind, image.reference.clone()));
                    }
                    image
                }
            };
            images.by_name.insert(word, image);
        }
        Ok(images)
    }

    /// Leaves the engines as they were, and says of what it could not: that is no reason to call a run unfinished.
    pub fn remove(&self, engines: &Engines) -> Vec<String> {
        let remove = |(kind, reference): &(ContainerEngine, String)| {
            engines.get(*kind)?.remove_image(reference)
        };
        let failed = self.to_remove.iter().filter_map(|one| remove(one).err());
        failed.map(|error| format!("an image could not be removed: {error:#}")).collect()
    }
}

/// What the plan's subjects start from in which engine: their own images, and what a method has in their place or
/// beside them.
fn planned(manifest: &Manifest, plan: &[Planned<'_>]) -> BTreeSet<(ContainerEngine, Word)> {
    let mut images = BTreeSet::new();
    for planned in plan {
        let (name, method) = (&planned.trial.cell.subject, &planned.definition.method);
        let Some(entry) = manifest.subjects.get(name) else { continue };
        if !matches!(entry.availability, Availability::Installed { .. }) {
            continue;
        }
        let own = &entry.definition.start;
        let (start, aggressor) = (method.start(name, own), method.aggressor(own));
        let starts = [Some(&*start), aggressor.as_ref()];
        let found = starts.into_iter().flatten().filter_map(Start::container);
        images.extend(found.map(|(engine, image)| (engine, image.clone())));
    }
    images
}

/// An image that is named by a reference, if it is still the one that the run began with.
fn known(
    kind: ContainerEngine,
    reference: &str,
    manifest: &Manifest,
    engine: &Engine,
) -> Result<Image> {
    let id = engine.image_id(reference)?;
    ensure!(
        manifest.image_ids.get(&id_key(kind, reference)) == Some(&id),
        "`{reference}` stands for another image than when run {} began: begin a new run",
        manifest.run
    );
    Ok(Image { id, reference: reference.to_owned() })
}

/// The image of an archive, and whether it is to be removed at the end.
fn from_archive(word: &Word, artifacts: &Artifacts, engine: &Engine) -> Result<(Image, bool)> {
    let path = artifacts.named(word)?;
    let image = identify(&path).with_context(|| format!("image {word}"))?;
    // One that our own verb wrote is nobody else's, even when a run that was killed has left it.
    let is_ours = image.reference.starts_with(REPOSITORY);
    match engine.image_id(&image.reference) {
        Ok(id) if is_ours || bare(&id) == bare(&image.id) => Ok((image, is_ours)),
        Ok(id) => bail!(
            "the engine holds another image of the name `{}`, {id}, than {} does: give one of them another name",
            image.reference,
            path.display()
        ),
        Err(_) => {
            engine.load(&path, &image)?;
            Ok((image, true))
        }
    }
}

/// An id without its algorithm, which one engine writes and another does not.
fn bare(id: &str) -> &str {
    id.trim_start_matches("sha256:")
}

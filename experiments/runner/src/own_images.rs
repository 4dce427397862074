//! Images that definitions bring along: archives that somebody else wrote, and images that the engine has or can pull.

use crate::artifacts::Artifacts;
use crate::engine::Engine;
use crate::image::{Image, REPOSITORY, identify};
use anyhow::{Context, Result, bail, ensure};
use std::collections::BTreeMap;
use weighbridge_schema::manifest::{Availability, SubjectEntry};
use weighbridge_schema::name::SubjectName;
use weighbridge_schema::own::reference;
use weighbridge_schema::subject::{Start, Subject};

/// What stands in `image` of a subject that brings its image along; `None` where it is an artifact of ours.
fn own_image(subject: &Subject) -> Option<&str> {
    match &subject.start {
        Start::Container { image, .. } if image.starts_with('{') => Some(image),
        _ => None,
    }
}

/// Pulls every image that is named by its digest and that the engine has not got. A tag is never pulled: what it stands
/// for changes, and nobody would know which image was measured.
///
/// # Errors
/// The registry or the engine refused.
pub fn pull<'a>(subjects: impl Iterator<Item = &'a Subject>, engine: &Engine) -> Result<()> {
    for reference in subjects.filter_map(own_image).filter_map(reference) {
        if reference.contains("@sha256:") && engine.image_id(reference).is_err() {
            engine.pull(reference)?;
        }
    }
    Ok(())
}

/// What the engine calls the images of `subjects` that are named by a reference, by reference.
///
/// # Errors
/// An image that was there a moment ago is gone.
pub fn ids(
    subjects: &BTreeMap<SubjectName, SubjectEntry>,
    engine: Option<&Engine>,
) -> Result<BTreeMap<String, String>> {
    let Some(engine) = engine else { return Ok(BTreeMap::new()) };
    let installed = subjects
        .values()
        .filter(|entry| matches!(entry.availability, Availability::Installed { .. }));
    let references = installed.filter_map(|entry| reference(own_image(&entry.definition)?));
    references.map(|name| Ok((name.to_owned(), engine.image_id(name)?))).collect()
}

/// Images ready to be run.
#[derive(Debug, Default)]
pub struct OwnImages {
    /// By what stands in the subject's `image`.
    pub by_name: BTreeMap<String, Image>,
    /// Those that were not there before, by reference: they are removed at the end.
    pub loaded: Vec<String>,
}

/// Loads the archives of `subjects`, and finds the images that are named by a reference.
///
/// # Errors
/// A file is no image archive, the engine refuses it, or it holds another image of the same name: that one is somebody's,
/// and would lose its name.
pub fn load(
    subjects: &BTreeMap<SubjectName, SubjectEntry>,
    began_with: &BTreeMap<String, String>,
    artifacts: &Artifacts,
    engine: &Engine,
) -> Result<OwnImages> {
    let mut images = OwnImages::default();
    let installed = subjects
        .iter()
        .filter(|(_, entry)| matches!(entry.availability, Availability::Installed { .. }));
    for (name, entry) in installed {
        let Some(word) = own_image(&entry.definition) else { continue };
        if images.by_name.contains_key(word) {
            continue;
        }
        let image = match reference(word) {
            Some(reference) => known(reference, began_with, engine),
            None => loaded(word, artifacts, engine, &mut images.loaded),
        };
        let image = image.with_context(|| format!("the image of subject {name}"))?;
        images.by_name.insert(word.to_owned(), image);
    }
    Ok(images)
}

fn known(
    reference: &str,
    began_with: &BTreeMap<String, String>,
    engine: &Engine,
) -> Result<Image> {
    let id = engine.image_id(reference)?;
    ensure!(
        began_with.get(reference) == Some(&id),
        "`{reference}` stands for another image than when the run began: begin a new run"
    );
    // By its id: a name may come to mean another image while the run lasts.
    Ok(Image { reference: id.clone(), id })
}

fn loaded(
    word: &str,
    artifacts: &Artifacts,
    engine: &Engine,
    loaded: &mut Vec<String>,
) -> Result<Image> {
    let path = artifacts.named(word).map_err(anyhow::Error::msg)?;
    let image = identify(&path)?;
    // One that our own verb wrote is nobody else's, even when a run that was killed has left it.
    let is_ours = image.reference.starts_with(REPOSITORY);
    match engine.image_id(&image.reference) {
        Ok(id) if is_ours || id == image.id => {}
        Ok(id) => bail!(
            "the engine holds another image of the name `{}`, {id}, than {} does: give one of them another name",
            image.reference,
            path.display()
        ),
        Err(_) => {
            engine.load(&path, &image)?;
            loaded.push(image.reference.clone());
        }
    }
    if is_ours && !loaded.contains(&image.reference) {
        loaded.push(image.reference.clone());
    }
    Ok(image)
}

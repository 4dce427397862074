//! The lab that measures: this machine with its engines, the images and programs of the run, and its signals.

use crate::affinity::pin_current_thread;
use crate::announce::Announcer;
use crate::built::Built;
use crate::catalog::Catalog;
use crate::clock::{monotonic_ns, unix_ns};
use crate::engines::Engines;
use crate::failure::Failure;
use crate::http::PreparedRequest;
use crate::lab::{Lab, Moment};
use crate::measure::{self, Bench, Measured, Visit};
use crate::planned_images::PlannedImages;
use crate::replaced::Programs;
use crate::{interrupt, leftovers, noise};
use anyhow::Result;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use weighbridge_schema::manifest::Manifest;
use weighbridge_schema::name::{SubjectName, WorkloadName};
use weighbridge_schema::progress::Event;
use weighbridge_schema::subject::Start;

/// With less than that left a disk is full.
const SPACE_MIN_BYTES: u64 = 1 << 20;

/// What a lab is made of.
#[derive(Clone, Copy)]
pub struct Parts<'a> {
    /// What is asked.
    pub catalog: &'a Catalog,
    /// What was built.
    pub built: &'a Built,
    /// The container engines, those that answer and those that do not.
    pub engines: &'a Engines,
    /// What is to be done.
    pub manifest: &'a Manifest,
}

/// This machine, ready to visit the trials of one run.
pub struct RealLab<'a> {
    parts: Parts<'a>,
    images: PlannedImages,
    requests: BTreeMap<WorkloadName, PreparedRequest>,
    stderr_folder: PathBuf,
    /// The files that are measured, as they were when the lab was opened.
    programs: RefCell<Programs>,
}

impl<'a> RealLab<'a> {
    /// Clears away what an earlier run has left behind, and loads the images and requests of the plan. From now on this
    /// thread runs on the client's cores.
    ///
    /// # Errors
    /// A program or body cannot be read, what was left behind cannot be removed, or an engine refuses an image.
    pub fn open(
        parts: Parts<'a>,
        stderr_folder: PathBuf,
        announcer: &mut Announcer,
    ) -> Result<Self> {
        let Parts { catalog, built, engines, manifest } = parts;
        let programs = RefCell::new(Programs::of(built, manifest)?);
        // This thread polls for the first answer: on the subject's core it would take the very time that it
        // measures (median native cold start 2.3 ms so, 0.67 ms with the cores apart; n = 20 each).
        if let Some(cores) = &manifest.pinning.client_cores {
            pin_current_thread(cores);
        }
        if let Some(note) = leftovers::remove()? {
            announcer.say(&Event::Note(note));
        }
        for engine in engines.all() {
            engine.remove_leftovers()?;
        }
        let images = PlannedImages::load(manifest, &built.own, engines)?;
        let requests = prepare_requests(catalog, manifest)?;
        Ok(Self { parts, images, requests, stderr_folder, programs })
    }

    /// Leaves the engines as they were, and says of what it could not.
    pub fn close(self, announcer: &mut Announcer) {
        let notes = self.images.remove(self.parts.engines);
        notes.into_iter().for_each(|note| announcer.say(&Event::Note(note)));
    }
}

fn prepare_requests(
    catalog: &Catalog,
    manifest: &Manifest,
) -> Result<BTreeMap<WorkloadName, PreparedRequest>> {
    let mut requests = BTreeMap::new();
    for entry in manifest.experiments.values() {
        for name in entry.workloads.iter().flat_map(|name| catalog.parts(name)) {
            if !requests.contains_key(name) {
                requests.insert(name.clone(), catalog.prepare(name)?);
            }
        }
    }
    Ok(requests)
}

impl Lab for RealLab<'_> {
    fn moment(&self) -> Moment {
        // The fields are read in this order: reading the counters takes some of the visit's time on either side.
        Moment { unix_ns: unix_ns(), monotonic_ns: monotonic_ns(), counters: noise::read() }
    }

    fn visit(&self, visit: &Visit<'_>) -> Result<Measured, Failure> {
        let Parts { catalog, built, engines, manifest } = self.parts;
        let bench = Bench {
            catalog,
            built,
            emulators: &manifest.emulators,
            engines,
            images: &self.images.by_name,
            pinning: &manifest.pinning,
            requests: &self.requests,
            run: &manifest.run,
            seed: manifest.seed,
            stderr_folder: self.stderr_folder.clone(),
        };
        measure::visit(&bench, visit)
    }

    fn is_interrupted(&self) -> bool {
        interrupt::requested()
    }

    fn check_programs(&self) -> Result<()> {
        self.programs.borrow_mut().check()
    }

    fn silence(&self, subject: &SubjectName) -> Option<String> {
        let Parts { catalog, engines, .. } = self.parts;
        match &catalog.subject(subject).ok()?.start {
            Start::Container { engine, .. } => engines.get(*engine).ok()?.silence(),
            Start::Containerd { .. } if engines.containerd.is_silent() => {
                Some("the private containerd does not answer any more".to_owned())
            }
            Start::Containerd { .. } | Start::Process { .. } | Start::Bundle { .. } => None,
        }
    }

    fn is_full(&self, folder: &Path) -> bool {
        let found = rustix::fs::statvfs(folder);
        found.is_ok_and(|found| found.f_bavail.saturating_mul(found.f_frsize) < SPACE_MIN_BYTES)
    }
}

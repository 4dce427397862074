//! The lab that measures: this machine with its engines, the images and programs of the run, and its signals.

use crate::engine::planned_images::PlannedImages;
use crate::failure::Failure;
use crate::inventory::replaced::Programs;
use crate::kernel::affinity::pin_current_thread;
use crate::kernel::clock::{monotonic_ns, unix_ns};
use crate::kernel::interrupt;
use crate::kernel::noise;
use crate::measure::{self, Bench, Inventory, Job, Measured, Visit, jobs};
use crate::plan::planned::Planned;
use crate::run::announce::Announcer;
use crate::run::lab::{Lab, Moment};
use crate::run::leftovers;
use crate::subject::way;
use anyhow::Result;
use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use weighbridge_schema::name::SubjectName;
use weighbridge_schema::progress::Event;

/// With less than that left a disk is full.
const SPACE_MIN_BYTES: u64 = 1 << 20;

/// This machine, ready to visit the trials of one run.
pub struct RealLab<'a> {
    inventory: Inventory<'a>,
    images: PlannedImages,
    /// One for each trial of the plan, in its order.
    jobs: Vec<Rc<Job<'a>>>,
    stderr_folder: PathBuf,
    /// The files that are measured, as they were when the lab was opened.
    programs: RefCell<Programs>,
}

impl<'a> RealLab<'a> {
    /// Looks up what each trial of the plan needs, clears away what an earlier run has left behind, and loads the
    /// images. From now on this thread runs on the client's cores.
    ///
    /// # Errors
    /// A trial asks for what is not there, a program or body cannot be read, what was left behind cannot be removed, or
    /// an engine refuses an image.
    pub fn open(
        inventory: Inventory<'a>,
        plan: &[Planned<'a>],
        stderr_folder: PathBuf,
        announcer: &mut Announcer,
    ) -> Result<Self> {
        let Inventory { built, engines, manifest, .. } = inventory;
        let jobs = jobs(inventory, plan)?;
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
        let images = PlannedImages::load(manifest, plan, &built.local, engines)?;
        Ok(Self { inventory, images, jobs, stderr_folder, programs })
    }

    /// Leaves the engines as they were, and says of what it could not.
    pub fn close(self, announcer: &mut Announcer) {
        let notes = self.images.remove(self.inventory.engines);
        notes.into_iter().for_each(|note| announcer.say(&Event::Note(note)));
    }
}

impl Lab for RealLab<'_> {
    fn moment(&self) -> Moment {
        // The fields are read in this order: reading the counters takes some of the visit's time on either side.
        Moment { unix_ns: unix_ns(), monotonic_ns: monotonic_ns(), counters: noise::read() }
    }

    fn visit(&self, visit: &Visit<'_>) -> Result<Measured, Failure> {
        let Inventory { engines, manifest, .. } = self.inventory;
        let bench = Bench {
            job: &self.jobs[visit.position as usize],
            engines,
            images: &self.images.by_name,
            pinning: &manifest.pinning,
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
        let Inventory { catalog, engines, .. } = self.inventory;
        way(&catalog.subject(subject).ok()?.start).silence(engines)
    }

    fn is_full(&self, folder: &Path) -> bool {
        let found = rustix::fs::statvfs(folder);
        found.is_ok_and(|found| found.f_bavail.saturating_mul(found.f_frsize) < SPACE_MIN_BYTES)
    }
}

//! One run from the first look at the subjects to the finished folder.

use crate::affinity::pin_current_thread;
use crate::announce::Announcer;
use crate::catalog::{Artifacts, Catalog};
use crate::clock::{monotonic_ns, unix_ns};
use crate::engine::Engine;
use crate::http::PreparedRequest;
use crate::image::Image;
use crate::measure::{Bench, Failure, Measured, Visit, visit};
use crate::store::Store;
use crate::{estimate, interrupt, noise};
use anyhow::Result;
use std::collections::BTreeMap;
use weighbridge_schema::SCHEMA_VERSION;
use weighbridge_schema::definition::{Definition, Profile};
use weighbridge_schema::manifest::{Availability, Manifest};
use weighbridge_schema::name::WorkloadName;
use weighbridge_schema::plan::Trial;
use weighbridge_schema::progress::Event;
use weighbridge_schema::record::{Observation, Outcome};

/// What a session works with.
pub struct Session<'a> {
    /// What is asked.
    pub catalog: &'a Catalog,
    /// What was built.
    pub artifacts: &'a Artifacts,
    /// The container engine, where one answers.
    pub engine: Option<&'a Engine>,
    /// How much is measured.
    pub profile: Profile,
    /// What is to be done.
    pub manifest: &'a Manifest,
}

/// How a session ended.
#[derive(Debug, PartialEq, Eq)]
pub enum End {
    /// Every trial of the plan is in the log.
    Complete,
    /// A signal came; the run can be resumed.
    Interrupted,
}

impl Session<'_> {
    /// Visits every trial that is not there yet, in the order of the plan.
    ///
    /// # Errors
    /// The log cannot be written, or the machine lacks what no trial can do without. Failures of subjects
    /// are observations, not errors.
    pub fn run(&self, store: &mut Store, announcer: &mut Announcer) -> Result<End> {
        // This thread polls for the first answer: on the subject's core it would take the very time that it
        // measures (median native cold start 2.3 ms so, 0.67 ms with the cores apart; n = 20 each).
        if let Some(cores) = &self.manifest.pinning.client_cores {
            pin_current_thread(cores);
        }
        let images = self.load_images()?;
        let requests = self.prepare_requests()?;
        let bench = Bench {
            catalog: self.catalog,
            artifacts: self.artifacts,
            engine: self.engine,
            images: &images,
            pinning: &self.manifest.pinning,
            requests: &requests,
            run: &self.manifest.run,
            stderr_folder: store.stderr_folder(),
        };
        self.announce_begin(store, announcer);
        let end = self.visit_all(&bench, store, announcer)?;
        if let Some(engine) = self.engine {
            for image in images.values() {
                engine.remove_image(&image.reference)?;
            }
        }
        Ok(end)
    }

    fn visit_all(
        &self,
        bench: &Bench<'_>,
        store: &mut Store,
        announcer: &mut Announcer,
    ) -> Result<End> {
        for (position, trial) in (0u64..).zip(&self.manifest.plan) {
            if store.done.contains(trial) {
                continue;
            }
            if interrupt::requested() {
                return Ok(End::Interrupted);
            }
            let Some(definition) = self.definition(trial) else {
                anyhow::bail!(
                    "the plan asks for experiment `{}`, which experiments/definitions/ no longer holds",
                    trial.experiment
                );
            };
            let settings = definition.settings(self.profile);
            let observation =
                self.observe(bench, &Visit { trial, position, definition, settings }, store)?;
            // A trial that a signal cut short was not measured; it is visited again by the resumed run.
            if interrupt::requested() && observation.outcome != Outcome::Ok {
                return Ok(End::Interrupted);
            }
            store.append(&observation)?;
            announcer.say(&Event::Step {
                label: format!("{} {}", trial.experiment, trial.cell),
                failed: match observation.outcome {
                    Outcome::Ok => None,
                    Outcome::Failed { stage, reason } => Some(format!("{stage}: {reason}")),
                },
            });
        }
        Ok(End::Complete)
    }

    fn definition(&self, trial: &Trial) -> Option<&Definition> {
        self.catalog.definitions.get(&trial.experiment)
    }

    fn observe(&self, bench: &Bench<'_>, to: &Visit<'_>, store: &Store) -> Result<Observation> {
        let started_at_unix_ns = unix_ns();
        let (from_ns, noise_from) = (monotonic_ns(), noise::read());
        let (measured, outcome) = match visit(bench, to) {
            Ok(measured) => (measured, Outcome::Ok),
            Err(Failure { stage, reason }) => {
                (Measured::default(), Outcome::Failed { stage: stage.to_owned(), reason })
            }
        };
        let (duration_ns, noise_to) = (monotonic_ns() - from_ns, noise::read());
        let histogram = match &measured.latencies {
            Some(latencies) => Some(store.histogram(to.position, to.trial, latencies)?),
            None => None,
        };
        Ok(Observation {
            schema_version: SCHEMA_VERSION,
            run: self.manifest.run.clone(),
            position: to.position,
            trial: to.trial.clone(),
            subject_version: self.version(to.trial),
            emulated: false,
            started_at_unix_ns,
            duration_ns,
            stages_ns: measured.stages_ns,
            metrics: measured.metrics,
            histogram,
            series: None,
            repeat: 0,
            disturbed: Vec::new(),
            noise: noise_from.until(&noise_to),
            outcome,
            remarks: measured.remarks,
        })
    }

    /// Only installed subjects are planned, so there is a version for each of them.
    fn version(&self, trial: &Trial) -> String {
        match self.manifest.subjects.get(&trial.cell.subject).map(|entry| &entry.availability) {
            Some(Availability::Installed { version }) => version.clone(),
            _ => String::new(),
        }
    }

    fn load_images(&self) -> Result<BTreeMap<String, Image>> {
        let mut images = BTreeMap::new();
        let Some(engine) = self.engine else { return Ok(images) };
        engine.remove_leftovers()?;
        for (name, artifact) in &self.artifacts.record.artifacts {
            if artifact.file.ends_with(".tar") {
                let path = self.artifacts.path(name).map_err(anyhow::Error::msg)?;
                let image = crate::image::identify(&path)?;
                engine.load(&path, &image)?;
                images.insert(name.clone(), image);
            }
        }
        Ok(images)
    }

    fn prepare_requests(&self) -> Result<BTreeMap<WorkloadName, PreparedRequest>> {
        let mut requests = BTreeMap::new();
        for entry in self.manifest.experiments.values() {
            for name in &entry.workloads {
                if !requests.contains_key(name) {
                    requests.insert(name.clone(), self.catalog.prepare(name)?);
                }
            }
        }
        Ok(requests)
    }

    fn announce_begin(&self, store: &Store, announcer: &mut Announcer) {
        let rest: Vec<Trial> = self
            .manifest
            .plan
            .iter()
            .filter(|trial| !store.done.contains(trial))
            .cloned()
            .collect();
        let (estimate_ms, _) = estimate::estimate(
            &rest,
            &self.catalog.definitions,
            &self.catalog.subjects,
            self.profile,
        );
        announcer.say(&Event::Begin {
            title: format!("measuring {}", self.manifest.run),
            steps_count: self.manifest.plan.len() as u64,
            done_count: store.done.len() as u64,
            estimate_ms: Some(estimate_ms),
        });
    }
}

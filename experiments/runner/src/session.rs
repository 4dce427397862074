//! One run from the first look at the subjects to the finished folder.

use crate::affinity::pin_current_thread;
use crate::announce::Announcer;
use crate::built::Built;
use crate::catalog::Catalog;
use crate::clock::{monotonic_ns, unix_ns};
use crate::engines::Engines;
use crate::failure::{Cause, Failure};
use crate::http::PreparedRequest;
use crate::measure::{Bench, Measured, Visit, visit};
use crate::planned_images::PlannedImages;
use crate::replaced::Programs;
use crate::stopping::Stopping;
use crate::store::Store;
use crate::{estimate, interrupt, leftovers, noise, repeats};
use anyhow::Result;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;
use weighbridge_schema::SCHEMA_VERSION;
use weighbridge_schema::claim::Claim;
use weighbridge_schema::definition::{Definition, Profile};
use weighbridge_schema::manifest::{Availability, Manifest};
use weighbridge_schema::name::{ExperimentName, WorkloadName};
use weighbridge_schema::plan::Trial;
use weighbridge_schema::progress::Event;
use weighbridge_schema::record::{Observation, Outcome};
use weighbridge_schema::subject::Start;

/// What a session works with.
pub struct Session<'a> {
    /// What is asked.
    pub catalog: &'a Catalog,
    /// What was built.
    pub built: &'a Built,
    /// The container engines, those that answer and those that do not.
    pub engines: &'a Engines,
    /// How much is measured.
    pub profile: Profile,
    /// What is to be done.
    pub manifest: &'a Manifest,
    /// The paper's assertions: with a budget, time goes where they are still open.
    pub claims: &'a [Claim],
    /// Time after which nothing but the least number of invocations is measured.
    pub budget: Option<Duration>,
    /// The files that are measured, as they were when the session began.
    pub programs: RefCell<Programs>,
}

/// How often a disturbed trial is visited again.
const REPEATS_MAX: u32 = 2;
/// Share of the measuring time that repetitions may add.
const REPEAT_SHARE_MAX: f64 = 0.25;

/// How a session ended.
#[derive(Debug, PartialEq, Eq)]
pub enum End {
    /// Every trial of the plan is in the log.
    Complete,
    /// A signal came; the run can be resumed.
    Interrupted,
    /// The machine does not let it go on, for this reason; once that is mended, the run can be resumed.
    Stopped(String),
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
        if let Some(note) = leftovers::remove()? {
            announcer.say(&Event::Note(note));
        }
        for engine in self.engines.all() {
            engine.remove_leftovers()?;
        }
        let images = PlannedImages::load(self.manifest, &self.built.own, self.engines)?;
        let requests = self.prepare_requests()?;
        let bench = Bench {
            catalog: self.catalog,
            built: self.built,
            emulators: &self.manifest.emulators,
            engines: self.engines,
            images: &images.by_name,
            pinning: &self.manifest.pinning,
            requests: &requests,
            run: &self.manifest.run,
            seed: self.manifest.seed,
            stderr_folder: store.stderr_folder(),
        };
        self.announce_begin(store, announcer);
        let end = self.visit_all(&bench, store, announcer)?;
        // Of an engine that is gone, what stopped the run tells already.
        if !matches!(end, End::Stopped(_)) {
            images
                .remove(self.engines)
                .into_iter()
                .for_each(|note| announcer.say(&Event::Note(note)));
        }
        Ok(end)
    }

    /// Block by block; within a block only the cells that are not precise yet. With a budget, what was left
    /// out is taken up again as long as there is time.
    fn visit_all(
        &self,
        bench: &Bench<'_>,
        store: &mut Store,
        announcer: &mut Announcer,
    ) -> Result<End> {
        let mut stopping = Stopping::new(
            &self.manifest.plan,
            &self.catalog.definitions,
            self.profile,
            self.claims,
            self.manifest.fixed,
        );
        store.seen.iter().for_each(|observation| stopping.note(observation));
        let mut is_first_pass = true;
        loop {
            let before = store.done.len();
            for block in self.manifest.plan.chunk_by(|a, b| a.invocation == b.invocation) {
                stopping.begin_block(block[0].invocation, is_first_pass);
                if self.budget.is_some() {
                    stopping.focus();
                }
                let seen_count = store.seen.len();
                let mut end = self.visit_block(bench, block, &mut stopping, store, announcer)?;
                // Of a block that an earlier part of the run has visited, a repetition would come too late.
                if end == End::Complete && store.seen.len() > seen_count {
                    end = self.repeat_disturbed(bench, block, store, announcer)?;
                }
                if end != End::Complete {
                    return Ok(end);
                }
            }
            is_first_pass = false;
            // Without a budget one pass tells all; with one, until nothing is left or the time is up.
            if self.budget.is_none() || self.is_spent(store) || store.done.len() == before {
                break;
            }
        }
        stopping.begin_block(u32::MAX, false);
        store.write_stops(&stopping.stops(self.is_spent(store)))?;
        Ok(End::Complete)
    }

    fn visit_block(
        &self,
        bench: &Bench<'_>,
        block: &[Trial],
        stopping: &mut Stopping<'_>,
        store: &mut Store,
        announcer: &mut Announcer,
    ) -> Result<End> {
        for trial in block.iter().filter(|trial| !store.done.contains(trial)).collect::<Vec<_>>() {
            let label = format!("{} {}", trial.experiment, trial.cell);
            if !stopping.wants(trial) || (stopping.is_optional(trial) && self.is_spent(store)) {
                announcer.say(&Event::Step { label: format!("{label}: not needed"), failed: None });
                continue;
            }
            let end = self.visit_one(bench, trial, store.visits_count(trial), store, announcer)?;
            if end != End::Complete {
                return Ok(end);
            }
            if let Some(observation) = store.seen.last() {
                stopping.note(observation);
            }
        }
        Ok(End::Complete)
    }

    /// Whether the time given by `--budget` has been used; the time of an earlier, interrupted part counts.
    fn is_spent(&self, store: &Store) -> bool {
        self.budget.is_some_and(|budget| store.measured_ns() >= budget.as_nanos())
    }

    /// Right after its block, what was disturbed in it is visited again beside its baseline, twice at most; all visits stay in
    /// the log.
    fn repeat_disturbed(
        &self,
        bench: &Bench<'_>,
        block: &[Trial],
        store: &mut Store,
        announcer: &mut Announcer,
    ) -> Result<End> {
        let baseline = |name: &ExperimentName| Some(&self.catalog.definitions.get(name)?.baseline);
        let seed = self.manifest.seed.wrapping_add(u64::from(block[0].invocation));
        for _ in 0..REPEATS_MAX {
            let disturbed = store.disturbed(block);
            let again = repeats::with_baselines(disturbed, block, baseline, seed);
            announcer.say(&Event::More(again.iter().map(Vec::len).sum::<usize>() as u64));
            for mini_block in again {
                let limit_ns = (store.planned_ns() as f64 * REPEAT_SHARE_MAX) as u128;
                if store.measured_ns() - store.planned_ns() > limit_ns {
                    // The machine stays disturbed; what is not repeated counts as disturbed, and the analysis tells.
                    return Ok(End::Complete);
                }
                // One number for all of it, so that each is compared with what was made beside it.
                let visits = mini_block.iter().map(|trial| store.visits_count(trial));
                let repeat = visits.max().unwrap_or(1);
                for trial in &mini_block {
                    let end = self.visit_one(bench, trial, repeat, store, announcer)?;
                    if end != End::Complete {
                        return Ok(end);
                    }
                }
            }
        }
        Ok(End::Complete)
    }

    /// Visits one trial and logs what it showed, which is [`End::Complete`]. What a signal or the machine has spoilt is
    /// not logged: the resumed run visits that trial again.
    fn visit_one(
        &self,
        bench: &Bench<'_>,
        trial: &Trial,
        repeat: u32,
        store: &mut Store,
        announcer: &mut Announcer,
    ) -> Result<End> {
        if interrupt::requested() {
            return Ok(End::Interrupted);
        }
        let Some(definition) = self.definition(trial) else {
            anyhow::bail!(
                "the plan asks for experiment `{}`, which experiments/ no longer holds",
                trial.experiment
            );
        };
        // A trial always has its place: it comes from the plan.
        let position = self.manifest.plan.iter().position(|planned| planned == trial).unwrap_or(0);
        let visit = Visit {
            trial,
            position: position as u64,
            repeat,
            definition,
            settings: definition.settings(self.profile),
        };
        let (observation, cause) = self.observe(bench, &visit, store)?;
        // A trial that a signal cut short was not measured.
        if interrupt::requested() && observation.outcome != Outcome::Ok {
            return Ok(End::Interrupted);
        }
        if let Err(error) = self.programs.borrow_mut().check() {
            return Ok(End::Stopped(format!("{error:#}: put it back, or begin a new run")));
        }
        if let Some(why) = cause.and_then(|cause| self.machines_fault(bench, trial, &cause, store))
        {
            return Ok(End::Stopped(why));
        }
        let failed = match &observation.outcome {
            Outcome::Ok => None,
            Outcome::Failed { stage, reason } => Some(format!("{stage}: {reason}")),
        };
        store.append(observation)?;
        announcer
            .say(&Event::Step { label: format!("{} {}", trial.experiment, trial.cell), failed });
        Ok(End::Complete)
    }

    /// What of the machine is out of order, when a trial has failed for that `cause`: with it every further trial would
    /// fail.
    fn machines_fault(
        &self,
        bench: &Bench<'_>,
        trial: &Trial,
        cause: &Cause,
        store: &Store,
    ) -> Option<String> {
        if cause.is_full_disk() && store.has_no_space() {
            return Some(format!("the disk of {} is full: {cause}", store.folder().display()));
        }
        match &self.catalog.subject(&trial.cell.subject).ok()?.start {
            Start::Container { engine, .. } => self.engines.get(*engine).ok()?.silence(),
            Start::Containerd { .. } if bench.engines.containerd.is_silent() => {
                Some("the private containerd does not answer any more".to_owned())
            }
            Start::Containerd { .. } | Start::Process { .. } | Start::Bundle { .. } => None,
        }
    }

    fn definition(&self, trial: &Trial) -> Option<&Definition> {
        self.catalog.definitions.get(&trial.experiment)
    }

    /// Visits a trial; where that failed, with the cause.
    fn observe(
        &self,
        bench: &Bench<'_>,
        to: &Visit<'_>,
        store: &Store,
    ) -> Result<(Observation, Option<Cause>)> {
        let started_at_unix_ns = unix_ns();
        let (from_ns, noise_from) = (monotonic_ns(), noise::read());
        let (measured, outcome, cause) = match visit(bench, to) {
            Ok(measured) => (measured, Outcome::Ok, None),
            Err(Failure { phase, cause }) => {
                let (stage, reason) = (phase.to_string(), cause.to_string());
                (Measured::default(), Outcome::Failed { stage, reason }, Some(cause))
            }
        };
        let (duration_ns, noise_to) = (monotonic_ns() - from_ns, noise::read());
        let first_core = self.manifest.pinning.subject_cores.as_ref().and_then(|c| c.first());
        let mut noise = noise_from.until(&noise_to, first_core.copied());
        noise.subject_involuntary_switches_count = measured.subject_involuntary_switches_count;
        let disturbed = noise::disturbances(
            &noise,
            duration_ns,
            self.manifest.fingerprint.cores_count.unwrap_or(1),
            &to.definition.noise,
            store.usual(to.trial).unwrap_or(&noise::Usual::default()),
        );
        let histogram = match &measured.latencies {
            Some(latencies) => {
                Some(store.histogram(to, latencies, measured.heavy_latencies.as_ref())?)
            }
            None => None,
        };
        let series = match &measured.series_ns {
            Some(series_ns) => Some(store.series(to, series_ns)?),
            None => None,
        };
        let observation = Observation {
            schema_version: SCHEMA_VERSION,
            run: self.manifest.run.clone(),
            position: to.position,
            trial: to.trial.clone(),
            subject_version: self.version(to.trial),
            machine: self.manifest.machines.keys().next().cloned(),
            emulated: measured.emulated,
            started_at_unix_ns,
            duration_ns,
            stages_ns: measured.stages_ns,
            metrics: measured.metrics,
            histogram,
            series,
            repeat: to.repeat,
            disturbed,
            noise,
            outcome,
            remarks: measured.remarks,
        };
        Ok((observation, cause))
    }

    /// Only installed subjects are planned, so there is a version for each of them.
    fn version(&self, trial: &Trial) -> String {
        match self.manifest.subjects.get(&trial.cell.subject).map(|entry| &entry.availability) {
            Some(Availability::Installed { version }) => version.clone(),
            _ => String::new(),
        }
    }

    fn prepare_requests(&self) -> Result<BTreeMap<WorkloadName, PreparedRequest>> {
        let mut requests = BTreeMap::new();
        for entry in self.manifest.experiments.values() {
            for name in entry.workloads.iter().flat_map(|name| self.catalog.parts(name)) {
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

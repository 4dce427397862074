//! One run through its plan: which trial is visited next, what of it is logged, and when the run ends. What it needs
//! from the world is a [`Lab`].

use crate::failure::{Cause, Failure};
use crate::kernel::noise;
use crate::measure::{Measured, Visit};
use crate::plan::estimate;
use crate::plan::planned::Planned;
use crate::run::announce::Announcer;
use crate::run::lab::Lab;
use crate::run::repeats;
use crate::run::stopping::Stopping;
use crate::run::store::Store;
use crate::run::verdicts::Verdicts;
use anyhow::Result;
use std::collections::BTreeMap;
use std::time::Duration;
use weighbridge_schema::SCHEMA_VERSION;
use weighbridge_schema::claim::Claim;
use weighbridge_schema::definition::{Definition, Profile};
use weighbridge_schema::manifest::Manifest;
use weighbridge_schema::name::ExperimentName;
use weighbridge_schema::plan::Trial;
use weighbridge_schema::progress::Event;
use weighbridge_schema::record::{Observation, Outcome};
use weighbridge_schema::request::RunRequest;
use weighbridge_schema::subject::Subjects;

/// What a session works with.
pub struct Session<'a, L: Lab> {
    /// Where trials are visited.
    pub lab: &'a L,
    /// What is to be done.
    pub manifest: &'a Manifest,
    /// Its plan, ready to be visited.
    pub plan: &'a [Planned<'a>],
    /// The definitions that the plan was made from.
    pub definitions: &'a BTreeMap<ExperimentName, Definition>,
    /// Every subject that there is.
    pub subjects: &'a Subjects,
    /// How much is measured.
    pub profile: Profile,
    /// The paper's assertions: with a budget, time goes where they are still open.
    pub claims: &'a [Claim],
    /// Time after which nothing but the least number of invocations is measured.
    pub budget: Option<Duration>,
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
    /// The machine does not let it go on, for this reason; once that is repaired, the run can be resumed.
    Stopped(String),
}

impl<L: Lab> Session<'_, L> {
    /// Visits every trial that is not there yet, in the order of the plan.
    ///
    /// # Errors
    /// The log cannot be written. Failures of subjects are observations, not errors.
    pub fn run(&self, store: &mut Store, announcer: &mut Announcer) -> Result<End> {
        self.announce_begin(store, announcer)?;
        self.visit_all(store, announcer)
    }

    /// Block by block; within a block only the cells that are not precise yet. With a budget, what was left
    /// out is taken up again as long as there is time.
    fn visit_all(&self, store: &mut Store, announcer: &mut Announcer) -> Result<End> {
        let mut stopping = Stopping::new(
            &self.manifest.plan,
            self.definitions,
            self.profile,
            self.claims,
            self.manifest.fixed,
        )
        .seeking(self.verdicts());
        store.seen.iter().for_each(|observation| stopping.note(observation));
        let mut is_first_pass = true;
        loop {
            let before = store.done.len();
            for block in self.plan.chunk_by(|a, b| a.trial.invocation == b.trial.invocation) {
                stopping.begin_block(block[0].trial.invocation, is_first_pass);
                if self.budget.is_some() && !self.seeks_verdicts() {
                    stopping.focus();
                }
                let seen_count = store.seen.len();
                let mut end = self.visit_block(block, &mut stopping, store, announcer)?;
                // Of a block that an earlier part of the run has visited, a repetition would come too late.
                if end == End::Complete && store.seen.len() > seen_count {
                    end = self.repeat_disturbed(block, store, announcer)?;
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

    fn seeks_verdicts(&self) -> bool {
        let request = self.manifest.request.as_ref();
        request.is_some_and(RunRequest::seeks_verdicts) && !self.manifest.fixed
    }

    fn verdicts(&self) -> Option<Verdicts<'_>> {
        let request = self.manifest.request.as_ref().filter(|_| self.seeks_verdicts())?;
        let named: Vec<&Claim> =
            self.claims.iter().filter(|claim| request.claim.contains(&claim.name)).collect();
        Some(Verdicts::new(&named, &self.manifest.plan, self.subjects))
    }

    fn visit_block(
        &self,
        block: &[Planned<'_>],
        stopping: &mut Stopping<'_>,
        store: &mut Store,
        announcer: &mut Announcer,
    ) -> Result<End> {
        for planned in block {
            let trial = planned.trial;
            if store.done.contains(trial) {
                continue;
            }
            if !stopping.wants(trial) || (stopping.is_optional(trial) && self.is_spent(store)) {
                let label = format!("{} {}: not needed", trial.experiment, trial.cell);
                announcer.say(&Event::Step { label, failed: None });
                continue;
            }
            let end = self.visit_one(planned, store.visits_count(trial), store, announcer)?;
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

    /// Right after its block, what was disturbed in it is visited again beside its baseline, twice at most; all visits
    /// stay in the log.
    fn repeat_disturbed(
        &self,
        block: &[Planned<'_>],
        store: &mut Store,
        announcer: &mut Announcer,
    ) -> Result<End> {
        let invocation = block[0].trial.invocation;
        let seed = self.manifest.seed.wrapping_add(u64::from(invocation));
        for _ in 0..REPEATS_MAX {
            let again = repeats::with_baselines(&store.disturbed(), block, seed);
            if again.is_empty() {
                return Ok(End::Complete);
            }
            announcer.say(&Event::More(again.iter().map(Vec::len).sum::<usize>() as u64));
            for mini_block in again {
                let limit_ns = (store.planned_ns() as f64 * REPEAT_SHARE_MAX) as u128;
                if store.measured_ns() - store.planned_ns() > limit_ns {
                    // The machine stays disturbed; what is not repeated counts as disturbed, and the analysis tells.
                    return Ok(End::Complete);
                }
                // One number for all of it, so that each is compared with what was made beside it.
                let visits = mini_block.iter().map(|planned| store.visits_count(planned.trial));
                let repeat = visits.max().unwrap_or(1);
                for planned in mini_block {
                    let end = self.visit_one(planned, repeat, store, announcer)?;
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
        planned: &Planned<'_>,
        repeat: u32,
        store: &mut Store,
        announcer: &mut Announcer,
    ) -> Result<End> {
        if self.lab.is_interrupted() {
            return Ok(End::Interrupted);
        }
        let trial = planned.trial;
        let (observation, cause) = self.observe(planned, repeat, store)?;
        // A trial that a signal cut short was not measured.
        if self.lab.is_interrupted() && observation.outcome != Outcome::Ok {
            return Ok(End::Interrupted);
        }
        if let Err(error) = self.lab.check_programs() {
            return Ok(End::Stopped(format!("{error:#}: put it back, or begin a new run")));
        }
        if let Some(why) = cause.and_then(|cause| self.machines_fault(trial, &cause, store)) {
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

    /// What of the machine is out of order, when a trial has failed for that `cause`: with it every later trial would
    /// fail.
    fn machines_fault(&self, trial: &Trial, cause: &Cause, store: &Store) -> Option<String> {
        if cause.is_full_disk() && self.lab.is_full(store.folder()) {
            return Some(format!("the disk of {} is full: {cause}", store.folder().display()));
        }
        self.lab.silence(&trial.cell.subject)
    }

    /// Visits a trial; where that failed, with the cause.
    fn observe(
        &self,
        planned: &Planned<'_>,
        repeat: u32,
        store: &Store,
    ) -> Result<(Observation, Option<Cause>)> {
        let Planned { position, trial, definition, .. } = *planned;
        let visit = Visit { trial, position, repeat };
        let from = self.lab.moment();
        let (measured, outcome, cause) = match self.lab.visit(&visit) {
            Ok(measured) => (measured, Outcome::Ok, None),
            Err(Failure { phase, cause }) => {
                let (stage, reason) = (phase.to_string(), cause.to_string());
                (Measured::default(), Outcome::Failed { stage, reason }, Some(cause))
            }
        };
        let to = self.lab.moment();
        let duration_ns = to.monotonic_ns - from.monotonic_ns;
        let first_core = self.manifest.pinning.subject_cores.as_ref().and_then(|c| c.first());
        let mut noise = from.counters.until(&to.counters, first_core.copied());
        noise.subject_involuntary_switches_count = measured.subject_involuntary_switches_count;
        let disturbed = noise::disturbances(
            &noise,
            duration_ns,
            self.manifest.fingerprint.cores_count.unwrap_or(1),
            &definition.noise,
            store.usual(trial).unwrap_or(&noise::Usual::default()),
        );
        let histogram = match &measured.latencies {
            Some(latencies) => {
                Some(store.histogram(&visit, latencies, measured.heavy_latencies.as_ref())?)
            }
            None => None,
        };
        let series = match &measured.series_ns {
            Some(series_ns) => Some(store.series(&visit, series_ns)?),
            None => None,
        };
        let observation = Observation {
            schema_version: SCHEMA_VERSION,
            run: self.manifest.run.clone(),
            position,
            trial: trial.clone(),
            subject_version: planned.subject_version.map(str::to_owned),
            machine: self.manifest.machines.keys().next().cloned(),
            emulated: measured.emulated,
            started_at_unix_ns: from.unix_ns,
            duration_ns,
            stages_ns: measured.stages_ns,
            metrics: measured.metrics,
            histogram,
            series,
            raise: measured.raise,
            storm: measured.storm,
            isolation: measured.isolation,
            overhead: measured.overhead,
            repeat,
            disturbed,
            noise,
            outcome,
            remarks: measured.remarks,
        };
        Ok((observation, cause))
    }

    fn announce_begin(&self, store: &Store, announcer: &mut Announcer) -> Result<()> {
        let rest = self.manifest.plan.iter().filter(|trial| !store.done.contains(trial));
        let (estimate_ms, _) =
            estimate::estimate(rest, self.definitions, self.subjects, self.profile)?;
        announcer.say(&Event::Begin {
            title: format!("measuring {}", self.manifest.run),
            steps_count: self.manifest.plan.len() as u64,
            done_count: store.done.len() as u64,
            estimate_ms: Some(estimate_ms),
        });
        Ok(())
    }
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;

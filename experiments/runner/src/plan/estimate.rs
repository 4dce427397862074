//! How long a plan will take and how much it will write, from what each method does.

use crate::inventory::tenants::artifact_of;
use crate::measure::highest_rate::least_window_ms;
use crate::subject::way;
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use weighbridge_schema::definition::{Definition, Profile};
use weighbridge_schema::method::Method;
use weighbridge_schema::name::ExperimentName;
use weighbridge_schema::parameter::Parameter;
use weighbridge_schema::plan::Trial;
use weighbridge_schema::raise::levels;
use weighbridge_schema::replay::ReplayLoad;
use weighbridge_schema::subject::{Subject, Subjects};

/// A line of observations.jsonl, and a histogram log, as they come out in practice.
const LINE_BYTES: u64 = 1_200;
const HISTOGRAM_BYTES: u64 = 6_000;

/// Steps of a search for the highest rate, those that are taken twice and the confirmation included.
const STEPS_COUNT: u64 = 12;

/// A build of a service from nothing and two after a change, on two cores: some minutes for either service.
const BUILDS_MS: u64 = 300_000;

/// Of a closed loop the least time: how long its least number of answers takes is not known before.
fn window_ms(definition: &Definition, profile: Profile, trial: &Trial) -> Result<u64> {
    let measure_ms = || {
        definition.settings(profile).measure_ms.with_context(|| {
            format!("experiment `{}`: profiles.{profile} sets no measure_ms", definition.experiment)
        })
    };
    Ok(match &definition.method {
        Method::HighestRate { warmup_ms, p99_bound_us, .. } => {
            let bound_us = trial.cell.workload.as_ref().and_then(|name| p99_bound_us.get(name));
            let least_ms = bound_us.map_or(0, |&bound_us| least_window_ms(bound_us));
            STEPS_COUNT * (warmup_ms + measure_ms()?.max(least_ms))
        }
        Method::Throughput { warmup_ms, .. } | Method::Latency { warmup_ms, .. } => {
            warmup_ms + measure_ms()?
        }
        Method::Memory { settle_ms, .. } => settle_ms.midpoint(measure_ms()?),
        Method::Idle { rest_ms } => rest_ms + measure_ms()?,
        Method::Neighbour { warmup_ms, .. } => 2 * (warmup_ms + measure_ms()?),
        Method::Waiting { rest_ms, warmup_ms, .. } => rest_ms + warmup_ms + measure_ms()?,
        Method::Density { rest_ms, .. } => {
            let most = definition.method.tenants_most(profile, &trial.cell.subject);
            levels(most.unwrap_or(1)).len() as u64 * (rest_ms + measure_ms()?)
        }
        Method::Replay { warmup_ms, .. } => {
            let idle_timeout_ms = load(definition, trial).and_then(|load| load.idle_timeout_ms);
            warmup_ms + idle_timeout_ms.unwrap_or(0) + measure_ms()?
        }
        method => {
            let is_built = method.builds(profile, trial.cell.parameter);
            method.facts().takes_ms + if is_built { BUILDS_MS } else { 0 }
        }
    })
}

/// The load that a trial replays.
fn load<'a>(definition: &'a Definition, trial: &Trial) -> Option<&'a ReplayLoad> {
    match trial.cell.parameter {
        Parameter::Replay(number) => definition.method.load(number),
        _ => None,
    }
}

/// Instances that a trial starts and ends. Those that are started at once are no faster for it: who starts alone has
/// every core already.
fn starts_count(
    definition: &Definition,
    profile: Profile,
    trial: &Trial,
    subject: Option<&Subject>,
) -> u64 {
    let is_host_of_many = subject.is_some_and(|subject| artifact_of(&subject.start).is_some());
    match trial.cell.parameter {
        Parameter::Starts(_) | Parameter::Attack(_) | Parameter::Replay(_) if is_host_of_many => 1,
        // The aggressor beside the victim.
        Parameter::Attack(_) => 2,
        Parameter::Copies(count) | Parameter::Starts(count) | Parameter::Ready(count) => {
            u64::from(count)
        }
        // What scales to zero starts some of them several times, and others never.
        Parameter::Replay(_) => load(definition, trial).map_or(1, |load| load.tenants.into()),
        _ => definition.method.tenants_most(profile, &trial.cell.subject).map_or(1, u64::from),
    }
}

/// Milliseconds and bytes of `plan`.
///
/// # Errors
/// A definition sets no window where its method has one.
pub fn estimate<'a>(
    plan: impl IntoIterator<Item = &'a Trial>,
    definitions: &BTreeMap<ExperimentName, Definition>,
    subjects: &Subjects,
    profile: Profile,
) -> Result<(u64, u64)> {
    plan.into_iter().try_fold((0, 0), |(ms, bytes), trial| {
        let Some(definition) = definitions.get(&trial.experiment) else { return Ok((ms, bytes)) };
        let subject = subjects.get(&trial.cell.subject);
        let overhead = subject.map_or(0, |one| way(&one.start).overhead_ms());
        let copies = starts_count(definition, profile, trial, subject)
            + u64::from(definition.method.warms_before(trial.cell.parameter));
        let facts = definition.method.facts();
        let histogram = if facts.keeps_latencies { HISTOGRAM_BYTES } else { 0 };
        let window_ms = window_ms(definition, profile, trial)?;
        Ok((ms + overhead * copies + window_ms, bytes + LINE_BYTES + histogram))
    })
}

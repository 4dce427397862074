//! What a definition may not say of its method.

use crate::attack::Attack;
use crate::definition::{Profile, RawProfiles};
use crate::growth::Growth;
use crate::invalid::{Invalid, invalid};
use crate::method::{Method, QuestionKind, SeparateTable, Window};
use crate::name::{SubjectName, WorkloadName};
use crate::operation::AttributionStep;
use crate::overhead;
use crate::parse::nearest;
use crate::start::Start;
use crate::subject::{Subject, Subjects};
use crate::template::{Piece, Word};
use crate::workload::Workload;
use std::collections::BTreeMap;

impl SeparateTable {
    /// Refuses a table that lays out another method's cells, and a growth without a slope.
    pub(crate) fn validate(
        self,
        method: &Method,
        growth: Option<&Growth>,
        workloads: &[WorkloadName],
    ) -> Result<(), Invalid> {
        match (self, method, growth) {
            (SeparateTable::GuestLanguages, Method::ColdStart { .. }, _) => Ok(()),
            (SeparateTable::GuestLanguages, ..) => {
                Err(invalid!("table = \"guest-languages\" is of [method.cold-start]"))
            }
            (SeparateTable::Growth, Method::Throughput { concurrency, .. }, Some(growth)) => {
                growth.validate(workloads, concurrency)
            }
            (SeparateTable::Growth, ..) => {
                Err(invalid!("table = \"growth\" is of [method.throughput], and needs [growth]"))
            }
        }
    }
}

impl Method {
    /// Only an open loop says when which request is due, and only one loop keeps the latencies of the two apart.
    pub(crate) fn refuse_mixes<'a>(
        &self,
        mut all: impl Iterator<Item = (&'a WorkloadName, &'a Workload)>,
        requested: &[WorkloadName],
    ) -> Result<(), Invalid> {
        let is_mix = |(name, workload): &(&WorkloadName, &Workload)| {
            workload.mix().is_some() && requested.contains(name)
        };
        match all.find(is_mix) {
            Some((name, _)) if !self.facts().takes_mixes => {
                let takes: Vec<String> = (QuestionKind::ALL.iter())
                    .filter(|kind| kind.facts().takes_mixes)
                    .map(|kind| format!("[method.{}]", kind.key()))
                    .collect();
                Err(invalid!("workload `{name}` is a mix: only {} takes one", takes.join(", ")))
            }
            _ => Ok(()),
        }
    }

    /// A method that has a request of its own takes no workload.
    fn validate_whose_request(&self, workloads: &[WorkloadName]) -> Result<(), Invalid> {
        let own = match self {
            Method::Maturity { .. } | Method::Isolation { .. } => "a probe says what it asks for",
            Method::Waiting { .. } => "what is asked asks the backend",
            Method::Operations { .. } => "an operation has its own request",
            _ => return Ok(()),
        };
        if !workloads.is_empty() {
            return Err(invalid!("workloads must be empty: {own}"));
        }
        Ok(())
    }

    /// What a definition may not say.
    pub(crate) fn validate(
        &self,
        workloads: &[WorkloadName],
        profiles: &RawProfiles,
    ) -> Result<(), Invalid> {
        self.validate_whose_request(workloads)?;
        match self {
            Method::Overhead { builds, services } => {
                overhead::validate(workloads, builds, services)?;
            }
            Method::Operations { operations, iterations, .. } => {
                positive("iterations", &[*iterations])?;
                if operations.is_empty() {
                    return Err(invalid!("operations needs at least one, such as `thumbnail`"));
                }
            }
            Method::ColdStart { page_cache } if page_cache.is_empty() => {
                return Err(invalid!("page_cache needs at least one state: warm, dropped"));
            }
            Method::Instantiation { iterations } | Method::WarmUp { iterations } => {
                positive("iterations", &[*iterations])?;
            }
            Method::Instructions { iterations } if *iterations < 2 => {
                return Err(invalid!("iterations must be at least 2: the first request is cold"));
            }
            Method::Memory { concurrency, copies, .. } => {
                positive("concurrency", &[*concurrency])?;
                if !copies.is_empty() {
                    positive("copies", copies)?;
                }
            }
            Method::Density { .. } | Method::Storm { .. } => self.validate_raise()?,
            Method::Neighbour { .. } => self.validate_neighbour()?,
            Method::Replay { .. } => self.validate_loads(workloads)?,
            Method::Isolation { spin_ms: 0, .. } => {
                return Err(invalid!("spin_ms must be at least 1"));
            }
            Method::Waiting { delays_us, backend_requests, connections, .. } => {
                positive("backend_requests", &[*backend_requests])?;
                positive("connections", &[*connections])?;
                if delays_us.is_empty() {
                    return Err(invalid!("delays_us needs at least one value; 0 is no delay"));
                }
            }
            Method::Throughput { concurrency, .. } => positive("concurrency", concurrency)?,
            Method::Latency { rates_per_second, connections, .. } => {
                positive("connections", &[*connections])?;
                each_workload("rates_per_second", rates_per_second, workloads, |key, rates| {
                    positive(key, rates)
                })?;
            }
            Method::HighestRate { p99_bound_us, first_rate_per_second, connections, .. } => {
                positive("connections", &[*connections])?;
                each_workload("p99_bound_us", p99_bound_us, workloads, |key, &bound| {
                    positive(key, &[u32::try_from(bound).unwrap_or(u32::MAX)])
                })?;
                each_workload(
                    "first_rate_per_second",
                    first_rate_per_second,
                    workloads,
                    |key, &rate| positive(key, &[rate]),
                )?;
            }
            _ => {}
        }
        self.validate_window(profiles)
    }

    /// What a raise of tenants and a storm of them are given.
    fn validate_raise(&self) -> Result<(), Invalid> {
        match self {
            Method::Density { probe_rate_per_second, connections, memory_budget_mib, .. } => {
                positive("probe_rate_per_second", &[*probe_rate_per_second])?;
                positive("connections", &[*connections])?;
                if *memory_budget_mib == 0 {
                    return Err(invalid!("memory_budget_mib must be at least 1"));
                }
            }
            Method::Storm { starts, ready, .. } => {
                positive("starts", starts)?;
                if !ready.is_empty() {
                    positive("ready", ready)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn validate_neighbour(&self) -> Result<(), Invalid> {
        let Method::Neighbour {
            attacks,
            rate_per_second,
            connections,
            spins_count,
            held_connections_count,
            ..
        } = self
        else {
            return Ok(());
        };
        positive("rate_per_second", &[*rate_per_second])?;
        positive("connections", &[*connections])?;
        positive("spins_count", &[*spins_count])?;
        positive("held_connections_count", &[*held_connections_count])?;
        match attacks.contains(&Attack::None) {
            true => Ok(()),
            false => Err(invalid!("attacks lacks `none`: without it there is no control")),
        }
    }

    /// Every load asks for something, and every profile replays at least one.
    fn validate_loads(&self, workloads: &[WorkloadName]) -> Result<(), Invalid> {
        let Method::Replay { loads, loads_most, bursts, idle_argument, .. } = self else {
            return Ok(());
        };
        if loads.is_empty() {
            return Err(invalid!("loads needs at least one"));
        }
        for (index, load) in loads.iter().enumerate() {
            load.validate(index + 1, workloads)?;
        }
        for profile in Profile::ALL {
            if loads_most.get(&profile).is_none_or(|&most| most == 0) {
                return Err(invalid!("loads_most.{profile} must be at least 1"));
            }
        }
        if bursts.on_ms == 0 || bursts.off_ms == 0 {
            return Err(invalid!("bursts: on_ms and off_ms must be at least 1"));
        }
        if idle_argument.is_empty() {
            return Err(invalid!("idle_argument is empty: which argument says it?"));
        }
        Ok(())
    }

    /// Every subject must have a most of tenants in every profile, by its own name or by that of the subject that it is
    /// a twin or a variant of, which are filled in before; and no other name may have one.
    pub(crate) fn validate_tenants(&self, subjects: &[SubjectName]) -> Result<(), Invalid> {
        let (Method::Density { tenants_most, .. } | Method::Storm { tenants_most, .. }) = self
        else {
            return Ok(());
        };
        for profile in Profile::ALL {
            let of_profile = tenants_most.get(&profile).into_iter().flatten();
            for (name, &most) in of_profile {
                let key = format!("tenants_most.{profile}.{name}");
                positive(&key, &[most])?;
                if !subjects.contains(name) {
                    let known = subjects.iter().map(SubjectName::as_str);
                    let near = nearest(name.as_str(), known);
                    let near =
                        near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
                    return Err(invalid!("{key}: `{name}` is not in `subjects`{near}"));
                }
            }
            for name in subjects {
                if self.tenants_most(profile, name).is_none() {
                    return Err(invalid!(
                        "tenants_most.{profile}.{name} is needed: how many tenants at most?"
                    ));
                }
            }
        }
        Ok(())
    }

    /// Every subject must start what stands in the service's place, or beside it: a probe of the service itself would
    /// say nothing.
    pub(crate) fn validate_in_place<'a>(
        &self,
        subjects: &[SubjectName],
        subject: impl Fn(&SubjectName) -> Option<&'a Subject>,
    ) -> Result<(), Invalid> {
        let no_arguments = BTreeMap::new();
        let (in_place_of, arguments, may_be_tenant) = match self {
            Method::Isolation { in_place_of, arguments, .. }
            | Method::Waiting { in_place_of, arguments, .. } => (in_place_of, arguments, false),
            Method::Neighbour { in_place_of, .. } => (in_place_of, &no_arguments, true),
            _ => return Ok(()),
        };
        let is_tenant = |start: &Start| {
            may_be_tenant && start.tenants().is_some_and(|name| in_place_of.contains_key(name))
        };
        let is_replaced =
            |start: &Start| start.with_artifacts(in_place_of).is_some() || is_tenant(start);
        for name in subjects {
            let start = subject(name).map(|subject| &subject.start);
            if start.is_some_and(|start| !is_replaced(start)) {
                return Err(invalid!(
                    "in_place_of: the start of `{name}` names none of these artifacts: what is prepared for it, or \
                     lies elsewhere, cannot be replaced"
                ));
            }
        }
        for (name, words) in arguments {
            if !subjects.contains(name) {
                return Err(invalid!("arguments.{name}: `{name}` is not in `subjects`"));
            }
            let mut pieces = words.iter().flat_map(Word::pieces);
            if pieces.any(|piece| !matches!(piece, Piece::Text(_))) {
                return Err(invalid!("arguments.{name}: these take no placeholder"));
            }
        }
        Ok(())
    }

    /// Steps lead from subject to subject, each of which the definition has, and those that serve are `known`.
    pub(crate) fn validate_steps(
        &self,
        subjects: &[SubjectName],
        baseline: &SubjectName,
        known: &Subjects,
    ) -> Result<(), Invalid> {
        let Method::Operations { steps, served, .. } = self else { return Ok(()) };
        for AttributionStep { to, .. } in served {
            if !known.contains_key(to) {
                let near = nearest(to.as_str(), known.keys().map(SubjectName::as_str));
                let near =
                    near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
                return Err(invalid!("served: there is no subject `{to}`{near}"));
            }
        }
        let mut passed = vec![baseline];
        for AttributionStep { to, .. } in steps {
            if !subjects.contains(to) {
                let near = nearest(to.as_str(), subjects.iter().map(SubjectName::as_str));
                let near =
                    near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
                return Err(invalid!("steps: `{to}` is not in `subjects`{near}"));
            }
            if passed.contains(&to) {
                return Err(invalid!(
                    "steps: `{to}` is passed twice; the baseline is where they begin"
                ));
            }
            passed.push(to);
        }
        Ok(())
    }

    fn validate_window(&self, profiles: &RawProfiles) -> Result<(), Invalid> {
        let window = self.facts().window;
        let (has_window, is_closed_loop) = (window != Window::None, window == Window::Completions);
        for (name, settings) in profiles.by_name() {
            if settings.invocations == 0 {
                return Err(invalid!("profiles.{name}.invocations must be at least 1"));
            }
            if has_window && settings.measure_ms.is_none_or(|ms| ms == 0) {
                return Err(invalid!(
                    "profiles.{name}.measure_ms is needed: how long is the window?"
                ));
            }
            match settings.completions_least {
                None if is_closed_loop => {
                    return Err(invalid!(
                        "profiles.{name}.completions_least is needed: how many answers must a window hold?"
                    ));
                }
                Some(least) if is_closed_loop && least < 2 => {
                    return Err(invalid!(
                        "profiles.{name}.completions_least must be at least 2: a rate is taken between answers"
                    ));
                }
                Some(_) if !is_closed_loop => {
                    return Err(invalid!(
                        "profiles.{name}.completions_least is of the methods `throughput` and `waiting`"
                    ));
                }
                _ => {}
            }
            if !has_window && settings.measure_ms.is_some() {
                return Err(invalid!("profiles.{name}.measure_ms: this method has no window"));
            }
        }
        Ok(())
    }
}

/// Every workload has a value, and nothing else has.
fn each_workload<V>(
    key: &str,
    values: &BTreeMap<WorkloadName, V>,
    workloads: &[WorkloadName],
    check: impl Fn(&str, &V) -> Result<(), Invalid>,
) -> Result<(), Invalid> {
    for workload in workloads {
        let key = format!("{key}.{workload}");
        match values.get(workload) {
            Some(value) => check(&key, value)?,
            None => return Err(invalid!("{key} needs at least one value, none of them 0")),
        }
    }
    match values.keys().find(|w| !workloads.contains(w)) {
        Some(extra) => Err(invalid!("{key}.{extra}: `{extra}` is not in `workloads`")),
        None => Ok(()),
    }
}

fn positive(key: &str, values: &[u32]) -> Result<(), Invalid> {
    if values.is_empty() || values.contains(&0) {
        return Err(invalid!("{key} needs at least one value, none of them 0"));
    }
    Ok(())
}

//! Which cells a method makes, and which of them are visited with a subject.

use crate::capability::{self, Capability, Probe};
use crate::definition::Profile;
use crate::method::{Method, WarmedBy};
use crate::name::{SubjectName, WorkloadName};
use crate::parameter::Parameter;
use crate::replay::ReplayLoad;

impl Method {
    /// The combinations of workload and parameter that each subject is put through.
    #[must_use]
    pub fn arms(&self, workloads: &[WorkloadName]) -> Vec<(Option<WorkloadName>, Parameter)> {
        let each = |parameters: &[Parameter]| {
            workloads
                .iter()
                .flat_map(|w| parameters.iter().map(|&p| (Some(w.clone()), p)))
                .collect::<Vec<_>>()
        };
        match self {
            Method::ColdStart { page_cache } => {
                let all: Vec<_> = page_cache.iter().map(|state| state.parameter()).collect();
                each(&all)
            }
            Method::Memory { copies, .. } => {
                let mut arms = each(&[Parameter::Idle, Parameter::Loaded]);
                if let Some(first) = workloads.first() {
                    arms.extend(
                        copies.iter().map(|&n| (Some(first.clone()), Parameter::Copies(n))),
                    );
                }
                arms
            }
            Method::Throughput { concurrency, .. } => {
                let all: Vec<_> = concurrency.iter().map(|&n| Parameter::Concurrency(n)).collect();
                each(&all)
            }
            Method::Storm { starts, ready, .. } => {
                let started = starts.iter().map(|&n| Parameter::Starts(n));
                let all: Vec<_> =
                    started.chain(ready.iter().map(|&n| Parameter::Ready(n))).collect();
                each(&all)
            }
            Method::Neighbour { attacks, .. } => {
                let all: Vec<_> = attacks.iter().map(|&one| Parameter::Attack(one)).collect();
                each(&all)
            }
            Method::Waiting { delays_us, .. } => {
                delays_us.iter().map(|&delay| (None, Parameter::Delay(delay))).collect()
            }
            Method::Replay { loads, .. } => {
                let numbered = (1u32..).zip(loads);
                let arm = |(number, load): (u32, &ReplayLoad)| {
                    (Some(load.workload.clone()), Parameter::Replay(number))
                };
                numbered.map(arm).collect()
            }
            Method::Operations { operations, .. } => {
                let all = operations.iter().copied();
                all.map(|operation| (None, Parameter::Operation(operation))).collect()
            }
            Method::Overhead { services, .. } => {
                services.keys().map(|&service| (None, Parameter::Service(service))).collect()
            }
            Method::Maturity { .. } => {
                let all = Capability::ALL.iter().copied();
                all.map(|capability| (None, Parameter::Capability(capability))).collect()
            }
            Method::Latency { rates_per_second, .. } => workloads
                .iter()
                .flat_map(|w| {
                    let rates = rates_per_second.get(w).into_iter().flatten();
                    rates.map(|&rate| (Some(w.clone()), Parameter::Rate(rate)))
                })
                .collect(),
            _ if self.facts().per_workload => each(&[Parameter::None]),
            _ => vec![(None, Parameter::None)],
        }
    }

    /// Whether there is anything to do for `subject` under `parameter`: what a definition says of itself that a program
    /// lacks is not visited, and neither is a storm of more tenants, or a load beyond those, that a profile has.
    #[must_use]
    pub fn visits(&self, profile: Profile, subject: &SubjectName, parameter: Parameter) -> bool {
        match (self, parameter) {
            (Method::Storm { .. }, Parameter::Starts(count) | Parameter::Ready(count)) => {
                self.tenants_most(profile, subject).is_some_and(|most| count <= most)
            }
            (Method::Replay { loads_most, .. }, Parameter::Replay(number)) => {
                loads_most.get(&profile).is_some_and(|&most| number <= most)
            }
            (Method::Maturity { probes }, Parameter::Capability(capability)) => {
                let probe = capability::probe(probes, subject, None, capability);
                matches!(probe, Some(Probe::Try(_)))
            }
            _ => true,
        }
    }

    /// Whether the service of a cell is built under `profile`, and not only counted.
    #[must_use]
    pub fn builds(&self, profile: Profile, parameter: Parameter) -> bool {
        match (self, parameter) {
            (Method::Overhead { builds, .. }, Parameter::Service(service)) => {
                builds.get(&profile).is_some_and(|built| built.contains(&service))
            }
            _ => false,
        }
    }

    /// The load of that number, from 1; `None` where there is none.
    #[must_use]
    pub fn load(&self, number: u32) -> Option<&ReplayLoad> {
        let Method::Replay { loads, .. } = self else { return None };
        loads.get(usize::try_from(number).ok()?.checked_sub(1)?)
    }

    /// How many tenants of `subject` are raised, or started at once, at most; `None` of every other method, and of a
    /// subject of which none are.
    #[must_use]
    pub fn tenants_most(&self, profile: Profile, subject: &SubjectName) -> Option<u32> {
        let (Method::Density { tenants_most, .. } | Method::Storm { tenants_most, .. }) = self
        else {
            return None;
        };
        tenants_most.get(&profile)?.get(subject).copied()
    }

    /// Gives each subject without a most of tenants that of its `original`: of what it is a twin or a variant of.
    pub fn fill_in_tenants(
        &mut self,
        subjects: &[SubjectName],
        original: impl Fn(&SubjectName) -> Option<SubjectName>,
    ) {
        let (Method::Density { tenants_most, .. } | Method::Storm { tenants_most, .. }) = self
        else {
            return;
        };
        for of_profile in tenants_most.values_mut() {
            for name in subjects {
                let most = original(name).and_then(|original| of_profile.get(&original).copied());
                if let Some(most) = most {
                    of_profile.entry(name.clone()).or_insert(most);
                }
            }
        }
    }

    /// Gives each twin or variant without arguments of its own those of its `original`.
    pub(crate) fn fill_in_arguments(
        &mut self,
        subjects: &[SubjectName],
        original: impl Fn(&SubjectName) -> Option<SubjectName>,
    ) {
        let (Method::Isolation { arguments, .. } | Method::Waiting { arguments, .. }) = self else {
            return;
        };
        for name in subjects {
            let words = original(name).and_then(|original| arguments.get(&original).cloned());
            if let Some(words) = words {
                arguments.entry(name.clone()).or_insert(words);
            }
        }
    }

    /// Whether a visit begins with an untimed start of the same subject under the same request, so that the files of
    /// program and runtime are in the page cache: another cell's trial, of this experiment or any other, may just have
    /// dropped it for the whole machine.
    #[must_use]
    pub fn warms_before(&self, parameter: Parameter) -> bool {
        self.facts().warmed_by == WarmedBy::Start && parameter != Parameter::PageCacheDropped
    }
}

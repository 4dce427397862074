//! How a question is answered, and which cells that makes.

use crate::capability::{self, Capability, Probe, Probes};
use crate::definition::RawProfiles;
use crate::metric::Metric;
use crate::name::{SubjectName, WorkloadName};
use crate::parameter::{PageCache, Parameter};
use crate::workload::Workload;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How the question is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Method {
    /// Send every workload of the list to one instance and compare the answers with the expected ones.
    Equivalence {},
    /// From the start call to the first correct response.
    ColdStart {
        /// States of the page cache, one cell each.
        #[serde(default = "warm_only")]
        page_cache: Vec<PageCache>,
    },
    /// Instances made and dropped within one warm process, without a request.
    Instantiation {
        /// Instances per invocation.
        iterations: u32,
    },
    /// The first requests of a fresh instance, one after the other: when, if ever, is its pace steady?
    WarmUp {
        /// Requests per invocation.
        iterations: u32,
    },
    /// Closed loop: each connection sends its next request when the last answer is complete.
    Throughput {
        /// Connections, one cell each.
        concurrency: Vec<u32>,
        /// Subjects that are asked under every number of connections; all others under the last one alone. All of them
        /// are when none is named.
        #[serde(default)]
        every_concurrency: Vec<SubjectName>,
        /// Load before the window opens.
        warmup_ms: u64,
    },
    /// Open loop: requests are due on a fixed schedule, whatever the answers do.
    Latency {
        /// Offered rates by workload, one cell each.
        rates_per_second: BTreeMap<WorkloadName, Vec<u32>>,
        /// Connections over which the arrivals are spread.
        connections: u32,
        /// Load before the window opens.
        warmup_ms: u64,
    },
    /// The highest offered rate that meets a service level objective, by stepwise search in an open loop.
    HighestRate {
        /// Bound on the 99th percentile of latency by workload, microseconds.
        p99_bound_us: BTreeMap<WorkloadName, u64>,
        /// Rate of the first step by workload.
        first_rate_per_second: BTreeMap<WorkloadName, u32>,
        /// Connections over which the arrivals are spread.
        connections: u32,
        /// Load before each step's window opens.
        warmup_ms: u64,
    },
    /// Memory of an idle and of a loaded instance, and of several instances side by side.
    Memory {
        /// Connections of the closed loop that loads the instance.
        concurrency: u32,
        /// Rest between the first response and the idle reading.
        settle_ms: u64,
        /// Numbers of instances side by side, one cell each, under the first workload.
        #[serde(default)]
        copies: Vec<u32>,
        /// Subjects of which several instances are asked, twins among them where they are named; all when none is.
        #[serde(default)]
        copies_of: Vec<SubjectName>,
    },
    /// Bytes shipped and bytes installed.
    ArtifactSize {},
    /// Instructions that an emulator counts while the subject handles one request several times within one process.
    Instructions {
        /// Requests per invocation; the first is the cold one.
        iterations: u32,
    },
    /// What each subject can do, tried one capability at a time.
    Maturity {
        /// How each capability of each subject is tried, or why it is not.
        probes: Probes,
    },
}

/// The table that holds an experiment's cells in place of those of its method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OwnTable {
    /// Size and cold start of one guest in several languages; the method is `cold-start`.
    GuestLanguages,
}

fn warm_only() -> Vec<PageCache> {
    vec![PageCache::Warm]
}

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
            Method::Equivalence {} | Method::ArtifactSize {} | Method::Instantiation { .. } => {
                vec![(None, Parameter::None)]
            }
            Method::ColdStart { page_cache } => {
                let all: Vec<_> = page_cache.iter().map(|state| state.parameter()).collect();
                each(&all)
            }
            Method::WarmUp { .. } | Method::HighestRate { .. } | Method::Instructions { .. } => {
                each(&[Parameter::None])
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
        }
    }

    /// Whether there is anything to do for `subject` under `parameter`: what a definition says of itself that a program
    /// lacks is not visited.
    #[must_use]
    pub fn visits(&self, subject: &SubjectName, parameter: Parameter) -> bool {
        match (self, parameter) {
            (Method::Maturity { probes }, Parameter::Capability(capability)) => {
                let probe = capability::probe(probes, subject, None, capability);
                matches!(probe, Some(Probe::Try(_)))
            }
            (
                Method::Throughput { concurrency, every_concurrency, .. },
                Parameter::Concurrency(connections),
            ) => {
                every_concurrency.is_empty()
                    || every_concurrency.contains(subject)
                    || concurrency.last() == Some(&connections)
            }
            (Method::Memory { copies_of, .. }, Parameter::Copies(_)) => {
                copies_of.is_empty() || copies_of.contains(subject)
            }
            _ => true,
        }
    }

    /// Whether a visit begins with an untimed start of the same subject under the same request, so that the files of
    /// program and runtime are in the page cache: another cell's trial, of this experiment or any other, may just have
    /// dropped it for the whole machine. Where load comes before what is measured, that load does it.
    #[must_use]
    pub fn warms_before(&self, parameter: Parameter) -> bool {
        let counts_pages = matches!(
            self,
            Method::ColdStart { .. } | Method::WarmUp { .. } | Method::Memory { .. }
        );
        counts_pages && parameter != Parameter::PageCacheDropped
    }

    /// The metric by whose precision a cell ends; `None` where nothing is sampled.
    #[must_use]
    pub fn headline(&self) -> Option<Metric> {
        match self {
            Method::Equivalence {}
            | Method::ArtifactSize {}
            | Method::Instructions { .. }
            | Method::Maturity { .. } => None,
            Method::ColdStart { .. } => Some(Metric::TimeToFirstResponse),
            Method::Instantiation { .. } => Some(Metric::Instantiation),
            Method::Throughput { .. } => Some(Metric::RequestsPerSecond),
            Method::WarmUp { .. } | Method::Latency { .. } => Some(Metric::LatencyP50),
            Method::HighestRate { .. } => Some(Metric::HighestRate),
            Method::Memory { .. } => Some(Metric::Pss),
        }
    }

    /// Whether its numbers are the same under an emulator: answers, sizes and counts are, times and memory are not.
    #[must_use]
    pub fn survives_emulation(&self) -> bool {
        matches!(
            self,
            Method::Equivalence {} | Method::ArtifactSize {} | Method::Instructions { .. }
        )
    }

    /// Whether the subject is executed at all.
    #[must_use]
    pub fn executes(&self) -> bool {
        !matches!(self, Method::ArtifactSize {})
    }

    /// Only an open loop says when which request is due, and only one loop keeps the latencies of the two apart.
    pub(crate) fn refuse_mixes<'a>(
        &self,
        mut all: impl Iterator<Item = (&'a WorkloadName, &'a Workload)>,
        asked: &[WorkloadName],
    ) -> Result<(), String> {
        let is_mix = |(name, workload): &(&WorkloadName, &Workload)| {
            workload.mix().is_some() && asked.contains(name)
        };
        match all.find(is_mix) {
            Some((name, _)) if !matches!(self, Method::Latency { .. }) => {
                Err(format!("workload `{name}` is a mix: only [method.latency] takes one"))
            }
            _ => Ok(()),
        }
    }

    fn needs_window(&self) -> bool {
        matches!(
            self,
            Method::Throughput { .. }
                | Method::Latency { .. }
                | Method::HighestRate { .. }
                | Method::Memory { .. }
        )
    }

    /// What a definition may not say.
    pub(crate) fn validate(
        &self,
        workloads: &[WorkloadName],
        profiles: &RawProfiles,
    ) -> Result<(), String> {
        match self {
            Method::Maturity { .. } if !workloads.is_empty() => {
                return Err("workloads must be empty: a probe says what it asks for".to_owned());
            }
            Method::Equivalence {} | Method::ArtifactSize {} | Method::Maturity { .. } => {}
            Method::ColdStart { page_cache } if page_cache.is_empty() => {
                return Err("page_cache needs at least one state: warm, dropped".to_owned());
            }
            Method::ColdStart { .. } => {}
            Method::Instantiation { iterations } | Method::WarmUp { iterations } => {
                positive("iterations", &[*iterations])?;
            }
            Method::Instructions { iterations } if *iterations < 2 => {
                return Err("iterations must be at least 2: the first request is cold".to_owned());
            }
            Method::Instructions { .. } => {}
            Method::Memory { concurrency, copies, .. } => {
                positive("concurrency", &[*concurrency])?;
                if !copies.is_empty() {
                    positive("copies", copies)?;
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
        }
        self.validate_window(profiles)
    }

    fn validate_window(&self, profiles: &RawProfiles) -> Result<(), String> {
        for (name, settings) in profiles.by_name() {
            if settings.invocations == 0 {
                return Err(format!("profiles.{name}.invocations must be at least 1"));
            }
            if self.needs_window() && settings.measure_ms.is_none_or(|ms| ms == 0) {
                return Err(format!(
                    "profiles.{name}.measure_ms is needed: how long is the window?"
                ));
            }
            let is_closed_loop = matches!(self, Method::Throughput { .. });
            match settings.completions_least {
                None if is_closed_loop => {
                    return Err(format!(
                        "profiles.{name}.completions_least is needed: how many answers must a window hold?"
                    ));
                }
                Some(least) if is_closed_loop && least < 2 => {
                    return Err(format!(
                        "profiles.{name}.completions_least must be at least 2: a rate is taken between answers"
                    ));
                }
                Some(_) if !is_closed_loop => {
                    return Err(format!(
                        "profiles.{name}.completions_least is of the method `throughput`"
                    ));
                }
                _ => {}
            }
            if !self.needs_window() && settings.measure_ms.is_some() {
                return Err(format!("profiles.{name}.measure_ms: this method has no window"));
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
    check: impl Fn(&str, &V) -> Result<(), String>,
) -> Result<(), String> {
    for workload in workloads {
        let key = format!("{key}.{workload}");
        match values.get(workload) {
            Some(value) => check(&key, value)?,
            None => return Err(format!("{key} needs at least one value, none of them 0")),
        }
    }
    match values.keys().find(|w| !workloads.contains(w)) {
        Some(extra) => Err(format!("{key}.{extra}: `{extra}` is not in `workloads`")),
        None => Ok(()),
    }
}

fn positive(key: &str, values: &[u32]) -> Result<(), String> {
    if values.is_empty() || values.contains(&0) {
        return Err(format!("{key} needs at least one value, none of them 0"));
    }
    Ok(())
}

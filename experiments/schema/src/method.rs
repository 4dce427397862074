//! How a question is answered: the one table of methods, with all that is known of each whatever its definition sets.
//! Everything else asks it. What depends on a definition's values stands beside it: which cells a method has in
//! `cells.rs`, what a definition may not say in `validation.rs`.

mod cells;
mod facts;
mod validation;

pub use facts::{Facts, WarmedBy, Window};

use crate::capability::Probes;
use crate::definition::Profile;
use crate::metric::Metric::{
    AttemptsAnswered, AttemptsPossible, CasesEqual, HighestRate, IdleCpu, IdleWakeups, InstanceUss,
    Instantiation, InstructionsFirstCall, InstructionsPerCall, LastAnswer, LatencyP50, MarginalPss,
    MarginalUss, OperationCpu, PackingCpu, PackingPss, Pss, RequestsPerCpuSecond,
    RequestsPerSecond, Shipped, StartCpu, TenantPss, TenantsPerGib, TenantsRaised,
    TimeToFirstResponse, Uss, WithRuntime, Works,
};
use crate::name::{SubjectName, WorkloadName};
use crate::operation::{AttributionStep, Operation};
use crate::parameter::PageCache;
use crate::quantity::Latency::{P50, P99};
use crate::quantity::Quantity::{Latency, Metric, SteadyLatency};
use crate::replay::{Bursts, ReplayLoad};
use crate::start::Start;
use crate::template::Word;
use facts::COMMON;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// How the question is answered. Each method has its row in the table below.
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
    /// What an instance costs that nobody asks: CPU time, wake-ups and memory.
    Idle {
        /// Rest between the first response and the opening of the window.
        rest_ms: u64,
    },
    /// Closed loop: each connection sends its next request when the last answer is complete.
    Throughput {
        /// Connections, one cell each.
        concurrency: Vec<u32>,
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
    },
    /// Tenants raised 1, 2, 4, ... until a wall: what does one more take, and what ends it?
    Density {
        /// Most tenants, by profile and subject.
        tenants_most: BTreeMap<Profile, BTreeMap<SubjectName, u32>>,
        /// Memory beyond which no more are raised: of what holds the tenants (PSS), or as far as the machine's
        /// available memory has fallen.
        memory_budget_mib: u64,
        /// Bound on the 99th percentile of latency of the probing tenant, microseconds.
        p99_bound_us: u64,
        /// Rate at which the first tenant is asked at each level; the others wait.
        probe_rate_per_second: u32,
        /// Connections over which those arrivals are spread.
        connections: u32,
        /// Rest between the last start of a level and its readings.
        rest_ms: u64,
    },
    /// Tenants started at once: when is the first of them answered, when half of them, when all?
    Storm {
        /// Numbers of tenants that are started at once, one cell each.
        starts: Vec<u32>,
        /// Numbers of tenants that stand ready, started and never asked, before all are asked at once; one cell each.
        #[serde(default)]
        ready: Vec<u32>,
        /// Most tenants, by profile and subject: cells of more are not visited.
        tenants_most: BTreeMap<Profile, BTreeMap<SubjectName, u32>>,
    },
    /// Requests to many tenants as they come, for a window: what do all of them take, beside what the cost model says?
    Replay {
        /// Loads, one cell each: the number of a cell is the place in this list, from 1.
        loads: Vec<ReplayLoad>,
        /// So many of them are replayed, from the first on, by profile.
        loads_most: BTreeMap<Profile, u32>,
        /// How long bursts are.
        bursts: Bursts,
        /// Load before the window opens, besides the load's `idle_timeout_ms`.
        warmup_ms: u64,
        /// The argument behind which stands after which idle time a host of all tenants drops one.
        idle_argument: String,
    },
    /// Bytes shipped and bytes installed.
    ArtifactSize {},
    /// Instructions that an emulator counts while the subject handles one request several times within one process.
    Instructions {
        /// Requests per invocation; the first is the cold one.
        iterations: u32,
    },
    /// CPU time of single operations within a process, without HTTP and without sockets. The subject is a program that
    /// takes the operation's name as its last word, and does it for each line that it reads.
    Operations {
        /// What is timed, one cell each.
        operations: Vec<Operation>,
        /// Iterations per invocation, each with a reading of the CPU time before and after.
        iterations: u32,
        /// The way from the baseline to the subject whose factor is to be explained, each step by one difference; none
        /// when absent.
        #[serde(default)]
        steps: Vec<AttributionStep>,
        /// The next steps, from the process to the service as it serves: subjects of the method `throughput`, by the
        /// CPU time that they take for each request of the workload with the operation's name. None when absent.
        #[serde(default)]
        served: Vec<AttributionStep>,
    },
    /// What each subject can do, tried one capability at a time.
    Maturity {
        /// How each capability of each subject is tried, or why it is not.
        probes: Probes,
    },
    /// What nobody should be able to do, tried by a probe that is started in the service's place.
    Isolation {
        /// The artifact that takes the place of another one, in the start of every subject.
        in_place_of: BTreeMap<String, String>,
        /// Arguments behind a subject's own, which take no placeholder; none of one that is not named.
        #[serde(default)]
        arguments: BTreeMap<SubjectName, Vec<Word>>,
        /// How long a request that never ends is waited for.
        spin_ms: u64,
    },
}

/// The table that holds an experiment's cells in place of those of its method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SeparateTable {
    /// Size and cold start of one guest in several languages; the method is `cold-start`.
    GuestLanguages,
    /// How the cost of a request grows with what varies from cell to cell; the method is `throughput`.
    Growth,
}

macro_rules! questions {
    ($($variant:ident => $key:literal, $facts:expr;)*) => {
        /// What kind of question a definition asks: its method, or the table that it asks for in place of that of its
        /// method. In the order in which questions are shown.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum QuestionKind {
            $(#[doc = concat!("`", $key, "`.")] $variant,)*
        }

        impl QuestionKind {
            /// Every kind, in the order in which questions are shown.
            pub const ALL: &'static [QuestionKind] = &[$(QuestionKind::$variant),*];

            /// The name in definitions, and of the table that answers such questions.
            #[must_use]
            pub fn key(self) -> &'static str {
                match self { $(QuestionKind::$variant => $key),* }
            }

            /// What is known of it.
            #[must_use]
            pub fn facts(self) -> &'static Facts {
                match self { $(QuestionKind::$variant => const { &$facts }),* }
            }
        }
    };
}

/// What a cold start is answered by, in whichever table.
const OF_START: Facts = Facts {
    stops_by: Some(TimeToFirstResponse),
    headline: Metric(TimeToFirstResponse),
    told_apart: &[Metric(TimeToFirstResponse)],
    reports_start: true,
    warmed_by: WarmedBy::Start,
    ..COMMON
};

questions! {
    Equivalence => "equivalence", Facts {
        stops_by: None, headline: Metric(CasesEqual), told_apart: &[Metric(CasesEqual)],
        per_workload: false, survives_emulation: true, has_ratio: false, takes_ms: 3_000, ..COMMON
    };

    ColdStart => "cold-start", Facts { brief: Some(0), ..OF_START };

    Instantiation => "instantiation", Facts {
        stops_by: Some(Instantiation), headline: Metric(Instantiation),
        told_apart: &[Metric(Instantiation), Metric(InstanceUss)],
        per_workload: false, takes_ms: 500, brief: Some(5), ..COMMON
    };

    WarmUp => "warm-up", Facts {
        stops_by: Some(LatencyP50), headline: SteadyLatency, told_apart: &[SteadyLatency],
        warmed_by: WarmedBy::Start, takes_ms: 500, brief: Some(7), ..COMMON
    };

    Throughput => "throughput", Facts {
        stops_by: Some(RequestsPerSecond), headline: Metric(RequestsPerSecond),
        headline_when_limited: Some(Metric(RequestsPerCpuSecond)),
        told_apart: &[Metric(RequestsPerSecond), Metric(RequestsPerCpuSecond)],
        window: Window::Completions, warmed_by: WarmedBy::Load, keeps_latencies: true, brief: Some(1), ..COMMON
    };

    Latency => "latency", Facts {
        stops_by: Some(LatencyP50), headline: Latency(P50), told_apart: &[Latency(P50), Latency(P99)],
        takes_mixes: true,
        window: Window::Time, warmed_by: WarmedBy::Load, keeps_latencies: true, brief: Some(2), ..COMMON
    };

    HighestRate => "highest-rate", Facts {
        stops_by: Some(HighestRate), headline: Metric(HighestRate), told_apart: &[Metric(HighestRate)],
        window: Window::Time, warmed_by: WarmedBy::Load, brief: Some(6), ..COMMON
    };

    Memory => "memory", Facts {
        stops_by: Some(Pss), headline: Metric(Pss),
        told_apart: &[Metric(Pss), Metric(Uss), Metric(MarginalPss), Metric(MarginalUss)],
        window: Window::Time, warmed_by: WarmedBy::Start, brief: Some(3), ..COMMON
    };

    Idle => "idle", Facts {
        stops_by: Some(IdleCpu), headline: Metric(IdleCpu),
        told_apart: &[Metric(IdleCpu), Metric(IdleWakeups), Metric(Pss), Metric(Uss)],
        // What sleeps all the time has used nothing: there is no ratio to it.
        has_ratio: false, window: Window::Time, warmed_by: WarmedBy::Start, brief: Some(11), ..COMMON
    };

    Density => "density", Facts {
        stops_by: Some(TenantsRaised), headline: Metric(TenantPss),
        told_apart: &[Metric(TenantPss), Metric(TenantsPerGib)],
        window: Window::Time, warmed_by: WarmedBy::Start, brief: Some(12), ..COMMON
    };

    Storm => "storm", Facts {
        stops_by: Some(LastAnswer), headline: Metric(LastAnswer), told_apart: &[Metric(LastAnswer), Metric(StartCpu)],
        warmed_by: WarmedBy::Start, takes_ms: 100, brief: Some(13), ..COMMON
    };

    Replay => "replay", Facts {
        stops_by: Some(PackingCpu), headline: Metric(PackingCpu),
        told_apart: &[Metric(PackingCpu), Metric(PackingPss)],
        // What a load takes stands beside what the model says, and not beside the baseline.
        has_ratio: false, adds_twins: false, window: Window::Time, warmed_by: WarmedBy::Start, ..COMMON
    };

    ArtifactSize => "artifact-size", Facts {
        stops_by: None, headline: Metric(Shipped), told_apart: &[Metric(Shipped), Metric(WithRuntime)],
        per_workload: false, survives_emulation: true, executes: false, takes_ms: 4_000, brief: Some(4), ..COMMON
    };

    Instructions => "instructions", Facts {
        stops_by: None, headline: Metric(InstructionsPerCall),
        told_apart: &[Metric(InstructionsFirstCall), Metric(InstructionsPerCall)],
        survives_emulation: true, takes_ms: 2_000, brief: Some(8), ..COMMON
    };

    Operations => "operations", Facts {
        stops_by: Some(OperationCpu), headline: Metric(OperationCpu), told_apart: &[Metric(OperationCpu)],
        per_workload: false, takes_ms: 300, brief: Some(14), ..COMMON
    };

    Maturity => "maturity", Facts {
        stops_by: None, headline: Metric(Works), told_apart: &[Metric(Works)],
        per_workload: false, has_ratio: false, takes_ms: 3_000, brief: Some(10), ..COMMON
    };

    Isolation => "isolation", Facts {
        stops_by: None, headline: Metric(AttemptsPossible),
        told_apart: &[Metric(AttemptsPossible), Metric(AttemptsAnswered)],
        per_workload: false, has_ratio: false, takes_ms: 8_000, ..COMMON
    };

    GuestLanguages => "guest-languages", Facts { brief: Some(9), ..OF_START };

    Growth => "growth", Facts {
        stops_by: Some(RequestsPerSecond), headline: Metric(RequestsPerCpuSecond),
        told_apart: &[Metric(RequestsPerCpuSecond)],
        window: Window::Completions, warmed_by: WarmedBy::Load, keeps_latencies: true, ..COMMON
    };
}

fn warm_only() -> Vec<PageCache> {
    vec![PageCache::Warm]
}

impl Method {
    /// Its row of the table.
    #[must_use]
    pub fn kind(&self) -> QuestionKind {
        match self {
            Method::Equivalence {} => QuestionKind::Equivalence,
            Method::ColdStart { .. } => QuestionKind::ColdStart,
            Method::Instantiation { .. } => QuestionKind::Instantiation,
            Method::WarmUp { .. } => QuestionKind::WarmUp,
            Method::Throughput { .. } => QuestionKind::Throughput,
            Method::Latency { .. } => QuestionKind::Latency,
            Method::HighestRate { .. } => QuestionKind::HighestRate,
            Method::Memory { .. } => QuestionKind::Memory,
            Method::Idle { .. } => QuestionKind::Idle,
            Method::Density { .. } => QuestionKind::Density,
            Method::Storm { .. } => QuestionKind::Storm,
            Method::Replay { .. } => QuestionKind::Replay,
            Method::ArtifactSize {} => QuestionKind::ArtifactSize,
            Method::Instructions { .. } => QuestionKind::Instructions,
            Method::Operations { .. } => QuestionKind::Operations,
            Method::Maturity { .. } => QuestionKind::Maturity,
            Method::Isolation { .. } => QuestionKind::Isolation,
        }
    }

    /// What is known of it, whatever its definition sets.
    #[must_use]
    pub fn facts(&self) -> &'static Facts {
        self.kind().facts()
    }

    /// How `subject` is started for it: as it is, or with a probe in the service's place.
    #[must_use]
    pub fn start<'a>(&self, subject: &SubjectName, own: &'a Start) -> Cow<'a, Start> {
        let Method::Isolation { in_place_of, arguments, .. } = self else {
            return Cow::Borrowed(own);
        };
        let mut start = own.with_artifacts(in_place_of).unwrap_or_else(|| own.clone());
        start.add_arguments(arguments.get(subject).map(Vec::as_slice).unwrap_or_default());
        Cow::Owned(start)
    }
}

impl QuestionKind {
    /// Of a method, and of the table that its definition asks for.
    #[must_use]
    pub fn of(method: &Method, table: Option<SeparateTable>) -> Self {
        match table {
            Some(SeparateTable::GuestLanguages) => QuestionKind::GuestLanguages,
            Some(SeparateTable::Growth) => QuestionKind::Growth,
            None => method.kind(),
        }
    }
}

#[cfg(test)]
mod tests;

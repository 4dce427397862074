//! How a question is answered: the methods, with the values that a definition gives them. Everything else asks them.
//!
//! What is known of each whatever its definition sets is the table in `kinds.rs`. What depends on those values stands
//! beside it: which cells a method has in `cells.rs`, what a definition may not say in `validation.rs`.

mod cells;
mod facts;
mod kinds;
mod starts;
mod validation;

pub use facts::{Facts, WarmedBy, Window};
pub use kinds::QuestionKind;

use crate::attack::Attack;
use crate::capability::Probes;
use crate::definition::Profile;
use crate::name::{SubjectName, WorkloadName};
use crate::operation::{AttributionStep, Operation};
use crate::overhead::{Making, Service};
use crate::parameter::PageCache;
use crate::replay::{Bursts, ReplayLoad};
use crate::template::Word;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How the question is answered. Each method has its row in `method/kinds.rs`.
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
    /// A tenant under a fixed load beside another one, which attacks: what becomes of its latency?
    Neighbour {
        /// What the aggressor does, one cell each; `none` is the control.
        attacks: Vec<Attack>,
        /// The artifact that the aggressor has in the place of another one, in the start of every subject.
        in_place_of: BTreeMap<String, String>,
        /// Rate at which the victim is asked, before the attack and during it.
        rate_per_second: u32,
        /// Connections over which those arrivals are spread.
        connections: u32,
        /// Load before each of the two windows opens; the attack begins with that before the second.
        warmup_ms: u64,
        /// Requests that the aggressor computes for at once.
        spins_count: u32,
        /// Connections to the aggressor that are held at once.
        held_connections_count: u32,
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
    /// A service that asks a backend and waits, started in the service's place: what is left of a difference when
    /// waiting is most of a request?
    Waiting {
        /// The artifact that takes the place of another one, in the start of every subject.
        in_place_of: BTreeMap<String, String>,
        /// Arguments behind a subject's own, which take no placeholder; none of one that is not named.
        #[serde(default)]
        arguments: BTreeMap<SubjectName, Vec<Word>>,
        /// How long the backend waits before each answer, one cell each.
        delays_us: Vec<u32>,
        /// Requests to the backend for each request, one after the other.
        backend_requests: u32,
        /// Connections of the closed loop: as many requests wait at once.
        connections: u32,
        /// Rest between the first response and the reading of memory before the load.
        rest_ms: u64,
        /// Load before the window opens, in which memory is read.
        warmup_ms: u64,
    },
    /// What it takes to make a service and to change it, in the form that the subject runs.
    Overhead {
        /// Which of the services are built, by profile; of the others nothing is timed.
        #[serde(default)]
        builds: BTreeMap<Profile, Vec<Service>>,
        /// How each service is counted, asked and changed; one cell each.
        services: BTreeMap<Service, Making>,
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
            Method::Neighbour { .. } => QuestionKind::Neighbour,
            Method::Replay { .. } => QuestionKind::Replay,
            Method::ArtifactSize {} => QuestionKind::ArtifactSize,
            Method::Instructions { .. } => QuestionKind::Instructions,
            Method::Operations { .. } => QuestionKind::Operations,
            Method::Maturity { .. } => QuestionKind::Maturity,
            Method::Isolation { .. } => QuestionKind::Isolation,
            Method::Waiting { .. } => QuestionKind::Waiting,
            Method::Overhead { .. } => QuestionKind::Overhead,
        }
    }

    /// What is known of it, whatever its definition sets.
    #[must_use]
    pub fn facts(&self) -> &'static Facts {
        self.kind().facts()
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

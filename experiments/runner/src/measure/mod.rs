//! What happens within one trial, by method.

mod artifact_size;
mod cold_start;
mod density;
mod equivalence;
pub mod highest_rate;
mod idle;
mod instance;
mod instantiation;
mod instructions;
mod isolation;
mod load;
mod maturity;
mod memory;
mod neighbour;
mod operations;
mod overhead;
mod rate_search;
mod replay;
mod start_cpu;
mod starters;
mod storm;
mod task;
mod tenants;
mod waiting;
mod warm_up;

pub use task::{Inventory, Job, jobs};

use crate::engine::engines::Engines;
use crate::failure::Failure;
use crate::image::Image;
use crate::load::Recorder;
use std::collections::BTreeMap;
use std::path::PathBuf;
use task::Task;
use weighbridge_schema::isolation::Isolation;
use weighbridge_schema::manifest::Pinning;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::overhead::Overhead;
use weighbridge_schema::plan::Trial;
use weighbridge_schema::raise::Raise;
use weighbridge_schema::record::Stage;
use weighbridge_schema::storm::Storm;
use weighbridge_schema::template::Word;

/// Everything a visit may use.
pub struct Bench<'a> {
    /// What is to be done.
    pub job: &'a Job<'a>,
    /// The container engines.
    pub engines: &'a Engines,
    /// Images by artifact name.
    pub images: &'a BTreeMap<Word, Image>,
    /// Which core does what.
    pub pinning: &'a Pinning,
    /// Name of the run.
    pub run: &'a str,
    /// Seed of the run's schedules.
    pub seed: u64,
    /// Folder for what the subjects write to their standard error.
    pub stderr_folder: PathBuf,
}

/// One trial with its place in the plan.
pub struct Visit<'a> {
    /// The trial.
    pub trial: &'a Trial,
    /// Index in the plan.
    pub position: u64,
    /// Number of the repetition, 0 for the planned visit.
    pub repeat: u32,
}

/// What a trial showed.
#[derive(Debug, Default)]
pub struct Measured {
    /// Moments since the start call.
    pub stages_ns: BTreeMap<Stage, u64>,
    /// Metrics in their units.
    pub metrics: BTreeMap<Metric, u64>,
    /// Latencies, where they were taken; of a mix those of the light requests.
    pub latencies: Option<Recorder>,
    /// Latencies of the heavy requests of a mix.
    pub heavy_latencies: Option<Recorder>,
    /// Durations of single iterations in their order, nanoseconds, where they are kept apart.
    pub series_ns: Option<Vec<u64>>,
    /// Tenants that were raised level by level.
    pub raise: Option<Raise>,
    /// Tenants that were started at once.
    pub storm: Option<Storm>,
    /// Operations that were tried one after the other.
    pub isolation: Option<Isolation>,
    /// What it takes to make the service.
    pub overhead: Option<Overhead>,
    /// Involuntary context switches of the subject's processes.
    pub subject_involuntary_switches_count: Option<u64>,
    /// Whether an emulator executed the subject.
    pub emulated: bool,
    /// Remarks that explain the numbers.
    pub remarks: Vec<String>,
}

impl Measured {
    /// Sets a metric if it is known.
    fn set(&mut self, metric: Metric, value: Option<u64>) {
        if let Some(value) = value {
            self.metrics.insert(metric, value);
        }
    }
}

/// Visits one cell once.
///
/// # Errors
/// The subject could not be started, did not answer or answered wrongly, or a reading failed.
pub fn visit(bench: &Bench<'_>, visit: &Visit<'_>) -> Result<Measured, Failure> {
    if let Some(request) = &bench.job.warms_with {
        instance::begin(bench, visit, request, 0)?.end()?;
    }
    match &bench.job.task {
        Task::Equivalence { first, all } => equivalence::measure(bench, visit, first, all),
        Task::ColdStart { request } => cold_start::measure(bench, visit, request),
        Task::Instantiation { command, iterations } => {
            instantiation::measure(bench, command, *iterations)
        }
        Task::WarmUp { request, iterations } => {
            warm_up::measure(bench, visit, request, *iterations)
        }
        Task::HighestRate { request, objective, measure_ms } => {
            highest_rate::measure(bench, visit, request, *objective, *measure_ms)
        }
        Task::Throughput { request, load } => load::throughput(bench, visit, request, load),
        Task::Latency { request, heavy, load } => {
            load::latency(bench, visit, request, heavy.as_ref(), load)
        }
        Task::MemoryIdle { request, rest } => memory::idle(bench, visit, request, *rest),
        Task::MemoryLoaded { request, connections, measure_ms } => {
            memory::loaded(bench, visit, request, *connections, *measure_ms)
        }
        Task::MemoryCopies { request, count, rest } => {
            memory::copies(bench, visit, request, *count, *rest)
        }
        Task::Idle { request, rest, measure_ms } => {
            idle::measure(bench, visit, request, *rest, *measure_ms)
        }
        Task::Density { request, tenants, bounds } => {
            tenants::measure(bench, visit, request, tenants.as_ref(), bounds)
        }
        Task::Storm { request, tenants, wanted } => {
            starters::measure(bench, visit, request, tenants.as_ref(), *wanted)
        }
        Task::Neighbour(neighbours) => neighbour::measure(bench, visit, neighbours),
        Task::Replay { request, tenants, replay } => {
            replay::measure(bench, visit, request, tenants.as_ref(), replay)
        }
        Task::ArtifactSize => artifact_size::measure(bench, visit),
        Task::Instructions(call) => instructions::measure(bench, visit, call),
        Task::Operation(timing) => operations::measure(bench, timing),
        Task::Maturity { steps } => maturity::measure(bench, visit, steps),
        Task::Isolation(intrusion) => isolation::measure(bench, visit, intrusion),
        Task::Waiting(waiting) => waiting::measure(bench, visit, waiting),
        Task::Overhead(piece) => overhead::measure(bench, visit, piece),
    }
}

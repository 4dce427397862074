//! What happens within one trial, by method.

mod artifact_size;
mod cold_start;
mod equivalence;
pub mod highest_rate;
mod instance;
mod instantiation;
mod instructions;
mod load;
mod maturity;
mod memory;
mod rate_search;
mod warm_up;

use crate::artifacts::Artifacts;
use crate::built::Built;
use crate::catalog::Catalog;
use crate::engine::Engine;
use crate::engines::Engines;
use crate::failure::{Failure, Phase};
use crate::http::PreparedRequest;
use crate::image::Image;
use crate::load::Recorder;
use std::collections::BTreeMap;
use std::path::PathBuf;
use weighbridge_schema::definition::{Definition, ProfileSettings};
use weighbridge_schema::manifest::{Emulator, Pinning};
use weighbridge_schema::method::Method;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::name::WorkloadName;
use weighbridge_schema::plan::Trial;
use weighbridge_schema::record::Stage;
use weighbridge_schema::subject::Start;
use weighbridge_schema::template::Word;
use weighbridge_schema::workload::Mix;

/// Everything a trial may use; the same for all trials of a run.
pub struct Bench<'a> {
    /// What is asked.
    pub catalog: &'a Catalog,
    /// What was built.
    pub built: &'a Built,
    /// What emulates, by architecture.
    pub emulators: &'a BTreeMap<String, Emulator>,
    /// The container engines.
    pub engines: &'a Engines,
    /// Images by artifact name.
    pub images: &'a BTreeMap<Word, Image>,
    /// Which core does what.
    pub pinning: &'a Pinning,
    /// Requests by workload, laid out once.
    pub requests: &'a BTreeMap<WorkloadName, PreparedRequest>,
    /// Name of the run.
    pub run: &'a str,
    /// Seed of the run's schedules.
    pub seed: u64,
    /// Folder for what the subjects write to their standard error.
    pub stderr_folder: PathBuf,
}

impl<'a> Bench<'a> {
    /// The artifacts of the visit's architecture.
    fn artifacts(&self, visit: &Visit<'_>) -> Result<&'a Artifacts, Failure> {
        self.built.of(&visit.trial.cell.architecture).map_err(Failure::at(Phase::Plan))
    }

    /// The engine that the visit's subject is started by; `None` for one that needs none.
    fn engine(&self, visit: &Visit<'_>) -> Option<&'a Engine> {
        match &self.catalog.subject(&visit.trial.cell.subject).ok()?.start {
            Start::Container { engine, .. } => self.engines.get(*engine).ok(),
            Start::Process { .. } | Start::Bundle { .. } | Start::Containerd { .. } => None,
        }
    }

    /// The mix that the visit asks for; `None` where its workload is a single request.
    fn mix(&self, visit: &Visit<'_>) -> Option<&'a Mix> {
        self.catalog.mix(visit.trial.cell.workload.as_ref()?)
    }

    /// What runs programs of the visit's architecture; `None` where the machine itself does.
    fn emulator(&self, visit: &Visit<'_>) -> Result<Option<&'a Emulator>, Failure> {
        let architecture = &visit.trial.cell.architecture;
        if *architecture == self.built.own.record.architecture {
            return Ok(None);
        }
        let found = self.emulators.get(architecture);
        found.map(Some).ok_or_else(|| {
            Failure::new(Phase::Plan, format!("no emulator for {architecture}: cargo xtask setup"))
        })
    }
}

/// One trial with its place in the plan and what its experiment sets.
pub struct Visit<'a> {
    /// The trial.
    pub trial: &'a Trial,
    /// Place in the plan.
    pub position: u64,
    /// Number of the repetition, 0 for the planned visit.
    pub repeat: u32,
    /// The experiment.
    pub definition: &'a Definition,
    /// What the profile sets.
    pub settings: &'a ProfileSettings,
}

impl Visit<'_> {
    /// Length of the measured window; a validated definition of a method with a window has one.
    fn window_ms(&self) -> Result<u64, Failure> {
        self.set(self.settings.measure_ms, "measure_ms")
    }

    /// Completions before which a closed loop's window does not close; a validated definition of that method has them.
    fn completions_least(&self) -> Result<u32, Failure> {
        self.set(self.settings.completions_least, "completions_least")
    }

    fn set<T>(&self, value: Option<T>, key: &str) -> Result<T, Failure> {
        value.ok_or_else(|| {
            let experiment = &self.definition.experiment;
            Failure::new(Phase::Plan, format!("the profile of experiment `{experiment}` sets no {key}"))
        })
    }
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
    if visit.definition.method.warms_before(visit.trial.cell.parameter) {
        instance::begin(bench, visit, instance::request(bench, visit)?, 0)?.end()?;
    }
    match &visit.definition.method {
        Method::Equivalence {} => equivalence::measure(bench, visit),
        Method::ColdStart { .. } => cold_start::measure(bench, visit),
        Method::Instantiation { iterations } => instantiation::measure(bench, visit, *iterations),
        Method::WarmUp { iterations } => warm_up::measure(bench, visit, *iterations),
        Method::HighestRate { p99_bound_us, first_rate_per_second, connections, warmup_ms } => {
            let objective = highest_rate::Objective {
                p99_bound_us: of_workload(visit, p99_bound_us)?,
                first_rate_per_second: of_workload(visit, first_rate_per_second)?,
                connections: *connections,
                warmup_ms: *warmup_ms,
            };
            highest_rate::measure(bench, visit, objective)
        }
        Method::Throughput { warmup_ms, .. } => load::throughput(bench, visit, *warmup_ms),
        Method::Latency { connections, warmup_ms, .. } => {
            load::latency(bench, visit, *connections, *warmup_ms)
        }
        Method::Memory { concurrency, settle_ms, .. } => {
            memory::measure(bench, visit, *concurrency, *settle_ms)
        }
        Method::ArtifactSize {} => artifact_size::measure(bench, visit),
        Method::Instructions { iterations } => instructions::measure(bench, visit, *iterations),
        Method::Maturity { probes } => maturity::measure(bench, visit, probes),
    }
}

/// The definition's value for the visit's workload; a validated definition has one for each.
fn of_workload<T: Copy>(
    visit: &Visit<'_>,
    values: &BTreeMap<WorkloadName, T>,
) -> Result<T, Failure> {
    let cell = &visit.trial.cell;
    let value = cell.workload.as_ref().and_then(|workload| values.get(workload));
    value.copied().ok_or_else(|| {
        Failure::new(Phase::Plan, format!("the definition sets nothing for the workload of {cell}"))
    })
}

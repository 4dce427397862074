//! What a visit is to do, with all that it needs for it: looked up for every cell of the plan
//! before the first visit, so that a trial that cannot be made is one error at the beginning of the
//! run.

mod in_place;
mod neighbour;
mod tenants;

use super::density::Bounds;
use super::highest_rate::Objective;
use super::instructions::{Call, PLUGIN};
use super::isolation::Intrusion;
use super::neighbour::Neighbours;
use super::operations::Timing;
use super::overhead::Workpiece;
use super::replay::Replay;
use super::starters::Wanted;
use super::tenants::Tenants;
use super::waiting::Waiting;
use crate::engine::Engine;
use crate::engine::engines::Engines;
use crate::http::PreparedRequest;
use crate::inventory::artifacts::Artifacts;
use crate::inventory::built::Built;
use crate::plan::planned::Planned;
use crate::question::catalog::Catalog;
use anyhow::{Context, Result, bail, ensure};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;
use weighbridge_schema::capability::{Probe, Probes, Step, probe};
use weighbridge_schema::manifest::{Emulator, Manifest};
use weighbridge_schema::method::Method;
use weighbridge_schema::name::WorkloadName;
use weighbridge_schema::parameter::Parameter;
use weighbridge_schema::subject::Subject;
use weighbridge_schema::template::{Piece, Word};

/// What jobs are made from.
#[derive(Clone, Copy)]
pub struct Inventory<'a> {
    /// What is asked.
    pub catalog: &'a Catalog,
    /// What was built.
    pub built: &'a Built,
    /// The container engines, those that answer and those that do not.
    pub engines: &'a Engines,
    /// What is to be done.
    pub manifest: &'a Manifest,
}

/// A task, and the subject that it is about.
pub struct Job<'a> {
    /// The subject.
    pub subject: &'a Subject,
    /// What was built for the cell's architecture.
    pub artifacts: &'a Artifacts,
    /// Whether that is the local architecture.
    pub is_native: bool,
    /// What executes programs of that architecture; `None` where the machine itself does, or
    /// nothing is executed.
    pub emulator: Option<&'a Emulator>,
    /// The engine that starts the subject; `None` for one that needs none.
    pub engine: Option<&'a Engine>,
    /// What an instance that runs before the visit is asked, so that the page cache is warm.
    pub warms_with: Option<Rc<PreparedRequest>>,
    /// What is to be done.
    pub task: Task<'a>,
}

/// What is to be done, by method.
pub enum Task<'a> {
    /// Compare the answers to all of the requests; the first one starts the instance.
    Equivalence { first: Rc<PreparedRequest>, all: Vec<(&'a WorkloadName, Rc<PreparedRequest>)> },
    /// Start, ask once, stop.
    ColdStart { request: Rc<PreparedRequest> },
    /// Run the command that makes and drops instances.
    Instantiation { command: Vec<String>, iterations: u32 },
    /// Ask one instance so often, one request after the other.
    WarmUp { request: Rc<PreparedRequest>, iterations: u32 },
    /// Search for the highest rate.
    HighestRate { request: Rc<PreparedRequest>, objective: Objective, measure_ms: u64 },
    /// Load in a closed loop.
    Throughput { request: Rc<PreparedRequest>, load: ClosedLoad },
    /// Load in an open loop.
    Latency { request: Rc<PreparedRequest>, heavy: Option<Heavy>, load: OpenLoad },
    /// Read memory after a rest.
    MemoryIdle { request: Rc<PreparedRequest>, rest: Duration },
    /// Read memory under a closed loop.
    MemoryLoaded { request: Rc<PreparedRequest>, connections: u32, measure_ms: u64 },
    /// Read the memory of so many instances after a rest.
    MemoryCopies { request: Rc<PreparedRequest>, count: u32, rest: Duration },
    /// Read CPU time, wake-ups and memory of an instance that nobody asks.
    Idle { request: Rc<PreparedRequest>, rest: Duration, measure_ms: u64 },
    /// Raise tenants until a wall; of a subject whose one process holds all of them, with their files.
    Density { request: Rc<PreparedRequest>, tenants: Option<Tenants>, bounds: Bounds },
    /// Start tenants at once; of a subject whose one process holds all of them, ask them at once.
    Storm { request: Rc<PreparedRequest>, tenants: Option<Tenants>, wanted: Wanted },
    /// Load a tenant before another one attacks, and meanwhile.
    Neighbour(Box<Neighbours>),
    /// Send a load to many tenants; of a subject whose one process holds all of them, to these.
    Replay { request: Rc<PreparedRequest>, tenants: Option<Tenants>, replay: Box<Replay> },
    /// Weigh what is shipped.
    ArtifactSize,
    /// Count instructions.
    Instructions(Call<'a>),
    /// Read the CPU time of an operation.
    Operation(Timing),
    /// Try what the runtime can do.
    Maturity { steps: &'a [Step] },
    /// Try what nobody should be able to do.
    Isolation(Box<Intrusion>),
    /// Load a service that waits for a backend.
    Waiting(Box<Waiting>),
    /// Count what a service is made of, and build it.
    Overhead(Box<Workpiece<'a>>),
}

/// What a closed loop does.
#[derive(Debug, Clone, Copy)]
pub struct ClosedLoad {
    /// Connections, each with one request in flight.
    pub connections: u32,
    /// Load before the window opens.
    pub warmup_ms: u64,
    /// Least length of the window.
    pub measure_ms: u64,
    /// Completions before which the window does not close.
    pub completions_least: u32,
}

/// What an open loop does.
#[derive(Debug, Clone, Copy)]
pub struct OpenLoad {
    /// Offered rate.
    pub rate_per_second: u32,
    /// Connections over which the arrivals are spread.
    pub connections: u32,
    /// Load before the window opens.
    pub warmup_ms: u64,
    /// Length of the window.
    pub measure_ms: u64,
}

/// The heavy requests of a mix.
pub struct Heavy {
    /// Each of them.
    pub request: Rc<PreparedRequest>,
    /// Their share of all requests.
    pub percent: u32,
}

/// One job for each trial of the plan, in its order. Trials of one cell share theirs.
///
/// # Errors
/// A trial asks for what is not there; the message names its cell.
pub fn jobs<'a>(inventory: Inventory<'a>, plan: &[Planned<'a>]) -> Result<Vec<Rc<Job<'a>>>> {
    let requests = requests(inventory)?;
    let mut by_cell = BTreeMap::new();
    let mut all = Vec::new();
    for planned in plan {
        let trial = planned.trial;
        let key = (&trial.experiment, &trial.cell);
        let job = match by_cell.get(&key) {
            Some(job) => Rc::clone(job),
            None => {
                let lookup = Lookup { inventory, requests: &requests, planned };
                let made = lookup.job().with_context(|| {
                    format!("{} of {} cannot be measured", trial.cell, trial.experiment)
                });
                let job = Rc::new(made?);
                by_cell.insert(key, Rc::clone(&job));
                job
            }
        };
        all.push(job);
    }
    Ok(all)
}

/// The requests of the run, each laid out once.
fn requests(inventory: Inventory<'_>) -> Result<BTreeMap<WorkloadName, Rc<PreparedRequest>>> {
    let Inventory { catalog, manifest, .. } = inventory;
    let mut requests = BTreeMap::new();
    for entry in manifest.experiments.values() {
        for name in entry.workloads.iter().flat_map(|name| catalog.parts(name)) {
            if !requests.contains_key(name) {
                requests.insert(name.clone(), Rc::new(catalog.prepare(name)?));
            }
        }
    }
    Ok(requests)
}

struct Lookup<'a, 'l> {
    inventory: Inventory<'a>,
    requests: &'l BTreeMap<WorkloadName, Rc<PreparedRequest>>,
    planned: &'l Planned<'a>,
}

impl<'a> Lookup<'a, '_> {
    fn job(&self) -> Result<Job<'a>> {
        let Inventory { catalog, built, engines, manifest } = self.inventory;
        let (cell, method) = (&self.planned.trial.cell, &self.planned.definition.method);
        let subject = catalog.subject(&cell.subject)?;
        let artifacts = built.of(&cell.architecture)?;
        let is_native = cell.architecture == built.local.record.architecture;
        let emulator = manifest.emulators.get(&cell.architecture).filter(|_| !is_native);
        ensure!(
            is_native || emulator.is_some() || !method.facts().executes,
            "no emulator for {}: cargo xtask setup",
            cell.architecture
        );
        let engine = subject.start.container().and_then(|(engine, _)| engines.get(engine).ok());
        let warms_with = match method.warms_before(cell.parameter) {
            true => Some(self.first_request(subject, artifacts)?),
            false => None,
        };
        let task = self.task(subject, artifacts)?;
        Ok(Job { subject, artifacts, is_native, emulator, engine, warms_with, task })
    }

    fn task(&self, subject: &'a Subject, artifacts: &'a Artifacts) -> Result<Task<'a>> {
        let definition = self.planned.definition;
        Ok(match &definition.method {
            Method::Equivalence {} => self.equivalence(&definition.workloads)?,
            Method::ColdStart { .. } => Task::ColdStart { request: self.request()? },
            Method::Instantiation { iterations } => {
                let command = instantiation(subject, artifacts, *iterations)?;
                Task::Instantiation { command, iterations: *iterations }
            }
            Method::WarmUp { iterations } => {
                Task::WarmUp { request: self.request()?, iterations: *iterations }
            }
            Method::HighestRate { p99_bound_us, first_rate_per_second, connections, warmup_ms } => {
                let objective = Objective {
                    p99_bound_us: self.of_workload(p99_bound_us)?,
                    first_rate_per_second: self.of_workload(first_rate_per_second)?,
                    connections: *connections,
                    warmup_ms: *warmup_ms,
                };
                let (request, measure_ms) = (self.request()?, self.measure_ms()?);
                Task::HighestRate { request, objective, measure_ms }
            }
            Method::Throughput { warmup_ms, .. } => {
                let Parameter::Concurrency(connections) = self.planned.trial.cell.parameter else {
                    bail!("a throughput trial needs a concurrency");
                };
                let load = self.closed_load(connections, *warmup_ms)?;
                Task::Throughput { request: self.first_request(subject, artifacts)?, load }
            }
            Method::Latency { connections, warmup_ms, .. } => {
                self.latency(*connections, *warmup_ms)?
            }
            Method::Memory { concurrency, settle_ms, .. } => {
                self.memory(*concurrency, Duration::from_millis(*settle_ms))?
            }
            Method::Idle { rest_ms } => {
                let request = self.first_request(subject, artifacts)?;
                let rest = Duration::from_millis(*rest_ms);
                Task::Idle { request, rest, measure_ms: self.measure_ms()? }
            }
            Method::Density { .. } => self.density(subject, artifacts)?,
            Method::Storm { .. } => self.storm(subject, artifacts)?,
            Method::Neighbour { .. } => self.neighbour(subject, artifacts)?,
            Method::Replay { .. } => self.replay(subject, artifacts)?,
            Method::ArtifactSize {} => Task::ArtifactSize,
            Method::Instructions { iterations } => {
                let template = subject.call.as_deref();
                let template = template.context("the subject has no `call` in subjects.toml")?;
                let plugin = self.inventory.built.local.path(PLUGIN)?;
                let (shape, body) = self.inventory.catalog.request(self.workload()?)?;
                let call = Call::new(template, artifacts, plugin, (shape, body), *iterations);
                Task::Instructions(call?)
            }
            Method::Operations { iterations, .. } => {
                let Parameter::Operation(operation) = self.planned.trial.cell.parameter else {
                    bail!("it names no operation");
                };
                Task::Operation(Timing::new(subject, artifacts, operation, *iterations)?)
            }
            Method::Maturity { probes } => Task::Maturity { steps: self.steps(probes, artifacts)? },
            Method::Isolation { in_place_of, spin_ms, .. } => {
                self.isolation(subject, artifacts, in_place_of, *spin_ms)?
            }
            Method::Waiting { .. } => self.waiting(subject, artifacts)?,
            Method::Overhead { services, .. } => {
                let profile = &self.inventory.manifest.profile;
                Workpiece::new(self.planned, services, profile, subject, artifacts)?.task()
            }
        })
    }

    fn equivalence(&self, workloads: &'a [WorkloadName]) -> Result<Task<'a>> {
        let named = |name: &'a WorkloadName| Ok((name, self.request_named(name)?));
        let all = workloads.iter().map(named).collect::<Result<Vec<_>>>()?;
        let (_, first) = all.first().context("the definition has no workload to compare")?;
        Ok(Task::Equivalence { first: Rc::clone(first), all })
    }

    fn closed_load(&self, connections: u32, warmup_ms: u64) -> Result<ClosedLoad> {
        let completions_least = self.planned.settings.completions_least;
        let completions_least =
            completions_least.context("the profile sets no completions_least")?;
        Ok(ClosedLoad { connections, warmup_ms, measure_ms: self.measure_ms()?, completions_least })
    }

    fn latency(&self, connections: u32, warmup_ms: u64) -> Result<Task<'a>> {
        let Parameter::Rate(rate_per_second) = self.planned.trial.cell.parameter else {
            bail!("a latency trial needs a rate");
        };
        let load =
            OpenLoad { rate_per_second, connections, warmup_ms, measure_ms: self.measure_ms()? };
        let Some(mix) = self.inventory.catalog.mix(self.workload()?) else {
            return Ok(Task::Latency { request: self.request()?, heavy: None, load });
        };
        let heavy = Heavy { request: self.request_named(&mix.heavy)?, percent: mix.heavy_percent };
        let request = self.request_named(&mix.light)?;
        Ok(Task::Latency { request, heavy: Some(heavy), load })
    }

    fn memory(&self, connections: u32, rest: Duration) -> Result<Task<'a>> {
        let request = self.request()?;
        Ok(match self.planned.trial.cell.parameter {
            Parameter::Idle => Task::MemoryIdle { request, rest },
            Parameter::Loaded => {
                Task::MemoryLoaded { request, connections, measure_ms: self.measure_ms()? }
            }
            Parameter::Copies(count) => Task::MemoryCopies { request, count, rest },
            other => bail!("a memory trial cannot have `{other}`"),
        })
    }

    /// The steps of the cell's probe, whose words name nothing that is not there.
    fn steps(&self, probes: &'a Probes, artifacts: &Artifacts) -> Result<&'a [Step]> {
        let cell = &self.planned.trial.cell;
        let found = match cell.parameter {
            Parameter::Capability(capability) => probe(probes, &cell.subject, None, capability),
            _ => None,
        };
        let Some(Probe::Try(steps)) = found else { bail!("the definition tries nothing for it") };
        // Known only when the step is made.
        let later = |piece: &Piece| {
            matches!(piece, Piece::Scratch | Piece::Listen | Piece::Port).then(String::new)
        };
        for Step::Run { command, .. } | Step::Serve { command, .. } in steps {
            ensure!(!command.is_empty(), "a step of its probe has an empty command");
            let words: Vec<Word> = command.iter().map(|word| word.with(later)).collect();
            artifacts.command(&words)?;
        }
        Ok(steps)
    }

    fn workload(&self) -> Result<&'a WorkloadName> {
        self.planned.trial.cell.workload.as_ref().context("it has no workload")
    }

    fn request(&self) -> Result<Rc<PreparedRequest>> {
        self.request_named(self.workload()?)
    }

    fn request_named(&self, name: &WorkloadName) -> Result<Rc<PreparedRequest>> {
        let request = self.requests.get(name);
        request.cloned().with_context(|| format!("workload `{name}` is no request of this run"))
    }

    fn measure_ms(&self) -> Result<u64> {
        self.planned.settings.measure_ms.context("the profile sets no measure_ms")
    }

    /// The definition's value for the cell's workload; a validated definition has one for each.
    fn of_workload<T: Copy>(&self, values: &BTreeMap<WorkloadName, T>) -> Result<T> {
        let value = values.get(self.workload()?);
        value.copied().context("the definition sets nothing for its workload")
    }
}

fn instantiation(subject: &Subject, artifacts: &Artifacts, iterations: u32) -> Result<Vec<String>> {
    let template = subject.instantiate.as_deref().unwrap_or_default();
    ensure!(
        !template.is_empty(),
        "the subject has no `instantiate` command in subjects.toml: its instances are processes"
    );
    let number = |piece: &Piece| (*piece == Piece::Iterations).then(|| iterations.to_string());
    let words: Vec<Word> = template.iter().map(|word| word.with(number)).collect();
    Ok(artifacts.command(&words)?)
}

#[cfg(test)]
#[path = "task_tests.rs"]
mod tests;

//! Tenants on this machine: an instance of the subject for each, or one instance that serves all of them.

use super::density::{Bounds, Metrics, Packing, Probed, raise};
use super::instance::{Running, begin, client_cores};
use super::memory::{engine_daemons, trees};
use super::task::OpenLoad;
use super::{Bench, Measured, Visit};
use crate::failure::{Cause, Failure, Phase};
use crate::http::{PreparedRequest, exchange};
use crate::inventory::tenants::name;
use crate::kernel::clock::monotonic_ns;
use crate::kernel::daemons::shim;
use crate::kernel::{interrupt, procfs};
use crate::load::{Target, Window, constant_schedule, open_loop};
use crate::subject::way;
use std::collections::BTreeSet;
use std::time::Duration;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::workload::RequestShape;

/// Longest wait for a tenant's first answer from a host that serves others already.
const FIRST_ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// What tenants of one host are asked: the workload's request, with the tenant's name before its path.
pub struct Tenants {
    shape: RequestShape,
    body: Vec<u8>,
}

impl Tenants {
    /// Of a workload's request.
    pub fn new(shape: &RequestShape, body: Vec<u8>) -> Self {
        Self { shape: shape.clone(), body }
    }

    /// The request to one of them.
    pub fn request(&self, number: u32) -> PreparedRequest {
        let path = format!("/t/{}{}", name(number), self.shape.path);
        PreparedRequest::new(&RequestShape { path, ..self.shape.clone() }, &self.body)
    }
}

/// Raises the tenants of one visit, and ends them.
///
/// # Errors
/// As [`super::visit`].
pub fn measure(
    bench: &Bench<'_>,
    visit: &Visit<'_>,
    request: &PreparedRequest,
    tenants: Option<&Tenants>,
    bounds: &Bounds,
) -> Result<Measured, Failure> {
    // What fails half-way drops the instances that run, and that ends them.
    let mut machine =
        Machine { bench, visit, request, tenants, running: Vec::new(), pids: Vec::new() };
    let (raise, stand) = raise(&mut machine, bounds)?;
    let mut measured = Measured::default();
    measured.set(Metric::TenantsRaised, Some(stand.into()));
    measured.raise = Some(raise);
    for one in machine.running {
        one.end()?;
    }
    Ok(measured)
}

/// What raises them.
struct Machine<'a, 'v> {
    bench: &'v Bench<'a>,
    visit: &'v Visit<'v>,
    /// What an instance is asked first; of a host of many that of the first tenant.
    request: &'v PreparedRequest,
    /// Of a host of many.
    tenants: Option<&'v Tenants>,
    running: Vec<Running<'a>>,
    /// The first process of each instance that runs.
    pids: Vec<u32>,
}

impl Machine<'_, '_> {
    fn start_instance(&mut self, number: u32) -> Result<u64, Failure> {
        let running = begin(self.bench, self.visit, self.request, number)?;
        let took_ns = running.first.response_ns.saturating_sub(running.instance.start_call_ns());
        self.pids.push(running.instance.pid().map_err(Failure::at(Phase::Start))?);
        self.running.push(running);
        Ok(took_ns)
    }

    /// Asks a tenant of the host that runs for the first time: its code is mapped then.
    fn ask(&self, host: &Running<'_>, request: &PreparedRequest) -> Result<u64, Failure> {
        if interrupt::requested() {
            return Err(Failure::new(Phase::FirstResponse, Cause::Interrupted));
        }
        let from_ns = monotonic_ns();
        let answer = exchange(host.instance.address(), request, FIRST_ANSWER_LIMIT)
            .map_err(Failure::at(Phase::FirstResponse))?;
        let took_ns = monotonic_ns().saturating_sub(from_ns);
        answer.check(request).map_err(Failure::at(Phase::FirstResponse))?;
        Ok(took_ns)
    }
}

impl Packing for Machine<'_, '_> {
    fn start(&mut self, number: u32) -> Result<Option<u64>, Failure> {
        match (self.tenants, self.running.first()) {
            (Some(tenants), Some(host)) => self.ask(host, &tenants.request(number)).map(Some),
            // The start of the host with its first tenant is not that of a tenant.
            (Some(_), None) => self.start_instance(number).map(|_| None),
            (None, _) => self.start_instance(number).map(Some),
        }
    }

    fn is_hindered(&self) -> bool {
        let silence = || way(&self.bench.job.subject.start).silence(self.bench.engines);
        interrupt::requested() || silence().is_some()
    }

    fn memory(&mut self, rest: Duration) -> Result<Metrics, Failure> {
        std::thread::sleep(rest);
        let pids = &self.pids;
        let own = procfs::memory(&trees(pids)).ok_or_else(|| {
            let why =
                format!("smaps_rollup of the processes of {} tenants cannot be read", pids.len());
            Failure::new(Phase::Memory, why)
        })?;
        let mut metrics =
            Metrics::from([(Metric::Pss, own.pss_bytes), (Metric::Uss, own.uss_bytes)]);
        let pss_bytes = |pids: &[u32]| procfs::memory(pids).map(|memory| memory.pss_bytes);
        let shims: BTreeSet<u32> = pids.iter().copied().filter_map(shim).collect();
        let shims: Vec<u32> = shims.into_iter().collect();
        let mut all_bytes = Some(own.pss_bytes);
        let mut add = |metric, bytes: Option<u64>| {
            all_bytes = all_bytes.zip(bytes).map(|(all, bytes)| all + bytes);
            metrics.extend(bytes.map(|bytes| (metric, bytes)));
        };
        if !shims.is_empty() {
            add(Metric::ShimPss, pss_bytes(&shims));
        }
        if self.bench.job.engine.is_some() || !shims.is_empty() {
            let daemons = engine_daemons(self.bench, shims.first().copied());
            add(Metric::EnginePss, daemons.and_then(|pids| pss_bytes(&pids)));
        }
        // Unknown when a part of it is.
        metrics.extend(all_bytes.map(|bytes| (Metric::PackingPss, bytes)));
        Ok(metrics)
    }

    fn probe(&mut self, load: &OpenLoad) -> Result<Probed, Failure> {
        let Some(first) = self.running.first() else {
            return Err(Failure::new(Phase::TenantProbe, "no tenant stands".to_owned()));
        };
        let asked = (self.request, &first.first.answer);
        let (address, cores) = (first.instance.address(), client_cores(self.bench));
        let target = Target::new(address, asked, load.connections, cores);
        let window = Window::starting_now(load.warmup_ms, load.measure_ms);
        let schedule = constant_schedule(&window, load.rate_per_second);
        let (result, ()) = open_loop(&target, &window, &schedule, None, || ())
            .map_err(Failure::at(Phase::TenantProbe))?;
        if interrupt::requested() {
            return Err(Failure::new(Phase::TenantProbe, Cause::Interrupted));
        }
        let known = [
            (Metric::RequestsCompleted, Some(result.completed_count)),
            (Metric::RequestsFailed, Some(result.failed_count)),
            (Metric::LatencyP50, result.latencies.quantile_ns(0.5)),
            (Metric::LatencyP99, result.latencies.quantile_ns(0.99)),
            (Metric::SendLagP99, result.lags.quantile_ns(0.99)),
        ];
        let metrics = known.into_iter().filter_map(|(metric, value)| Some((metric, value?)));
        Ok(Probed { metrics: metrics.collect(), failure: result.first_failure })
    }

    fn available_bytes(&self) -> Option<u64> {
        procfs::available_bytes()
    }
}

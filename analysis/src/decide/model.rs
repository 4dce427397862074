//! What a load takes in a packing: a handful of measured parameters and closed forms. It knows nothing of runs, does no
//! input or output, and stands a second time in the report's page (`decide.js`), which a test keeps equal.
//!
//! Requests to a tenant are a Poisson process, so that the gaps between them are exponential: a gap is longer than a
//! time with the probability exp(-rate x time), and what is up until it was idle for so long is up for the share
//! 1 - exp(-rate x time) of all time (Ross, Introduction to Probability Models, chapters 5.3 and 7: the exponential
//! distribution of the gaps, and the renewal reward theorem). How much of a start's memory is held at a time is the
//! rate of starts times how long each takes (Little 1961, Operations Research 9).

use serde::Serialize;
use weighbridge_statistics::bootstrap::Interval;

/// Hours of a month: a twelfth of 365 days.
pub const HOURS_PER_MONTH: f64 = 730.0;
/// When so many of all requests meet a start, the 99th percentile of latency is no less than the median of a start's:
/// half of these requests, a hundredth of all, wait longer.
pub const STARTS_IN_P99: f64 = 0.02;
const GIB_BYTES: f64 = (1u64 << 30) as f64;

/// A number with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Estimate {
    /// The median.
    pub point: f64,
    /// `None` where there were too few invocations for one.
    pub interval: Option<Interval>,
}

impl Estimate {
    /// What is known without any doubt.
    #[must_use]
    pub fn exact(value: f64) -> Self {
        Self { point: value, interval: Some(Interval::exact(value)) }
    }

    /// The point, or an end of the interval.
    #[must_use]
    pub fn at(self, end: End) -> Option<f64> {
        match end {
            End::Point => Some(self.point),
            End::Low => self.interval.map(|interval| interval.low),
            End::High => self.interval.map(|interval| interval.high),
        }
    }
}

/// Which value of every parameter is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The median.
    Point,
    /// The lower end of its interval.
    Low,
    /// The upper end.
    High,
}

/// What was measured of a packing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Parameters {
    /// Memory that is there once, however many tenants there are: daemons, or the host of all. Bytes.
    pub once_bytes: Estimate,
    /// Memory that each tenant that is up adds. Bytes.
    pub tenant_bytes: Estimate,
    /// CPU seconds for each second in which a tenant is up and nobody asks.
    pub idle_cores: Estimate,
    /// CPU time of a request divided by the baseline's.
    pub cpu_factor: Estimate,
    /// What a start takes; `None` where none is met.
    pub start: Option<Start>,
}

/// What a start takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Start {
    /// CPU seconds.
    pub cpu_s: Estimate,
    /// Seconds to the first answer.
    pub latency_s: Estimate,
}

/// When an instance is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Policy {
    /// Every tenant's is up all the time.
    AlwaysOn,
    /// A tenant's is started by a request and ended when it was idle for a set time.
    ScaleToZero,
    /// One host for all is up, with every tenant's code mapped, and makes an instance for each request.
    InstancePerRequest,
}

impl Policy {
    /// The two of a packing; `is_shared` when one host holds all tenants.
    #[must_use]
    pub fn of(is_shared: bool) -> [Self; 2] {
        [if is_shared { Policy::InstancePerRequest } else { Policy::AlwaysOn }, Policy::ScaleToZero]
    }

    /// The words a table uses.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Policy::AlwaysOn => "always on",
            Policy::ScaleToZero => "scale to zero",
            Policy::InstancePerRequest => "instance per request",
        }
    }
}

/// What is asked of the tenants, all alike.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Load {
    /// Requests per second to each tenant.
    pub rate_per_s: f64,
    /// CPU seconds of a request to the baseline.
    pub cpu_per_request_s: f64,
    /// Tenants.
    pub tenants_count: f64,
    /// Bound on the 99th percentile of latency, in seconds; `None` where there is none.
    pub bound_s: Option<f64>,
    /// After so many idle seconds a tenant is ended, where it is ended at all.
    pub idle_timeout_s: f64,
}

/// What a vCPU and a GiB cost, in whatever unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prices {
    /// A CPU for an hour.
    pub vcpu_hour: f64,
    /// A GiB for an hour.
    pub gib_hour: f64,
}

/// What all tenants take.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Used {
    /// In the prices' unit, for a month.
    pub cost_per_month: f64,
    /// On average over time.
    pub memory_bytes: f64,
    /// CPU seconds per second, on average over time.
    pub cores: f64,
    /// No less than this is the 99th percentile of latency, in seconds. Nothing waits for another in it.
    pub p99_least_s: f64,
}

/// The share of the requests that meet a start.
#[must_use]
pub fn started_share(policy: Policy, load: &Load) -> f64 {
    match policy {
        Policy::AlwaysOn | Policy::InstancePerRequest => 0.0,
        Policy::ScaleToZero => (-load.rate_per_s * load.idle_timeout_s).exp(),
    }
}

/// The values of the parameters at which a load is looked at.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Values {
    once_bytes: f64,
    tenant_bytes: f64,
    idle_cores: f64,
    cpu_factor: f64,
    start_cpu_s: f64,
    start_latency_s: f64,
}

impl Parameters {
    /// With `held` for what is held while a tenant is up, and `done` for what a start and a request take.
    fn values(&self, held: End, done: End) -> Option<Values> {
        let of_start = |of: fn(&Start) -> Estimate| match &self.start {
            Some(start) => of(start).at(done),
            None => Some(0.0),
        };
        Some(Values {
            once_bytes: self.once_bytes.at(held)?,
            tenant_bytes: self.tenant_bytes.at(held)?,
            idle_cores: self.idle_cores.at(held)?,
            cpu_factor: self.cpu_factor.at(done)?,
            start_cpu_s: of_start(|start| start.cpu_s)?,
            start_latency_s: of_start(|start| start.latency_s)?,
        })
    }

    /// What the load takes with every parameter at `end`; `None` where one has no interval. Nothing falls when a
    /// parameter rises, so that the ends of all give the ends of everything: wider than an interval of the sum would
    /// be, which needs no guess about how the parameters depend on each other.
    #[must_use]
    pub fn used(&self, end: End, policy: Policy, load: &Load, prices: &Prices) -> Option<Used> {
        Some(used(&self.values(end, end)?, policy, load, prices))
    }

    /// Whether the packing costs less under one policy than under `other`, wherever in its intervals the parameters
    /// are: what both have in common is in both. The policy that keeps a tenant up gains by less memory and idle CPU
    /// time and by dearer starts, and the other way round: two corners are enough.
    #[must_use]
    pub fn is_cheaper_under(
        &self,
        policy: Policy,
        other: Policy,
        load: &Load,
        prices: &Prices,
    ) -> bool {
        [(End::Low, End::High), (End::High, End::Low)].into_iter().all(|(held, done)| {
            self.values(held, done).is_some_and(|values| {
                let cost = |policy| used(&values, policy, load, prices).cost_per_month;
                cost(policy) < cost(other)
            })
        })
    }
}

fn used(values: &Values, policy: Policy, load: &Load, prices: &Prices) -> Used {
    let request_s = load.cpu_per_request_s * values.cpu_factor;
    let started = started_share(policy, load);
    // A start and the request that it waits for, one after the other: they hold memory too.
    let first_s = values.start_latency_s + request_s;
    let up = match policy {
        Policy::AlwaysOn | Policy::InstancePerRequest => 1.0,
        Policy::ScaleToZero => (1.0 - started) + started * (load.rate_per_s * first_s).min(1.0),
    };
    let cores_per_tenant =
        load.rate_per_s * (request_s + started * values.start_cpu_s) + up * values.idle_cores;
    let cores = load.tenants_count * cores_per_tenant;
    let memory_bytes = values.once_bytes + load.tenants_count * up * values.tenant_bytes;
    let per_hour = cores * prices.vcpu_hour + memory_bytes / GIB_BYTES * prices.gib_hour;
    Used {
        cost_per_month: per_hour * HOURS_PER_MONTH,
        memory_bytes,
        cores,
        p99_least_s: if started >= STARTS_IN_P99 { first_s } else { request_s },
    }
}

#[cfg(test)]
#[path = "model_tests.rs"]
mod tests;

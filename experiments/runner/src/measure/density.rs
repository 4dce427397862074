//! The rule by which tenants are raised: level by level, until a wall is met, which is named.

use super::task::OpenLoad;
use crate::failure::Failure;
use std::collections::BTreeMap;
use std::time::Duration;
use weighbridge_schema::method::Method;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::raise::{Level, Raise, Wall, levels};
use weighbridge_statistics::quantile::median;

/// Metrics in their units.
pub type Metrics = BTreeMap<Metric, u64>;

/// What ends a raise, and how each level is looked at.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Tenants at most.
    pub tenants_most: u32,
    /// Memory beyond which no more are raised.
    pub memory_budget_bytes: u64,
    /// Bound on the 99th percentile of latency of the probing tenant.
    pub p99_bound_ns: u64,
    /// What the probing tenant is asked at each level.
    pub probe: OpenLoad,
    /// Rest between the last start of a level and its readings.
    pub rest: Duration,
}

impl Bounds {
    /// What a definition says, with `measure_ms` for each probe; `None` of another method.
    pub fn of(method: &Method, tenants_most: u32, measure_ms: u64) -> Option<Self> {
        let Method::Density {
            tenants_most: _,
            memory_budget_mib,
            p99_bound_us,
            probe_rate_per_second: rate_per_second,
            connections,
            rest_ms,
        } = *method
        else {
            return None;
        };
        Some(Self {
            tenants_most,
            memory_budget_bytes: memory_budget_mib.saturating_mul(1 << 20),
            p99_bound_ns: p99_bound_us.saturating_mul(1_000),
            // Without warm-up: what the first request after a rest takes is the tenant's, too.
            probe: OpenLoad { rate_per_second, connections, warmup_ms: 0, measure_ms },
            rest: Duration::from_millis(rest_ms),
        })
    }
}

/// What the probing tenant showed.
#[derive(Debug, Clone, Default)]
pub struct Probed {
    /// What was read.
    pub metrics: Metrics,
    /// The first request that was answered wrongly or not at all, in words.
    pub failure: Option<String>,
}

/// What raises tenants and looks at them: this machine, or a script in tests.
pub trait Packing {
    /// Starts tenant `number`, counted from 0, and waits for its first correct answer. Gives the time from the one to
    /// the other in nanoseconds, where that is the start of a tenant alone.
    fn start(&mut self, number: u32) -> Result<Option<u64>, Failure>;
    /// Whether a failure to start is no matter of the tenants: the run shall end, or a daemon does not answer any more.
    fn is_hindered(&self) -> bool;
    /// Memory of all tenants that stand, after a rest.
    fn memory(&mut self, rest: Duration) -> Result<Metrics, Failure>;
    /// Asks the first tenant, while the others wait.
    fn probe(&mut self, load: &OpenLoad) -> Result<Probed, Failure>;
    /// What is available of the machine's memory.
    fn available_bytes(&self) -> Option<u64>;
}

/// Raises tenants until a wall is met. Gives what was seen, and how many tenants stood at its end.
///
/// # Errors
/// Not even the first tenant could be started, a reading failed, or the run shall end.
pub fn raise(packing: &mut dyn Packing, bounds: &Bounds) -> Result<(Raise, u32), Failure> {
    let before_bytes = packing.available_bytes();
    let (mut seen, mut starts_ns) = (Vec::new(), Vec::new());
    let mut stand = 0;
    let met = 'raised: {
        for tenants_count in levels(bounds.tenants_most) {
            while stand < tenants_count {
                match packing.start(stand) {
                    Ok(start_ns) => starts_ns.extend(start_ns.map(|ns| ns as f64)),
                    Err(failure) if stand == 0 || packing.is_hindered() => return Err(failure),
                    Err(failure) => {
                        break 'raised Some((Wall::Start, format!("{failure}: {}", failure.cause)));
                    }
                }
                stand += 1;
                // At each start: the machine must not run out of memory on the way to the next level.
                let fall_bytes = before_bytes.zip(packing.available_bytes());
                let fall_bytes = fall_bytes.and_then(|(before, now)| before.checked_sub(now));
                if let Some(met) = beyond_budget("available memory fell by", fall_bytes, bounds) {
                    break 'raised Some(met);
                }
            }
            let (level, met) = look(packing, bounds, tenants_count, &starts_ns)?;
            seen.push(level);
            starts_ns.clear();
            if met.is_some() {
                break 'raised met;
            }
        }
        None
    };
    let (wall, reason) = met.map_or((Wall::NoMoreAsked, None), |(wall, why)| (wall, Some(why)));
    Ok((Raise { levels: seen, wall, reason }, stand))
}

/// Reads memory, then asks the first tenant; says which wall that shows.
fn look(
    packing: &mut dyn Packing,
    bounds: &Bounds,
    tenants_count: u32,
    starts_ns: &[f64],
) -> Result<(Level, Option<(Wall, String)>), Failure> {
    let mut metrics = packing.memory(bounds.rest)?;
    if let Some(available_bytes) = packing.available_bytes() {
        metrics.insert(Metric::Available, available_bytes);
    }
    if let Some(start_ns) = median(starts_ns) {
        metrics.insert(Metric::TenantStart, start_ns as u64);
    }
    let probed = packing.probe(&bounds.probe)?;
    metrics.extend(probed.metrics);
    // Where a part is unknown, what is known of it is the least that it can be.
    let held_bytes = metrics.get(&Metric::PackingPss).or_else(|| metrics.get(&Metric::Pss));
    let held = beyond_budget("the tenants hold", held_bytes.copied(), bounds);
    let met = held.or_else(|| late(probed.failure, &metrics, bounds));
    Ok((Level { tenants_count, metrics }, met))
}

fn beyond_budget(what: &str, bytes: Option<u64>, bounds: &Bounds) -> Option<(Wall, String)> {
    let budget_bytes = bounds.memory_budget_bytes;
    let bytes = bytes.filter(|&bytes| bytes > budget_bytes)?;
    Some((Wall::Memory, format!("{what} {} of {} MiB", bytes >> 20, budget_bytes >> 20)))
}

fn late(failure: Option<String>, metrics: &Metrics, bounds: &Bounds) -> Option<(Wall, String)> {
    if let Some(why) = failure {
        return Some((Wall::Latency, format!("a request of the probe failed: {why}")));
    }
    let p99_ns = *metrics.get(&Metric::LatencyP99)?;
    let (p99_us, bound_us) = (p99_ns / 1_000, bounds.p99_bound_ns / 1_000);
    let why = || format!("p99 of the probe is {p99_us} µs, and its bound {bound_us} µs");
    (p99_ns > bounds.p99_bound_ns).then(|| (Wall::Latency, why()))
}

#[cfg(test)]
#[path = "density_tests.rs"]
mod tests;

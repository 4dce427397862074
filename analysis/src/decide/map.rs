//! The break-even map: what to take at each rate and CPU time of a request, for some numbers of tenants.

use super::measured::Measured;
use super::model::{Load, Prices};
use super::{Answer, Asked, decide};

/// Tenants, a panel each.
pub const TENANTS: [u32; 4] = [1, 10, 100, 1000];
/// After so long a tenant that scales to zero is ended.
pub const IDLE_TIMEOUT_S: f64 = 60.0;
/// CPU time of a request to the baseline, in seconds.
pub const CPU_PER_REQUEST_S: [f64; 11] =
    [1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0];
/// Requests per minute to each tenant.
pub const RATES_PER_MIN: [f64; 16] =
    [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0];

/// A place of the map.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    /// Index in [`RATES_PER_MIN`].
    pub rate: usize,
    /// Index in [`CPU_PER_REQUEST_S`].
    pub cpu: usize,
    /// What is to be taken there.
    pub answer: Answer,
}

/// The places of the panel of so many tenants, without those where a tenant would need more than a core: nothing waits
/// in the model, and there all would. CPU time is compared by the workload that is nearest to each. Without a bound.
/// Empty where no packing was measured as far as the model needs it.
#[must_use]
pub fn places(measured: &Measured, prices: Prices, tenants: u32) -> Vec<Place> {
    let all = CPU_PER_REQUEST_S.iter().enumerate().flat_map(|(cpu, &cpu_per_request_s)| {
        let rates = RATES_PER_MIN.iter().enumerate();
        rates.map(move |(rate, per_min)| (rate, per_min / 60.0, cpu, cpu_per_request_s))
    });
    let able = all.filter(|(_, rate_per_s, _, cpu_s)| rate_per_s * cpu_s <= 1.0);
    let answered = able.filter_map(|(rate, rate_per_s, cpu, cpu_per_request_s)| {
        let load = Load {
            rate_per_s,
            cpu_per_request_s,
            tenants_count: f64::from(tenants),
            bound_s: None,
            idle_timeout_s: IDLE_TIMEOUT_S,
        };
        let workload = &measured.nearest_workload(cpu_per_request_s)?.name;
        let answer = decide(measured, &Asked { load, prices, workload }).answer;
        (answer != Answer::NotMeasured).then_some(Place { rate, cpu, answer })
    });
    answered.collect()
}

//! Loads that the method `replay` sends to many tenants: what the cost model is held against.

use crate::invalid::{Invalid, invalid};
use crate::name::WorkloadName;
use serde::{Deserialize, Serialize};

/// How the requests to a tenant come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Arrivals {
    /// By chance, at one rate: a Poisson process.
    Poisson,
    /// In bursts: a Poisson process that is on and off by turns, each for an exponential time.
    Bursts,
}

impl Arrivals {
    /// The words a table uses.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Arrivals::Poisson => "Poisson",
            Arrivals::Bursts => "bursts",
        }
    }
}

/// How long bursts are, and the time between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bursts {
    /// Mean time in which requests come.
    pub on_ms: u64,
    /// Mean time in which none come.
    pub off_ms: u64,
}

/// One load: what each of several tenants is asked, all alike, and under which policy they stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplayLoad {
    /// The request, one of the definition's `workloads`.
    pub workload: WorkloadName,
    /// Tenants.
    pub tenants: u32,
    /// Requests per minute to each of them, on average.
    pub rate_per_minute: u32,
    /// How they come.
    pub arrivals: Arrivals,
    /// Idle time after which a tenant is ended; its next request starts it. Absent: every tenant is up all the time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_timeout_ms: Option<u64>,
}

impl ReplayLoad {
    /// Refuses what asks for nothing. `place` counts from 1.
    pub(crate) fn validate(&self, place: usize, workloads: &[WorkloadName]) -> Result<(), Invalid> {
        let Self { workload, tenants, rate_per_minute, idle_timeout_ms, .. } = self;
        if !workloads.contains(workload) {
            return Err(invalid!("loads: number {place}: `{workload}` is not in `workloads`"));
        }
        let named = [("tenants", *tenants), ("rate_per_minute", *rate_per_minute)];
        if let Some((key, _)) = named.into_iter().find(|(_, value)| *value == 0) {
            return Err(invalid!("loads: number {place}: {key} must be at least 1"));
        }
        match idle_timeout_ms {
            Some(0) => Err(invalid!("loads: number {place}: idle_timeout_ms must be at least 1")),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load() -> ReplayLoad {
        ReplayLoad {
            workload: "healthz".parse().unwrap(),
            tenants: 4,
            rate_per_minute: 60,
            arrivals: Arrivals::Poisson,
            idle_timeout_ms: Some(400),
        }
    }

    #[test]
    fn a_load_that_asks_for_nothing_is_refused_by_its_number() {
        let workloads = ["healthz".parse().unwrap()];
        assert_eq!(load().validate(1, &workloads), Ok(()));
        let always_on = ReplayLoad { idle_timeout_ms: None, ..load() };
        assert_eq!(always_on.validate(1, &workloads), Ok(()));
        for (bad, expected) in [
            (ReplayLoad { tenants: 0, ..load() }, "number 3: tenants must be at least 1"),
            (ReplayLoad { rate_per_minute: 0, ..load() }, "rate_per_minute must be at least 1"),
            (ReplayLoad { idle_timeout_ms: Some(0), ..load() }, "idle_timeout_ms must be"),
            (
                ReplayLoad { workload: "fib".parse().unwrap(), ..load() },
                "`fib` is not in `workloads`",
            ),
        ] {
            let error = bad.validate(3, &workloads).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn a_load_is_read_back_as_written_and_what_is_always_on_has_no_timeout() {
        for load in [load(), ReplayLoad { idle_timeout_ms: None, ..load() }] {
            let line = serde_json::to_string(&load).unwrap();
            assert_eq!(line.contains("idle_timeout_ms"), load.idle_timeout_ms.is_some(), "{line}");
            assert_eq!(serde_json::from_str::<ReplayLoad>(&line).unwrap(), load);
        }
    }
}

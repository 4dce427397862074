//! What `cargo xtask calibrate load` writes: the load generator beside wrk, and a stall seen by both loops.

use crate::manifest::Pinning;
use serde::{Deserialize, Serialize};

/// `calibration-load.json`: the load generator beside wrk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoadCalibration {
    /// Format version, [`crate::SCHEMA_VERSION`].
    pub schema_version: u32,
    /// Wall clock at the start, nanoseconds since 1970-01-01 UTC.
    pub started_at_unix_ns: u64,
    /// What wrk says of its version.
    pub wrk_version: String,
    /// Which core does what; the same for both generators.
    pub pinning: Pinning,
    /// Connections of either generator.
    pub connections: u32,
    /// Length of one turn of either generator.
    pub turn_ms: u64,
    /// Seed of the order within the rounds.
    pub seed: u64,
    /// Every round, in its order.
    pub rounds: Vec<Round>,
    /// The stall demonstration.
    pub stall: StallDemonstration,
}

/// One turn of each generator, one right after the other, on the same responder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Round {
    /// Whether our closed loop had the first turn.
    pub ours_first: bool,
    /// Our closed loop.
    pub ours: Turn,
    /// wrk.
    pub wrk: Turn,
}

/// What one turn of a generator did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Turn {
    /// Correct responses.
    pub completed_count: u64,
    /// CPU time of the generator: of its thread for ours, of the whole process for wrk.
    pub client_cpu_ns: u64,
}

impl Turn {
    /// Correct responses per second of the generator's CPU time; `None` without any CPU time.
    #[must_use]
    pub fn requests_per_cpu_second(&self) -> Option<f64> {
        let cpu_seconds = self.client_cpu_ns as f64 / 1e9;
        (self.client_cpu_ns > 0).then(|| self.completed_count as f64 / cpu_seconds)
    }
}

impl Round {
    /// Requests per client CPU-second of ours over those of wrk; `None` when wrk did nothing.
    #[must_use]
    pub fn ratio(&self) -> Option<f64> {
        let wrk = self.wrk.requests_per_cpu_second().filter(|&rate| rate > 0.0)?;
        Some(self.ours.requests_per_cpu_second()? / wrk)
    }
}

/// One stall of the responder, as each loop sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StallDemonstration {
    /// Length of the stall.
    pub stall_ms: u64,
    /// From the first connection to the stall.
    pub stall_after_ms: u64,
    /// Length of each loop's window.
    pub window_ms: u64,
    /// Offered rate of the open loops.
    pub rate_per_second: u32,
    /// Arrivals at a constant rate.
    pub open: LatencyReading,
    /// Arrivals of a Poisson process of the same rate.
    pub open_poisson: LatencyReading,
    /// The closed loop.
    pub closed: LatencyReading,
}

/// Latencies of one loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LatencyReading {
    /// Correct responses.
    pub completed_count: u64,
    /// Wrong or missing responses.
    pub failed_count: u64,
    /// Responses that took longer than [`LatencyReading::WAITED_NS`].
    pub waited_count: u64,
    /// Median.
    pub p50_ns: u64,
    /// 99th percentile.
    pub p99_ns: u64,
    /// 99.9th percentile.
    pub p999_ns: u64,
    /// Largest.
    pub max_ns: u64,
}

impl LatencyReading {
    /// Latency above which a request counts as having waited.
    pub const WAITED_NS: u64 = 20_000_000;

    /// Share of the responses that waited; `None` when there was none.
    #[must_use]
    pub fn waited_share(&self) -> Option<f64> {
        (self.completed_count > 0).then(|| self.waited_count as f64 / self.completed_count as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ratio_is_of_rates_per_cpu_second() {
        let ours = Turn { completed_count: 300, client_cpu_ns: 1_000_000_000 };
        let wrk = Turn { completed_count: 100, client_cpu_ns: 500_000_000 };
        let round = Round { ours_first: true, ours, wrk };
        assert_eq!(round.ratio(), Some(1.5));
        let idle = Turn { completed_count: 0, client_cpu_ns: 0 };
        assert_eq!(Round { wrk: idle, ..round }.ratio(), None);
        assert_eq!(Round { ours: idle, ..round }.ratio(), None);
    }
}

//! What a number is about: a metric of the raw log, a stage of a start, a quantile of all requests, or the pace of
//! a steady state.

use crate::invalid::{Invalid, invalid};
use crate::metric::{Direction, Metric, Unit};
use crate::parse::nearest;
use crate::record::Stage;
use serde::{Deserialize, Serialize};

/// A quantile of the latencies of each invocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Latency {
    /// Median.
    P50,
    /// 90th percentile.
    P90,
    /// 99th percentile.
    P99,
    /// 99.9th percentile.
    P999,
}

impl Latency {
    /// All quantiles, from the middle to the tail.
    pub const ALL: [Latency; 4] = [Latency::P50, Latency::P90, Latency::P99, Latency::P999];

    /// The share of requests at or below it.
    #[must_use]
    pub fn share(self) -> f64 {
        match self {
            Latency::P50 => 0.5,
            Latency::P90 => 0.9,
            Latency::P99 => 0.99,
            Latency::P999 => 0.999,
        }
    }

    /// Fewest requests of each invocation that support it: ten beyond the tail's end. With 140 requests a p99 is the
    /// second largest of them.
    #[must_use]
    pub fn least_requests_count(self) -> u64 {
        match self {
            Latency::P50 | Latency::P90 => 1,
            Latency::P99 => 1000,
            Latency::P999 => 10_000,
        }
    }
}

/// What a number is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quantity {
    /// The median over invocations of a metric.
    Metric(Metric),
    /// The median over invocations of the moment at which a stage was reached.
    Stage(Stage),
    /// The median over invocations of a quantile of the latencies of each.
    Latency(Latency),
    /// The median over invocations of the median duration of an iteration in the steady state.
    SteadyLatency,
}

impl Quantity {
    /// Every quantity there can be, in the order in which tables and files list them.
    pub fn all() -> impl Iterator<Item = Quantity> {
        let metrics = Metric::ALL.iter().map(|&metric| Quantity::Metric(metric));
        let stages = Stage::ALL.iter().map(|&stage| Quantity::Stage(stage));
        let latencies = Latency::ALL.map(Quantity::Latency);
        metrics.chain(stages).chain(latencies).chain([Quantity::SteadyLatency])
    }

    /// The name in numbers.tex, claims.toml and summary.json: without the unit, which a rendered number
    /// carries itself; sizes keep `bytes`, because `shipped` alone is no quantity.
    #[must_use]
    pub fn key(self) -> String {
        match self {
            Quantity::Metric(metric) => match metric {
                Metric::LatencyP50 => "invocation_latency_p50".to_owned(),
                Metric::LatencyP90 => "invocation_latency_p90".to_owned(),
                Metric::LatencyP99 => "invocation_latency_p99".to_owned(),
                Metric::Shipped
                | Metric::ShippedGzip
                | Metric::ShippedZstd
                | Metric::Runtime
                | Metric::WithRuntime => metric.key().to_owned(),
                _ => {
                    let key = metric.key();
                    let stem = ["_ns", "_bytes", "_count"].iter().find_map(|u| key.strip_suffix(u));
                    stem.unwrap_or(key).to_owned()
                }
            },
            Quantity::Stage(stage) => format!("stage_{}", stage.key()),
            Quantity::Latency(Latency::P50) => "latency_p50".to_owned(),
            Quantity::Latency(Latency::P90) => "latency_p90".to_owned(),
            Quantity::Latency(Latency::P99) => "latency_p99".to_owned(),
            Quantity::Latency(Latency::P999) => "latency_p999".to_owned(),
            Quantity::SteadyLatency => "steady_latency".to_owned(),
        }
    }

    /// The quantity with that key.
    #[must_use]
    pub fn from_key(key: &str) -> Option<Self> {
        Self::all().find(|quantity| quantity.key() == key)
    }

    /// The quantity with that key, for one that somebody has typed.
    ///
    /// # Errors
    /// There is none; the message offers the nearest.
    pub fn named(key: &str) -> Result<Self, Invalid> {
        Self::from_key(key).ok_or_else(|| {
            let keys: Vec<String> = Self::all().map(Self::key).collect();
            match nearest(key, keys.iter().map(String::as_str)) {
                Some(near) => invalid!("no quantity `{key}`; did you mean `{near}`?"),
                None => invalid!("no quantity `{key}`; there are: {}", keys.join(", ")),
            }
        })
    }

    /// The words a table uses.
    #[must_use]
    pub fn title(self) -> String {
        match self {
            Quantity::Metric(metric) => metric.title().to_owned(),
            Quantity::Stage(stage) => format!("reached {}", stage.key().replace('_', " ")),
            Quantity::Latency(Latency::P50) => "latency p50".to_owned(),
            Quantity::Latency(Latency::P90) => "latency p90".to_owned(),
            Quantity::Latency(Latency::P99) => "latency p99".to_owned(),
            Quantity::Latency(Latency::P999) => "latency p99.9".to_owned(),
            Quantity::SteadyLatency => "steady latency".to_owned(),
        }
    }

    /// The unit of its numbers.
    #[must_use]
    pub fn unit(self) -> Unit {
        match self {
            Quantity::Metric(metric) => metric.unit(),
            Quantity::Stage(_) | Quantity::Latency(_) | Quantity::SteadyLatency => {
                Unit::Nanoseconds
            }
        }
    }

    /// Which way is better.
    #[must_use]
    pub fn direction(self) -> Direction {
        match self {
            Quantity::Metric(metric) => metric.direction(),
            Quantity::Stage(_) | Quantity::Latency(_) | Quantity::SteadyLatency => {
                Direction::LowerIsBetter
            }
        }
    }

    /// `true` for what is read and not sampled: the size of a file, the number of cases. One reading is the
    /// value, and as long as all readings agree there is nothing to estimate.
    #[must_use]
    pub fn is_exact(self) -> bool {
        matches!(self, Quantity::Metric(metric) if metric.is_exact())
    }

    /// `true` for what an emulator leaves as it is. Its times, CPU seconds and memory are its own.
    #[must_use]
    pub fn survives_emulation(self) -> bool {
        self.is_exact()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn keys_are_distinct_and_read_back() {
        let keys: BTreeSet<String> = Quantity::all().map(Quantity::key).collect();
        assert_eq!(keys.len(), Quantity::all().count());
        for quantity in Quantity::all() {
            assert_eq!(Quantity::from_key(&quantity.key()), Some(quantity));
        }
    }

    #[test]
    fn the_keys_the_paper_uses_exist() {
        for key in [
            "time_to_first_response",
            "requests_per_second",
            "requests_per_cpu_second",
            "latency_p50",
            "latency_p99",
            "pss",
            "uss",
            "shim_pss",
            "cgroup_peak",
            "shipped_bytes",
            "shipped_gzip_bytes",
            "shipped_zstd_bytes",
            "runtime_bytes",
            "with_runtime_bytes",
            "cases_sent",
            "cases_equal",
            "stage_connected",
            "stage_response",
        ] {
            assert!(Quantity::from_key(key).is_some(), "{key}");
        }
    }

    #[test]
    fn no_time_survives_emulation() {
        for quantity in Quantity::all() {
            let timed = quantity.unit() != Unit::Bytes && quantity.unit() != Unit::Count;
            assert!(!(timed && quantity.survives_emulation()), "{}", quantity.key());
        }
    }
}

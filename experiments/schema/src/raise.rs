//! Tenants that were raised level by level until a wall: what the method `density` puts into the raw log.

use crate::metric::Metric;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What ended a raise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wall {
    /// None was met: the definition asks for no more tenants.
    NoMoreAsked,
    /// The memory budget: what holds the tenants takes more, or so much less of the machine's memory is available.
    Memory,
    /// The probing tenant's 99th percentile of latency is above its bound, or a request of it failed.
    Latency,
    /// One more tenant could not be started, or gave no correct answer.
    Start,
}

impl Wall {
    /// The words a table uses.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Wall::NoMoreAsked => "none met",
            Wall::Memory => "memory budget",
            Wall::Latency => "latency of the probe",
            Wall::Start => "start of one more",
        }
    }
}

/// The numbers of tenants at which something is read, up to `most`: 1, 2, 4, ... and `most` itself.
#[must_use]
pub fn levels(most: u32) -> Vec<u32> {
    let doubling = std::iter::successors(Some(1u32), |level| level.checked_mul(2));
    let mut levels: Vec<u32> = doubling.take_while(|&level| level < most).collect();
    levels.push(most);
    levels
}

/// What was read while so many tenants stood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Level {
    /// Tenants that stood; each had answered a request.
    pub tenants_count: u32,
    /// What was read, integers in the metric's unit.
    pub metrics: BTreeMap<Metric, u64>,
}

/// One raise: its levels, and what ended it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Raise {
    /// The levels that were read, in their order. A wall that was met between two of them adds none.
    pub levels: Vec<Level>,
    /// What ended it.
    pub wall: Wall,
    /// Why that was so, in words; `None` where nothing had to be said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_double_and_end_at_the_most() {
        for (most, expected) in
            [(1, &[1][..]), (2, &[1, 2]), (5, &[1, 2, 4, 5]), (16, &[1, 2, 4, 8, 16])]
        {
            assert_eq!(levels(most), expected);
        }
    }

    #[test]
    fn a_raise_is_read_back_as_written() {
        let metrics = BTreeMap::from([(Metric::PackingPss, 5)]);
        let levels = vec![Level { tenants_count: 1, metrics }];
        let raise = Raise { levels, wall: Wall::Memory, reason: Some("because".to_owned()) };
        let line = serde_json::to_string(&raise).unwrap();
        assert_eq!(serde_json::from_str::<Raise>(&line).unwrap(), raise);
        assert!(line.contains(r#""wall":"memory""#), "{line}");
    }
}

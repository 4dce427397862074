//! `stops.json`: why each cell ended with as many invocations as it has.

use crate::name::ExperimentName;
use crate::plan::Cell;
use serde::{Deserialize, Serialize};

/// Why no additional invocation was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// The definition asks for a fixed number, and they were made.
    Fixed,
    /// The interval's half-width is within the target.
    Precise,
    /// As many as the profile allows were made; the interval is wider than the target.
    Most,
    /// The time given by `--budget` had passed.
    Budget,
    /// In a run that was asked for verdicts: the claims that rest on it were decided, or cannot be, since their other
    /// side is not measured.
    Decided,
}

/// How one cell ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stop {
    /// The experiment.
    pub experiment: ExperimentName,
    /// The cell.
    pub cell: Cell,
    /// Why it ended.
    pub reason: StopReason,
    /// Invocations measured.
    pub invocations_count: u32,
    /// Half-width of the 95 % interval of the experiment's headline metric, percent of its median; `None` with
    /// too few invocations for an interval.
    pub half_width_percent: Option<f64>,
    /// What the definition asked for.
    pub target_percent: Option<f64>,
}

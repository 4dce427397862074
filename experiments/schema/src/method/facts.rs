//! What is known of a kind of question: the columns of the table of methods.

use crate::metric::Metric;
use crate::quantity::Quantity;

/// The stretch of time in which a method measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// It has none: `measure_ms` is refused.
    None,
    /// As long as `measure_ms` says.
    Time,
    /// At least that long, and until `completions_least` answers have come: a closed loop. Its latencies hide every
    /// stall, and are not compared.
    Completions,
}

/// What has read the files of program and runtime into the page cache before anything is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WarmedBy {
    /// An untimed start of the same subject, at the beginning of a visit.
    Start,
    /// The load before the window.
    Load,
    /// Nothing: what is counted is the same under a cold one.
    Nothing,
}

/// What is known of a kind of question, whatever its definition sets.
#[derive(Debug, Clone, Copy)]
pub struct Facts {
    /// The metric by whose precision a cell ends; `None` where everything is read and nothing sampled.
    pub stops_by: Option<Metric>,
    /// The one quantity that answers the question.
    pub headline: Quantity,
    /// The one that answers it where the load generator may have set the pace.
    pub headline_when_limited: Option<Quantity>,
    /// The quantities by which two runs are told apart.
    pub told_apart: &'static [Quantity],
    /// Whether twins of its subjects are visited that a definition does not name.
    pub adds_twins: bool,
    /// Whether a ratio to the baseline says anything.
    pub has_ratio: bool,
    /// Whether times and stages of a start are reported: in other methods they are a by-product, under a page cache
    /// that nobody warmed.
    pub reports_start: bool,
    /// Whether each workload has cells of its own.
    pub per_workload: bool,
    /// Whether it takes a mix of two requests: only an open loop says when which request is due.
    pub takes_mixes: bool,
    /// In which stretch of time it measures.
    pub window: Window,
    /// What fills the page cache.
    pub warmed_by: WarmedBy,
    /// Whether its numbers are the same under an emulator: answers, sizes and counts are, times and memory are not.
    pub survives_emulation: bool,
    /// Whether the subject is executed at all.
    pub executes: bool,
    /// Whether the raw log keeps a histogram of each visit's latencies.
    pub keeps_latencies: bool,
    /// How long a visit takes besides starts, load and window, milliseconds.
    pub takes_ms: u64,
    /// Its place among the lines that `cargo xtask all` ends with; `None` where it has none.
    pub brief: Option<u8>,
}

/// What most methods have in common. Its headline stands for none: each row names its own.
pub(super) const COMMON: Facts = Facts {
    stops_by: None,
    headline: Quantity::Metric(Metric::RequestsCompleted),
    headline_when_limited: None,
    told_apart: &[],
    adds_twins: true,
    has_ratio: true,
    reports_start: false,
    per_workload: true,
    takes_mixes: false,
    window: Window::None,
    warmed_by: WarmedBy::Nothing,
    survives_emulation: false,
    executes: true,
    keeps_latencies: false,
    takes_ms: 0,
    brief: None,
};

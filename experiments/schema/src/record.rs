//! One line of `observations.jsonl`: what one invocation showed. A failure is an observation too.

use crate::isolation::Isolation;
use crate::metric::Metric;
use crate::overhead::Overhead;
use crate::plan::Trial;
use crate::raise::Raise;
use crate::storm::Storm;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

macro_rules! stages {
    ($($(#[$doc:meta])* $variant:ident => $key:literal;)*) => {
        /// A moment on the way from the start call to the first response. Which of them a subject can show
        /// depends on its way of starting.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Stage {
            $($(#[$doc])* #[serde(rename = $key)] $variant,)*
        }

        impl Stage {
            /// All stages, in the order in which they are passed.
            pub const ALL: &'static [Stage] = &[$(Stage::$variant),*];

            /// The key in the raw log.
            #[must_use]
            pub fn key(self) -> &'static str {
                match self { $(Stage::$variant => $key),* }
            }
        }
    };
}

stages! {
    /// The bundle of an OCI runtime lies ready on disk.
    Bundled => "bundled";
    /// The engine has created the container.
    Created => "created";
    /// The engine has answered the start call.
    Started => "started";
    /// `posix_spawn` has returned in the runner; the program may have entered `main` before that.
    Spawned => "spawned";
    /// The program has entered `main` (its own clock reading).
    Main => "main";
    /// The Wasm engine is configured.
    Engine => "engine";
    /// The module is deserialised, or compiled from source.
    Load => "load";
    /// Imports are resolved; instances can be made.
    PreInstantiate => "pre_instantiate";
    /// What all tenants of one host share is linked; the code of each is loaded with its first request.
    Link => "link";
    /// The program listens (its own clock reading).
    Listening => "listening";
    /// The client's first successful connect.
    Connected => "connected";
    /// The first byte of the first response has arrived.
    FirstByte => "first_byte";
    /// The first response is complete and correct.
    Response => "response";
}

/// How an invocation ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Outcome {
    /// It was measured.
    Ok,
    /// It was not; the reason is kept and the trial counts as missing.
    Failed {
        /// What was being done, for example `start`.
        stage: String,
        /// Why it failed, with the command or path.
        reason: String,
    },
}

/// Readings of the machine over the invocation: what else it was doing. Absent where it cannot be read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Noise {
    /// Time stolen by the hypervisor over all cores.
    pub steal_ns: Option<u64>,
    /// Time in which some task waited for a CPU (PSI `some`).
    pub cpu_pressure_some_ns: Option<u64>,
    /// Involuntary context switches of the runner's own threads.
    pub involuntary_switches_count: Option<u64>,
    /// Involuntary context switches of the subject's processes, read before they were ended.
    pub subject_involuntary_switches_count: Option<u64>,
    /// Frequency of the subject's first core when the trial ended, as the kernel reports it.
    pub frequency_khz: Option<u64>,
    /// Page cache of the whole machine when the subject was started.
    pub page_cache_bytes: Option<u64>,
}

/// Durations of single iterations in their order, of one invocation, in `series/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeriesFile {
    /// Path relative to the run's folder: a JSON array of nanoseconds.
    pub file: String,
    /// Durations recorded.
    pub iterations_count: u64,
}

/// The tag of the lines of a histogram log that hold the heavy requests of a mix. Lines without a tag are the cell's
/// own: of a mix those of the light requests.
pub const HEAVY_TAG: &str = "heavy";

/// A merged latency histogram of one invocation, in `histograms/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HistogramFile {
    /// Path relative to the run's folder.
    pub file: String,
    /// Values recorded, without those of lines that carry [`HEAVY_TAG`].
    pub samples_count: u64,
}

/// One raw line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Observation {
    /// Format version, [`crate::SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The run it belongs to.
    pub run: String,
    /// Index in the plan, from 0.
    pub position: u64,
    /// Which trial this is.
    pub trial: Trial,
    /// Version of the subject, as the program or the engine reports it; `None` of a subject that is only weighed, on
    /// a machine that cannot run it.
    pub subject_version: Option<String>,
    /// The machine that made it, in a run of several; `None`: the run's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<String>,
    /// `true` when the instructions were emulated: such times never enter a figure.
    pub emulated: bool,
    /// Wall clock at the start, nanoseconds since 1970-01-01 UTC.
    pub started_at_unix_ns: u64,
    /// Duration of the whole invocation, with set-up and tear-down.
    pub duration_ns: u64,
    /// Moments since the start call, nanoseconds.
    pub stages_ns: BTreeMap<Stage, u64>,
    /// What was measured, integers in the metric's unit.
    pub metrics: BTreeMap<Metric, u64>,
    /// Latency histogram, where latencies were taken.
    pub histogram: Option<HistogramFile>,
    /// Single iterations in their order, where they were kept apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub series: Option<SeriesFile>,
    /// Tenants that were raised level by level, of the method `density`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raise: Option<Raise>,
    /// Tenants that were started at once, of the method `storm`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storm: Option<Storm>,
    /// Attempts that were made one after the other, of the method `isolation`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub isolation: Option<Isolation>,
    /// What it takes to make the service, of the method `overhead`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overhead: Option<Overhead>,
    /// What else the machine was doing.
    pub noise: Noise,
    /// Number of the repetition of a disturbed trial, 0 for the visit that was planned.
    pub repeat: u32,
    /// Why the machine was too busy with other things for this visit to count; empty when it was not.
    pub disturbed: Vec<String>,
    /// How it ended.
    pub outcome: Outcome,
    /// Remarks that explain the numbers: the equivalence cases that differed, for example.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
}

impl Observation {
    /// The value of a metric, of a rate too, which is not in the raw log; `None` where it was not measured. A closed
    /// loop's n responses per window are n - 1 gaps between the first and the last; where a log has no such span, they
    /// are divided by the window's length.
    #[must_use]
    pub fn value(&self, metric: Metric) -> Option<f64> {
        let read = |metric| self.metrics.get(&metric).map(|&value| value as f64);
        let rate = |count: f64, ns: Option<f64>| Some(count * 1e9 / ns.filter(|&ns| ns > 0.0)?);
        let completed = || read(Metric::RequestsCompleted);
        match metric {
            Metric::RequestsPerSecond => match read(Metric::CompletionsSpan) {
                Some(span_ns) => rate(completed()? - 1.0, Some(span_ns)),
                None => rate(completed()?, read(Metric::Measured)),
            },
            Metric::RequestsPerCpuSecond => rate(completed()?, read(Metric::ServerCpu)),
            Metric::StartsPerSecond => {
                rate(read(Metric::StartsAnswered)?, read(Metric::LastAnswer))
            }
            _ => read(metric),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::parameter::Parameter;
    use crate::plan::Cell;

    pub(crate) fn observation() -> Observation {
        Observation {
            schema_version: crate::SCHEMA_VERSION,
            run: "r".to_owned(),
            position: 7,
            trial: Trial {
                experiment: "cold-start".parse().unwrap(),
                cell: Cell {
                    subject: "native".parse().unwrap(),
                    workload: Some("healthz".parse().unwrap()),
                    architecture: "x86_64".to_owned(),
                    parameter: Parameter::None,
                },
                invocation: 3,
            },
            subject_version: Some("1".to_owned()),
            machine: None,
            emulated: false,
            started_at_unix_ns: 1,
            duration_ns: 2,
            stages_ns: BTreeMap::from([(Stage::Spawned, 5), (Stage::Response, 9)]),
            metrics: BTreeMap::from([(Metric::TimeToFirstResponse, 9)]),
            histogram: None,
            series: None,
            raise: None,
            storm: None,
            isolation: None,
            overhead: None,
            repeat: 0,
            disturbed: Vec::new(),
            noise: Noise::default(),
            outcome: Outcome::Failed { stage: "start".to_owned(), reason: "no".to_owned() },
            remarks: Vec::new(),
        }
    }

    #[test]
    fn a_line_is_read_back_as_written() {
        let observation = observation();
        let line = serde_json::to_string(&observation).unwrap();
        assert_eq!(serde_json::from_str::<Observation>(&line).unwrap(), observation);
        assert!(line.contains("\"time_to_first_response_ns\":9"), "{line}");
        // Unknown stays unknown: it is null, never 0.
        assert!(line.contains("\"steal_ns\":null"), "{line}");
    }
}

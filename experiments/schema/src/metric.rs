//! What is measured: each metric owns its unit, its direction and its display name.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The unit in which a metric's integer is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Nanoseconds.
    Nanoseconds,
    /// Bytes.
    Bytes,
    /// A plain count.
    Count,
    /// Requests, or starts, per second.
    RequestsPerSecond,
}

/// Which way is better; comparisons are worded by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Times, sizes.
    LowerIsBetter,
    /// Rates.
    HigherIsBetter,
    /// A reading that explains other metrics and is not itself compared.
    Neutral,
}

macro_rules! is_exact {
    () => {
        false
    };
    (Exact) => {
        true
    };
}

macro_rules! metrics {
    (
        $($(#[$doc:meta])*
        $variant:ident => $key:literal, $title:literal, $unit:ident, $direction:ident $(, $exact:ident)?;)*
    ) => {
        /// A measured or derived quantity. The key in the raw log ends in the unit.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Metric {
            $($(#[$doc])* #[serde(rename = $key)] $variant,)*
        }

        impl Metric {
            /// Every metric, in the order of the raw log.
            pub const ALL: &'static [Metric] = &[$(Metric::$variant),*];

            /// The key in the raw log.
            #[must_use]
            pub fn key(self) -> &'static str {
                match self { $(Metric::$variant => $key),* }
            }

            /// The words a table uses.
            #[must_use]
            pub fn title(self) -> &'static str {
                match self { $(Metric::$variant => $title),* }
            }

            /// The unit of the stored integer.
            #[must_use]
            pub fn unit(self) -> Unit {
                match self { $(Metric::$variant => Unit::$unit),* }
            }

            /// Which way is better.
            #[must_use]
            pub fn direction(self) -> Direction {
                match self { $(Metric::$variant => Direction::$direction),* }
            }

            /// `true` for what is read and not sampled: the size of a file, the number of cases. One reading is the
            /// value, and as long as all readings agree there is nothing to estimate.
            #[must_use]
            pub fn is_exact(self) -> bool {
                match self { $(Metric::$variant => is_exact!($($exact)?)),* }
            }
        }
    };
}

metrics! {
    /// From the start call to the last byte of the first correct response.
    TimeToFirstResponse => "time_to_first_response_ns", "time to first response", Nanoseconds, LowerIsBetter;
    /// What of a container's start the harness itself took: CPU time of its calls to the engine; the time from when the
    /// service listened and the last call was answered to the client's connection; and that from the first byte of the
    /// response to its last. Unknown where the service does not say when it listened, and on the bridge.
    HarnessShare => "harness_share_ns", "the harness's own share of a start", Nanoseconds, Neutral;
    /// Responses that arrived within the measured window and were correct.
    RequestsCompleted => "requests_completed", "requests completed", Count, Neutral;
    /// Requests that failed or were answered wrongly within the measured window.
    RequestsFailed => "requests_failed", "requests failed", Count, LowerIsBetter;
    /// Time from the first response of a closed loop's window to its last: n responses are n - 1 gaps.
    CompletionsSpan => "completions_span_ns", "first to last completion", Nanoseconds, Neutral;
    /// Length of the measured window.
    Measured => "measured_ns", "measured window", Nanoseconds, Neutral;
    /// CPU time that the load generator used in the measured window, and of `waiting` the backend too.
    ClientCpu => "client_cpu_ns", "client CPU time", Nanoseconds, Neutral;
    /// CPU time that the subject's processes used in the measured window.
    ServerCpu => "server_cpu_ns", "server CPU time", Nanoseconds, LowerIsBetter;
    /// Median latency of one invocation.
    LatencyP50 => "latency_p50_ns", "latency p50", Nanoseconds, LowerIsBetter;
    /// 90th percentile of latency of one invocation.
    LatencyP90 => "latency_p90_ns", "latency p90", Nanoseconds, LowerIsBetter;
    /// 99th percentile of latency of one invocation.
    LatencyP99 => "latency_p99_ns", "latency p99", Nanoseconds, LowerIsBetter;
    /// Largest latency of one invocation.
    LatencyMax => "latency_max_ns", "latency maximum", Nanoseconds, LowerIsBetter;
    /// Median latency of the heavy requests of a mix, of one invocation; the others' are `latency_*`.
    HeavyLatencyP50 => "heavy_latency_p50_ns", "latency p50 of heavy requests", Nanoseconds, LowerIsBetter;
    /// 99th percentile of latency of the heavy requests of a mix, of one invocation.
    HeavyLatencyP99 => "heavy_latency_p99_ns", "latency p99 of heavy requests", Nanoseconds, LowerIsBetter;
    /// 99th percentile of how late the generator sent: after the intended time, or after a connection came free.
    SendLagP99 => "send_lag_p99_ns", "send lag p99", Nanoseconds, LowerIsBetter;
    /// Largest number of arrivals that were due and could not be sent yet.
    BacklogPeak => "backlog_peak_count", "peak backlog", Count, LowerIsBetter;
    /// Connections that had to be opened anew in the measured window.
    Reconnects => "reconnects_count", "reconnects", Count, LowerIsBetter;
    /// Proportional set size of the subject's process tree.
    Pss => "pss_bytes", "PSS", Bytes, LowerIsBetter;
    /// Unique set size (private pages) of the subject's process tree.
    Uss => "uss_bytes", "USS", Bytes, LowerIsBetter;
    /// Peak of the subject's own control group, where it has one.
    CgroupPeak => "cgroup_peak_bytes", "cgroup peak", Bytes, LowerIsBetter;
    /// PSS of the per-container helper process (the shim), where there is one.
    ShimPss => "shim_pss_bytes", "shim PSS", Bytes, LowerIsBetter;
    /// PSS of the container engine's daemons, once per machine.
    EnginePss => "engine_pss_bytes", "engine PSS", Bytes, LowerIsBetter;
    /// PSS that each additional instance adds; derived from the cells with several copies.
    MarginalPss => "marginal_pss_bytes", "PSS per further instance", Bytes, LowerIsBetter;
    /// USS that each additional instance adds; derived from the cells with several copies.
    MarginalUss => "marginal_uss_bytes", "USS per further instance", Bytes, LowerIsBetter;
    /// CPU time that the subject's processes use in an hour in which nobody asks, as the window showed it.
    IdleCpu => "idle_cpu_per_hour_ns", "CPU time per idle hour", Nanoseconds, LowerIsBetter;
    /// How often a thread of the subject's processes wakes up in an hour in which nobody asks, as the window showed it.
    IdleWakeups => "idle_wakeups_per_hour_count", "wake-ups per idle hour", Count, LowerIsBetter;
    /// CPU time per idle hour of the per-container helper process (the shim), where there is one.
    IdleShimCpu => "idle_shim_cpu_per_hour_ns", "CPU time of the shim per idle hour", Nanoseconds, LowerIsBetter;
    /// Wake-ups per idle hour of the per-container helper process, where there is one.
    IdleShimWakeups =>
        "idle_shim_wakeups_per_hour_count", "wake-ups of the shim per idle hour", Count, LowerIsBetter;
    /// Tenants that stood when a raise met its wall. It is not compared: a definition asks for more of some packings.
    TenantsRaised => "tenants_raised_count", "tenants at the wall", Count, Neutral;
    /// PSS of all that holds the tenants: their processes, their shims and the engine's daemons; of a level of a raise,
    /// or of a replay the mean of the readings within its window.
    PackingPss => "packing_pss_bytes", "PSS of tenants, shims and daemons", Bytes, LowerIsBetter;
    /// The largest of those readings of a replay.
    PackingPssPeak => "packing_pss_peak_bytes", "peak PSS of tenants, shims and daemons", Bytes, LowerIsBetter;
    /// CPU time of all that holds the tenants of a replay, their starts included, from the window's opening until the
    /// last answer. Unknown when a part of it is.
    PackingCpu => "packing_cpu_ns", "CPU time of tenants, shims and daemons", Nanoseconds, LowerIsBetter;
    /// Requests of a replay's window that waited for a start; unknown of a host of all, which starts by itself.
    StartsMet => "starts_met_count", "requests that met a start", Count, Neutral;
    /// What the kernel says could be given to new programs without swapping (`MemAvailable`), of the whole machine.
    Available => "available_bytes", "available memory", Bytes, Neutral;
    /// Median time from the start call of a tenant to its first correct answer, over the tenants that a level added.
    TenantStart => "tenant_start_ns", "start of an additional tenant", Nanoseconds, LowerIsBetter;
    /// PSS that each additional tenant adds, shims and daemons included; derived from the levels of a raise.
    TenantPss => "tenant_pss_bytes", "PSS per additional tenant", Bytes, LowerIsBetter;
    /// What each additional tenant takes of the available memory; derived from the levels of a raise.
    TenantAvailable => "tenant_available_bytes", "available memory per additional tenant", Bytes, LowerIsBetter;
    /// How many additional tenants one GiB holds, by their PSS; derived from the levels of a raise.
    TenantsPerGib => "tenants_per_gib", "tenants per GiB", Count, HigherIsBetter;
    /// From the moment at which the first of several tenants is asked for to the first correct answer of any of them.
    FirstAnswer => "storm_first_answer_ns", "first of the answers", Nanoseconds, LowerIsBetter;
    /// The same to the correct answer with which half of the tenants have given theirs; unknown when fewer gave one.
    MedianAnswer => "storm_median_answer_ns", "half of the answers", Nanoseconds, LowerIsBetter;
    /// The same to the correct answer of the last tenant; unknown when one of them gave none.
    LastAnswer => "storm_last_answer_ns", "last of the answers", Nanoseconds, LowerIsBetter;
    /// How long it took until the last tenant had been asked for, from the first one on: how concurrent a storm was.
    StormAsked => "storm_asked_ns", "last of the starts asked for", Nanoseconds, Neutral;
    /// Tenants of a storm that gave a correct answer.
    StartsAnswered => "starts_answered_count", "tenants that answered", Count, Neutral;
    /// Tenants of a storm that gave none; the line of the raw log says why, of each.
    StartsFailed => "starts_failed_count", "tenants that did not answer", Count, Neutral;
    /// CPU time for each tenant of a storm until the last of them had answered: of its processes, of the programs that
    /// start it, of its shim and of the engine's daemons. Unknown when one of them is, or a tenant gave no answer.
    StartCpu => "start_cpu_ns", "CPU time per start", Nanoseconds, LowerIsBetter;
    /// Tenants of a storm for each second until the last of them had answered; derived.
    StartsPerSecond => "starts_per_second", "starts per second", RequestsPerSecond, HigherIsBetter;
    /// Median latency of a tenant before its neighbour attacks; while it does, that is `latency_p50_ns`.
    BeforeLatencyP50 => "before_latency_p50_ns", "latency p50 before the attack", Nanoseconds, Neutral;
    /// 99th percentile of latency of a tenant before its neighbour attacks. Absent with fewer than 1,000 answers; so is
    /// that during the attack, `latency_p99_ns`.
    BeforeLatencyP99 => "before_latency_p99_ns", "latency p99 before the attack", Nanoseconds, Neutral;
    /// Requests that failed before the attack.
    BeforeFailed => "before_failed_count", "requests failed before the attack", Count, Neutral;
    /// What an aggressor did: requests that it worked on as it was asked to, or connections that were opened to it. 0
    /// where it had no way to; then nothing else of the attack is written.
    AttackActs => "attack_acts_count", "acts of the attack", Count, Neutral;
    /// Median latency during an attack, as a multiple of that before it; derived.
    P50TimesBefore => "p50_times_before", "p50, times that before", Count, LowerIsBetter;
    /// 99th percentile of latency during an attack, as a multiple of that before it; derived.
    P99TimesBefore => "p99_times_before", "p99, times that before", Count, LowerIsBetter;
    /// The same as a multiple of the control's of the same block, in which nobody attacks; derived.
    P99TimesControl => "p99_times_control", "p99, times the control's", Count, LowerIsBetter;
    /// Mean time from a request's arrival at the backend to its answer in the measured window, as the backend saw it.
    BackendDelay => "backend_delay_ns", "delay of the backend", Nanoseconds, Neutral;
    /// Share of the time of all requests in flight, in the measured window, in which they waited for the
    /// backend.
    WaitingShare => "waiting_percent", "share of waiting in percent", Count, Neutral;
    /// What PSS rose by under a load of requests that wait, from before it, for each of them.
    WaitingPss => "waiting_pss_bytes", "PSS per waiting request", Bytes, LowerIsBetter;
    /// CPU time of an operation within a process, all of its threads: the median of its iterations, of the difference
    /// of two medians where an iteration without it is taken off.
    OperationCpu => "operation_cpu_ns", "CPU time of an operation", Nanoseconds, LowerIsBetter;
    /// Median time to make and drop one instance within a warm process.
    Instantiation => "instantiation_ns", "instantiation", Nanoseconds, LowerIsBetter;
    /// USS that each instance held within one process adds.
    InstanceUss => "instance_uss_bytes", "USS per instance within a process", Bytes, LowerIsBetter;
    /// Highest offered rate that met the service level objective.
    HighestRate => "highest_rate_per_second", "highest rate within the objective", RequestsPerSecond, HigherIsBetter;
    /// What is shipped per service: binary, image or module.
    Shipped => "shipped_bytes", "shipped", Bytes, LowerIsBetter, Exact;
    /// The shipped artifact after gzip -6.
    ShippedGzip => "shipped_gzip_bytes", "shipped, gzip", Bytes, LowerIsBetter, Exact;
    /// The shipped artifact after zstd -19.
    ShippedZstd => "shipped_zstd_bytes", "shipped, zstd", Bytes, LowerIsBetter, Exact;
    /// Layers of the image below the service layer, uncompressed; images of several services share them.
    BaseLayers => "base_layers_bytes", "base layers", Bytes, LowerIsBetter, Exact;
    /// The service layer of the image, uncompressed.
    ServiceLayer => "own_layer_bytes", "own layer", Bytes, LowerIsBetter, Exact;
    /// The runtime that must already be on the machine.
    Runtime => "runtime_bytes", "runtime", Bytes, LowerIsBetter, Exact;
    /// Shipped artifact and runtime together.
    WithRuntime => "with_runtime_bytes", "with runtime", Bytes, LowerIsBetter, Exact;
    /// Requests of the equivalence list that were sent.
    CasesSent => "cases_sent", "cases", Count, Neutral, Exact;
    /// Requests of the equivalence list whose status and body were as expected.
    CasesEqual => "cases_equal", "cases answered alike", Count, HigherIsBetter, Exact;
    /// 1 where a capability worked when it was tried, 0 where it did not.
    Works => "works", "works when tried", Count, Neutral, Exact;
    /// Attempts at what a service has no need of, whose probe gave an answer that tells.
    AttemptsAnswered => "attempts_answered_count", "attempts that were answered", Count, Neutral, Exact;
    /// Those of them that the instance could do.
    AttemptsPossible => "attempts_possible_count", "attempts that are possible", Count, Neutral, Exact;
    /// What must be on the machine before a form of a service can be built and run, the Rust compiler aside.
    Tools => "tools_count", "tools", Count, LowerIsBetter, Exact;
    /// Bytes that are fetched for these tools; unknown where those of one of them are.
    ToolsFetched => "tools_fetched_bytes", "fetched for tools", Bytes, LowerIsBetter, Exact;
    /// What is done from a clean machine to the first answer: a tool that is got, a build, what is made of what it
    /// made, and the start.
    Steps => "steps_count", "steps to the first answer", Count, LowerIsBetter, Exact;
    /// Crates of the registry that a form of a service is built of.
    Crates => "crates_count", "crates", Count, LowerIsBetter, Exact;
    /// Bytes of these crates, as cargo fetches them.
    CratesFetched => "crates_fetched_bytes", "fetched for crates", Bytes, LowerIsBetter, Exact;
    /// Lines of code that all forms of a service are made of, without comments, blank lines and tests.
    SharedLines => "shared_lines_count", "lines that all forms share", Count, Neutral, Exact;
    /// Lines of code that a form of a service alone is made of, counted in the same way.
    FormLines => "form_lines_count", "lines for this form alone", Count, LowerIsBetter, Exact;
    /// A build with nothing built before, and everything fetched.
    CleanBuild => "clean_build_ns", "clean build", Nanoseconds, LowerIsBetter;
    /// A build after an edit of the handler.
    Rebuild => "rebuild_ns", "build after an edit", Nanoseconds, LowerIsBetter;
    /// From an edit of the handler to the first answer that shows it.
    EditToAnswer => "edit_to_answer_ns", "edit to first answer", Nanoseconds, LowerIsBetter;
    /// From the end of the running version, asked for, to the first answer of the new one, which lies ready.
    Upgrade => "upgrade_ns", "upgrade", Nanoseconds, LowerIsBetter;
    /// The same back to the version before.
    RollBack => "roll_back_ns", "roll-back", Nanoseconds, LowerIsBetter;
    /// What has to be handed to another machine after an edit, after gzip -6.
    Pushed => "pushed_bytes", "handed on after an edit, gzip", Bytes, LowerIsBetter;
    /// Instructions from exec until the subject can handle its first request.
    InstructionsToReady => "instructions_to_ready_count", "instructions to ready", Count, LowerIsBetter, Exact;
    /// Instructions of the first request within a process.
    InstructionsFirstCall =>
        "instructions_first_call_count", "instructions of the first call", Count, LowerIsBetter, Exact;
    /// Instructions of a request after the first one within a process.
    InstructionsPerCall => "instructions_per_call_count", "instructions per call", Count, LowerIsBetter, Exact;
    /// Correct responses per second; derived from `requests_completed` and `measured_ns`.
    RequestsPerSecond => "requests_per_second", "requests per second", RequestsPerSecond, HigherIsBetter;
    /// Correct responses per second of the subject's CPU time; derived.
    RequestsPerCpuSecond => "requests_per_cpu_second", "requests per CPU-second", RequestsPerSecond, HigherIsBetter;
    /// By which power of what grows the CPU time of a request grows: 0 where it stays the same, 1 in proportion;
    /// derived from the cells of an experiment with `[growth]`.
    GrowthExponent => "growth_exponent", "growth of the CPU time per request", Count, Neutral;
}

impl Metric {
    /// `true` for what the analysis computes from other metrics; it never stands in a raw log.
    #[must_use]
    pub fn is_derived(self) -> bool {
        matches!(
            self,
            Metric::RequestsPerSecond
                | Metric::RequestsPerCpuSecond
                | Metric::MarginalPss
                | Metric::MarginalUss
                | Metric::TenantPss
                | Metric::TenantAvailable
                | Metric::TenantsPerGib
                | Metric::StartsPerSecond
                | Metric::P50TimesBefore
                | Metric::P99TimesBefore
                | Metric::P99TimesControl
                | Metric::GrowthExponent
        )
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.title())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_ends_in_the_unit() {
        for &metric in Metric::ALL {
            let key = metric.key();
            match metric.unit() {
                Unit::Nanoseconds => assert!(key.ends_with("_ns"), "{key}"),
                Unit::Bytes => assert!(key.ends_with("_bytes"), "{key}"),
                Unit::Count | Unit::RequestsPerSecond => {
                    assert!(!key.ends_with("_ns") && !key.ends_with("_bytes"), "{key}");
                }
            }
            assert_eq!(serde_json::to_string(&metric).unwrap(), format!("\"{key}\""));
        }
    }
}

//! The kinds of questions: one row each, with what is known of it whatever its definition sets.

use super::facts::{COMMON, Facts, WarmedBy, Window};
use crate::metric::Metric::{
    AttemptsAnswered, AttemptsPossible, CasesEqual, FormLines, HighestRate, IdleCpu, IdleWakeups,
    InstanceUss, Instantiation, InstructionsFirstCall, InstructionsPerCall, LastAnswer, LatencyP50,
    MarginalPss, MarginalUss, OperationCpu, P50TimesBefore, P99TimesBefore, PackingCpu, PackingPss,
    Pss, RequestsPerCpuSecond, RequestsPerSecond, Shipped, StartCpu, Steps, TenantPss,
    TenantsPerGib, TenantsRaised, TimeToFirstResponse, Uss, WaitingPss, WithRuntime, Works,
};
use crate::quantity::Latency::{P50, P99};
use crate::quantity::Quantity::{Latency, Metric, SteadyLatency};

macro_rules! questions {
    ($($variant:ident => $key:literal, $facts:expr;)*) => {
        /// What kind of question a definition asks: its method, or the table that it asks for in place of that of its
        /// method. In the order in which questions are shown.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum QuestionKind {
            $(#[doc = concat!("`", $key, "`.")] $variant,)*
        }

        impl QuestionKind {
            /// Every kind, in the order in which questions are shown.
            pub const ALL: &'static [QuestionKind] = &[$(QuestionKind::$variant),*];

            /// The name in definitions, and of the table that answers such questions.
            #[must_use]
            pub fn key(self) -> &'static str {
                match self { $(QuestionKind::$variant => $key),* }
            }

            /// What is known of it.
            #[must_use]
            pub fn facts(self) -> &'static Facts {
                match self { $(QuestionKind::$variant => const { &$facts }),* }
            }
        }
    };
}

/// What a cold start is answered by, in whichever table.
const OF_START: Facts = Facts {
    stops_by: Some(TimeToFirstResponse),
    headline: Metric(TimeToFirstResponse),
    told_apart: &[Metric(TimeToFirstResponse)],
    reports_start: true,
    warmed_by: WarmedBy::Start,
    ..COMMON
};

questions! {
    Equivalence => "equivalence", Facts {
        stops_by: None, headline: Metric(CasesEqual), told_apart: &[Metric(CasesEqual)],
        per_workload: false, survives_emulation: true, has_ratio: false, takes_ms: 3_000, ..COMMON
    };

    ColdStart => "cold-start", Facts { brief: Some(0), ..OF_START };

    Instantiation => "instantiation", Facts {
        stops_by: Some(Instantiation), headline: Metric(Instantiation),
        told_apart: &[Metric(Instantiation), Metric(InstanceUss)],
        per_workload: false, takes_ms: 500, brief: Some(5), ..COMMON
    };

    WarmUp => "warm-up", Facts {
        stops_by: Some(LatencyP50), headline: SteadyLatency, told_apart: &[SteadyLatency],
        warmed_by: WarmedBy::Start, takes_ms: 500, brief: Some(7), ..COMMON
    };

    Throughput => "throughput", Facts {
        stops_by: Some(RequestsPerSecond), headline: Metric(RequestsPerSecond),
        headline_when_limited: Some(Metric(RequestsPerCpuSecond)),
        told_apart: &[Metric(RequestsPerSecond), Metric(RequestsPerCpuSecond)],
        window: Window::Completions, warmed_by: WarmedBy::Load, keeps_latencies: true, brief: Some(1), ..COMMON
    };

    Latency => "latency", Facts {
        stops_by: Some(LatencyP50), headline: Latency(P50), told_apart: &[Latency(P50), Latency(P99)],
        takes_mixes: true,
        window: Window::Time, warmed_by: WarmedBy::Load, keeps_latencies: true, brief: Some(2), ..COMMON
    };

    HighestRate => "highest-rate", Facts {
        stops_by: Some(HighestRate), headline: Metric(HighestRate), told_apart: &[Metric(HighestRate)],
        window: Window::Time, warmed_by: WarmedBy::Load, brief: Some(6), ..COMMON
    };

    Memory => "memory", Facts {
        stops_by: Some(Pss), headline: Metric(Pss),
        told_apart: &[Metric(Pss), Metric(Uss), Metric(MarginalPss), Metric(MarginalUss)],
        window: Window::Time, warmed_by: WarmedBy::Start, brief: Some(3), ..COMMON
    };

    Idle => "idle", Facts {
        stops_by: Some(IdleCpu), headline: Metric(IdleCpu),
        told_apart: &[Metric(IdleCpu), Metric(IdleWakeups), Metric(Pss), Metric(Uss)],
        // What sleeps all the time has used nothing: there is no ratio to it.
        has_ratio: false, window: Window::Time, warmed_by: WarmedBy::Start, brief: Some(11), ..COMMON
    };

    Density => "density", Facts {
        stops_by: Some(TenantsRaised), headline: Metric(TenantPss),
        told_apart: &[Metric(TenantPss), Metric(TenantsPerGib)],
        window: Window::Time, warmed_by: WarmedBy::Start, brief: Some(12), ..COMMON
    };

    Storm => "storm", Facts {
        stops_by: Some(LastAnswer), headline: Metric(LastAnswer), told_apart: &[Metric(LastAnswer), Metric(StartCpu)],
        warmed_by: WarmedBy::Start, takes_ms: 100, brief: Some(13), ..COMMON
    };

    Replay => "replay", Facts {
        stops_by: Some(PackingCpu), headline: Metric(PackingCpu),
        told_apart: &[Metric(PackingCpu), Metric(PackingPss)],
        // What a load takes stands beside what the model says, and not beside the baseline.
        has_ratio: false, adds_twins: false, window: Window::Time, warmed_by: WarmedBy::Start, ..COMMON
    };

    Neighbour => "neighbour", Facts {
        stops_by: Some(LatencyP50), headline: Metric(P99TimesBefore),
        told_apart: &[Metric(P99TimesBefore), Metric(P50TimesBefore)],
        window: Window::Time, warmed_by: WarmedBy::Load, ..COMMON
    };

    ArtifactSize => "artifact-size", Facts {
        stops_by: None, headline: Metric(Shipped), told_apart: &[Metric(Shipped), Metric(WithRuntime)],
        per_workload: false, survives_emulation: true, executes: false, takes_ms: 4_000, brief: Some(4), ..COMMON
    };

    Instructions => "instructions", Facts {
        stops_by: None, headline: Metric(InstructionsPerCall),
        told_apart: &[Metric(InstructionsFirstCall), Metric(InstructionsPerCall)],
        survives_emulation: true, takes_ms: 2_000, brief: Some(8), ..COMMON
    };

    Operations => "operations", Facts {
        stops_by: Some(OperationCpu), headline: Metric(OperationCpu), told_apart: &[Metric(OperationCpu)],
        per_workload: false, takes_ms: 300, brief: Some(14), ..COMMON
    };

    Maturity => "maturity", Facts {
        stops_by: None, headline: Metric(Works), told_apart: &[Metric(Works)],
        per_workload: false, has_ratio: false, takes_ms: 3_000, brief: Some(10), ..COMMON
    };

    Isolation => "isolation", Facts {
        stops_by: None, headline: Metric(AttemptsPossible),
        told_apart: &[Metric(AttemptsPossible), Metric(AttemptsAnswered)],
        per_workload: false, has_ratio: false, takes_ms: 8_000, ..COMMON
    };

    Waiting => "waiting", Facts {
        stops_by: Some(RequestsPerSecond), headline: Metric(RequestsPerSecond),
        headline_when_limited: Some(Metric(RequestsPerCpuSecond)),
        told_apart: &[Metric(RequestsPerSecond), Metric(RequestsPerCpuSecond), Metric(WaitingPss)],
        per_workload: false, window: Window::Completions, warmed_by: WarmedBy::Load, keeps_latencies: true, ..COMMON
    };

    Overhead => "overhead", Facts {
        stops_by: None, headline: Metric(Steps), told_apart: &[Metric(Steps), Metric(FormLines)],
        per_workload: false, has_ratio: false, takes_ms: 2_000, ..COMMON
    };

    GuestLanguages => "guest-languages", Facts { brief: Some(9), ..OF_START };

    Growth => "growth", Facts {
        stops_by: Some(RequestsPerSecond), headline: Metric(RequestsPerCpuSecond),
        told_apart: &[Metric(RequestsPerCpuSecond)],
        window: Window::Completions, warmed_by: WarmedBy::Load, keeps_latencies: true, ..COMMON
    };
}

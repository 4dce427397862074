//! The model held against loads that the run has replayed: what it foretells of each packing by parameters of the same
//! run, and whether the packing that it takes is the one that took the least. No prices are shipped, so that CPU time
//! and memory are judged each by itself, as a price of one and none of the other.

use super::measured::{Lacking, Measured, Packing, measured};
use super::model::{Estimate, Load, Parameters, Policy, Prices};
use super::{Answer, Asked, Row, answer, row};
use crate::load::question::{CellKey, Question, Setting};
use crate::results::Results;
use weighbridge_schema::method::QuestionKind;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::parameter::Parameter;
use weighbridge_schema::quantity::Quantity;
use weighbridge_schema::record::Observation;
use weighbridge_schema::replay::ReplayLoad;
use weighbridge_statistics::bootstrap::Interval;

const NS_PER_S: f64 = 1e9;
const MS_PER_S: f64 = 1e3;

/// What packings are compared by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// CPU seconds.
    CpuTime,
    /// Memory, on average over time.
    Memory,
}

impl By {
    /// Both.
    pub const ALL: [Self; 2] = [By::CpuTime, By::Memory];

    /// The words a table uses.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            By::CpuTime => "CPU time",
            By::Memory => "memory",
        }
    }

    /// What was measured of it.
    #[must_use]
    pub fn quantity(self) -> Quantity {
        Quantity::Metric(match self {
            By::CpuTime => Metric::PackingCpu,
            By::Memory => Metric::PackingPss,
        })
    }

    fn prices(self) -> Prices {
        match self {
            By::CpuTime => Prices { vcpu_hour: 1.0, gib_hour: 0.0 },
            By::Memory => Prices { vcpu_hour: 0.0, gib_hour: 1.0 },
        }
    }
}

/// What the model says of a load in a packing.
#[derive(Debug, Clone, PartialEq)]
pub struct Foretold {
    /// CPU time within the window, nanoseconds.
    pub cpu_ns: Estimate,
    /// On average over time.
    pub memory_bytes: Estimate,
    /// When every tenant is up.
    pub peak_bytes: Estimate,
    /// The 99th percentile of latency is no less. Nanoseconds.
    pub p99_least_ns: Estimate,
    /// Requests of the window that meet a start; `None` of a policy that starts nothing.
    pub starts_count: Option<f64>,
    policy: Policy,
    parameters: Parameters,
}

/// A load in a packing.
#[derive(Debug, Clone, PartialEq)]
pub struct Configuration {
    /// Its cell.
    pub key: CellKey,
    /// What the model says of it, or what is missing for that.
    pub foretold: Result<Foretold, String>,
}

/// How the model's choice stands to what was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The packing that it takes took the least.
    Right,
    /// Another one took less.
    Wrong,
    /// Its intervals do not decide, as it says itself.
    Open,
    /// Fewer than two packings have both what it says and what was measured.
    NotJudged,
}

impl Verdict {
    /// The words a table uses.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Verdict::Right => "right",
            Verdict::Wrong => "wrong",
            Verdict::Open => "open",
            Verdict::NotJudged => "not judged",
        }
    }
}

/// The model's choice beside what was measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Held {
    /// By what.
    pub by: By,
    /// The packings that it takes, by their subjects: several where it is open.
    pub taken: Vec<String>,
    /// The packing that took the least.
    pub least: Option<String>,
    /// What the first of those that it takes took, times the least.
    pub times: Option<f64>,
    /// How that stands.
    pub verdict: Verdict,
}

/// A load that was replayed.
#[derive(Debug)]
pub struct Replayed<'a> {
    /// Its number in the definition.
    pub number: u32,
    /// The load.
    pub load: &'a ReplayLoad,
    /// It in every packing that was asked.
    pub configurations: Vec<Configuration>,
    /// The choices.
    pub held: [Held; 2],
}

/// Every load of the run's replays.
#[must_use]
pub fn replayed<'a>(results: &'a Results<'_>) -> Vec<Replayed<'a>> {
    let measured = measured(results);
    let of_question = |question: &'a Question| {
        let of_setting = |setting| of_setting(results, &measured, question, setting);
        question.settings.iter().filter_map(of_setting).collect::<Vec<_>>()
    };
    results.of_kind(QuestionKind::Replay).flat_map(of_question).collect()
}

fn of_setting<'a>(
    results: &Results<'_>,
    measured: &Measured,
    question: &'a Question,
    setting: &Setting,
) -> Option<Replayed<'a>> {
    let Parameter::Replay(number) = setting.parameter else { return None };
    let load = question.method.load(number)?;
    let offered = Offered::of(results, question, setting, load);
    let keys = question.subjects.iter().map(|subject| question.key(setting, subject));
    let asked = keys.filter(|key| question.visits(&key.cell) && results.is_asked(key));
    let configurations: Vec<Configuration> = asked
        .map(|key| {
            let subject = key.cell.subject.as_str();
            let foretold = match offered {
                Some(offered) => offered.foretell(measured, load, subject),
                None => Err("no request of it was counted".to_owned()),
            };
            Configuration { key, foretold }
        })
        .collect();
    let hold = |by| match offered {
        Some(offered) => hold(results, by, &configurations, &offered.load(measured, load)),
        None => not_judged(by),
    };
    Some(Replayed { number, load, held: By::ALL.map(hold), configurations })
}

/// What came, in the windows of all visits to a load.
#[derive(Debug, Clone, Copy)]
struct Offered {
    /// Requests per second to each tenant: within a short window other than what the load asks for, by chance.
    rate_per_s: f64,
    /// Length of a window.
    window_s: f64,
}

impl Offered {
    fn of(
        results: &Results<'_>,
        question: &Question,
        setting: &Setting,
        load: &ReplayLoad,
    ) -> Option<Self> {
        let is_of = |seen: &Observation| {
            let cell = &seen.trial.cell;
            seen.trial.experiment == question.experiment
                && cell.workload == setting.workload
                && cell.parameter == setting.parameter
                && cell.architecture == setting.architecture
        };
        let (mut requests_count, mut window_ns, mut visits_count) = (0.0, 0.0, 0.0);
        for (_, seen) in results.run.counted().filter(|&(_, seen)| is_of(seen)) {
            let read = |metric| seen.metrics.get(&metric).map(|&value| value as f64);
            let both = read(Metric::RequestsCompleted).zip(read(Metric::RequestsFailed));
            let (Some((completed, failed)), Some(ns)) = (both, read(Metric::Measured)) else {
                continue;
            };
            requests_count += completed + failed;
            window_ns += ns;
            visits_count += 1.0;
        }
        (requests_count > 0.0 && window_ns > 0.0).then(|| Self {
            rate_per_s: requests_count * NS_PER_S / window_ns / f64::from(load.tenants),
            window_s: window_ns / NS_PER_S / visits_count,
        })
    }

    /// The load as the model takes it. Without a CPU time of the workload no packing has a factor of it either.
    fn load(self, measured: &Measured, load: &ReplayLoad) -> Load {
        let mut workloads = measured.workloads.iter();
        let of_baseline = workloads.find(|workload| workload.name == load.workload.as_str());
        Load {
            rate_per_s: self.rate_per_s,
            cpu_per_request_s: of_baseline.map_or(f64::NAN, |workload| workload.baseline_cpu_s),
            tenants_count: f64::from(load.tenants),
            bound_s: None,
            idle_timeout_s: load.idle_timeout_ms.unwrap_or(0) as f64 / MS_PER_S,
        }
    }

    fn foretell(
        self,
        measured: &Measured,
        load: &ReplayLoad,
        subject: &str,
    ) -> Result<Foretold, String> {
        let mut packings = measured.packings.iter();
        let packing = packings.find(|packing| packing.subject == subject);
        let packing = packing.ok_or("the run raised no tenants of it")?;
        let (policy, workload) = (policy(packing, load), load.workload.as_str());
        let parameters = packing.parameters(policy, workload).map_err(|all| lacks(&all))?;
        let asked =
            Asked { load: self.load(measured, load), prices: By::CpuTime.prices(), workload };
        let under = |policy| row(subject, policy, parameters, &asked);
        let both = under(policy).zip(under(Policy::AlwaysOn));
        let (own, all_up) = both.ok_or("a parameter has no median")?;
        let requests_count = self.rate_per_s * self.window_s * f64::from(load.tenants);
        Ok(Foretold {
            cpu_ns: scaled(own.cores, self.window_s * NS_PER_S),
            memory_bytes: own.memory_bytes,
            peak_bytes: all_up.memory_bytes,
            p99_least_ns: scaled(own.p99_least_s, NS_PER_S),
            starts_count: (policy == Policy::ScaleToZero)
                .then_some(own.started_share * requests_count),
            policy,
            parameters,
        })
    }
}

/// The policy of a load in a packing.
fn policy(packing: &Packing, load: &ReplayLoad) -> Policy {
    match load.idle_timeout_ms {
        Some(_) => Policy::ScaleToZero,
        None if packing.is_shared => Policy::InstancePerRequest,
        None => Policy::AlwaysOn,
    }
}

/// The first parameter that lacks, in words.
fn lacks(all: &[Lacking]) -> String {
    match all.first() {
        Some(first) => format!("lacks {}: {}", first.what, first.why),
        None => "lacks a parameter".to_owned(),
    }
}

fn scaled(estimate: Estimate, factor: f64) -> Estimate {
    let ends = estimate.interval;
    let interval = ends.map(|ends| Interval { low: ends.low * factor, high: ends.high * factor });
    Estimate { point: estimate.point * factor, interval }
}

fn not_judged(by: By) -> Held {
    Held { by, taken: Vec::new(), least: None, times: None, verdict: Verdict::NotJudged }
}

/// Has the model choose between the packings of which it says something and something was measured.
fn hold(results: &Results<'_>, by: By, configurations: &[Configuration], load: &Load) -> Held {
    let took = |subject: &str| {
        let mut all = configurations.iter();
        let of = all.find(|configuration| configuration.key.cell.subject.as_str() == subject)?;
        Some(results.summary(&of.key, by.quantity())?.point)
    };
    let asked = Asked { load: *load, prices: by.prices(), workload: "" };
    let mut rows: Vec<Row> = (configurations.iter())
        .filter_map(|configuration| {
            let subject = configuration.key.cell.subject.as_str();
            let foretold =
                configuration.foretold.as_ref().ok().filter(|_| took(subject).is_some())?;
            row(subject, foretold.policy, foretold.parameters, &asked)
        })
        .collect();
    if rows.len() < 2 {
        return not_judged(by);
    }
    rows.sort_by(|a, b| a.cost_per_month.point.total_cmp(&b.cost_per_month.point));
    let packing_of = |row: &Row| Some((row.packing.clone(), took(&row.packing)?));
    let all = rows.iter().filter_map(packing_of);
    let Some((least, least_took)) = all.min_by(|(_, a), (_, b)| a.total_cmp(b)) else {
        return not_judged(by);
    };
    let (taken, is_open) = match answer(&rows, &asked) {
        Answer::Take(choice) => (vec![choice.packing], false),
        Answer::Open(choices) => (choices.into_iter().map(|choice| choice.packing).collect(), true),
        Answer::AllAbove | Answer::NotMeasured => return not_judged(by),
    };
    let first = taken.first();
    let verdict = match (is_open, first == Some(&least)) {
        (true, _) => Verdict::Open,
        (false, true) => Verdict::Right,
        (false, false) => Verdict::Wrong,
    };
    let times = first.and_then(|first| took(first)).map(|took| took / least_took);
    Held { by, taken, least: Some(least), times: times.filter(|times| times.is_finite()), verdict }
}

//! The parameters of the model as a run has measured them. What it has not is named with the cell that lacks and the
//! line that measures it; nothing is put in its place.

use super::model::{Estimate, Parameters, Policy, Start};
use crate::load::question::{CellKey, Question};
use crate::render::latex::numbers::stem;
use crate::results::Results;
use serde::Serialize;
use std::collections::BTreeMap;
use weighbridge_schema::method::QuestionKind;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::name::SubjectName;
use weighbridge_schema::parameter::Parameter;
use weighbridge_schema::quantity::Quantity;
use weighbridge_schema::start::Start as Starting;
use weighbridge_schema::template::{Piece, Word};
use weighbridge_statistics::bootstrap::Interval;
use weighbridge_statistics::order::median_interval;
use weighbridge_statistics::quantile::quantile_sorted;

const NS_PER_S: f64 = 1e9;
const NS_PER_HOUR: f64 = 3600.0 * NS_PER_S;

/// The kinds of experiments that the parameters come from.
pub const SOURCES: [QuestionKind; 4] =
    [QuestionKind::Density, QuestionKind::Idle, QuestionKind::Storm, QuestionKind::Throughput];

/// A parameter that a run has not measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Lacking {
    /// The parameter, in words.
    pub what: &'static str,
    /// The number that lacks, by its key as far as the run knows it.
    pub cell: String,
    /// Why.
    pub why: String,
    /// The line that measures it.
    pub command: String,
}

/// A parameter, or what is missing for it.
pub type Known = Result<Estimate, Lacking>;

/// What a run has measured of one packing.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Packing {
    /// Its subject.
    pub subject: String,
    /// Whether one host holds all tenants.
    pub is_shared: bool,
    /// See [`Parameters::once_bytes`].
    pub once_bytes: Known,
    /// See [`Parameters::tenant_bytes`].
    pub tenant_bytes: Known,
    /// See [`Parameters::idle_cores`].
    pub idle_cores: Known,
    /// See [`Start::cpu_s`].
    pub start_cpu_s: Known,
    /// See [`Start::latency_s`].
    pub start_latency_s: Known,
    /// See [`Parameters::cpu_factor`], by workload.
    pub cpu_factors: BTreeMap<String, Known>,
}

/// A workload whose CPU time was measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Workload {
    /// Its name.
    pub name: String,
    /// CPU seconds of one request to the baseline.
    pub baseline_cpu_s: f64,
}

/// What a run says of all packings.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measured {
    /// The subject that the CPU time of a request is one of.
    pub baseline: String,
    /// The workloads, the lightest first.
    pub workloads: Vec<Workload>,
    /// The packings, in the order of the definition.
    pub packings: Vec<Packing>,
}

impl Packing {
    /// What the model wants of it under a policy.
    ///
    /// # Errors
    /// Everything that lacks.
    pub fn parameters(&self, policy: Policy, workload: &str) -> Result<Parameters, Vec<Lacking>> {
        let mut lacking = Vec::new();
        let mut take = |known: &Known| match known {
            Ok(estimate) => Some(*estimate),
            Err(lacks) => {
                lacking.push(lacks.clone());
                None
            }
        };
        let (once, tenant) = (take(&self.once_bytes), take(&self.tenant_bytes));
        let idle = take(&self.idle_cores);
        let factor = match self.cpu_factors.get(workload) {
            Some(known) => take(known),
            None => take(&Err(no_such_workload(&self.subject, workload))),
        };
        let start = match policy {
            Policy::AlwaysOn | Policy::InstancePerRequest => Some(None),
            Policy::ScaleToZero => {
                let (cpu, latency) = (take(&self.start_cpu_s), take(&self.start_latency_s));
                cpu.zip(latency).map(|(cpu_s, latency_s)| Some(Start { cpu_s, latency_s }))
            }
        };
        match (once, tenant, idle, factor, start) {
            (
                Some(once_bytes),
                Some(tenant_bytes),
                Some(idle_cores),
                Some(cpu_factor),
                Some(start),
            ) => Ok(Parameters { once_bytes, tenant_bytes, idle_cores, cpu_factor, start }),
            _ => Err(lacking),
        }
    }
}

impl Measured {
    /// The workload whose requests take the baseline about as long: its CPU time is nearest by its factor.
    #[must_use]
    pub fn nearest_workload(&self, cpu_per_request_s: f64) -> Option<&Workload> {
        let apart = |workload: &&Workload| (workload.baseline_cpu_s / cpu_per_request_s).ln().abs();
        self.workloads.iter().min_by(|a, b| apart(a).total_cmp(&apart(b)))
    }
}

/// Reads them from a run.
#[must_use]
pub fn measured(results: &Results<'_>) -> Measured {
    let reader = Reader { results };
    let workloads = reader.workloads();
    let of_throughput = reader.question(QuestionKind::Throughput);
    let packings = reader.packings().into_iter().map(|subject| Packing {
        subject: subject.to_string(),
        is_shared: reader.is_shared(subject),
        once_bytes: reader.once(subject),
        tenant_bytes: reader.tenant(subject),
        idle_cores: reader.idle(subject),
        start_cpu_s: reader.start(subject, Metric::StartCpu, "CPU time of a start"),
        start_latency_s: reader.start(subject, Metric::LastAnswer, "time of a start"),
        cpu_factors: workloads
            .iter()
            .map(|(workload, key)| (workload.name.clone(), reader.factor(subject, key)))
            .collect(),
    });
    Measured {
        baseline: of_throughput.map_or_else(|| "native".to_owned(), |q| q.baseline.to_string()),
        packings: packings.collect(),
        workloads: workloads.into_iter().map(|(workload, _)| workload).collect(),
    }
}

struct Reader<'a, 'r> {
    results: &'a Results<'r>,
}

impl<'a> Reader<'a, '_> {
    fn question(&self, kind: QuestionKind) -> Option<&'a Question> {
        self.results.of_kind(kind).next()
    }

    /// Those that were raised; of a run that raised none, those that stood idle or were started at once.
    fn packings(&self) -> Vec<&'a SubjectName> {
        let of = |kind| self.question(kind).into_iter().flat_map(|question| &question.subjects);
        let raised: Vec<_> = of(QuestionKind::Density).collect();
        if !raised.is_empty() {
            return raised;
        }
        let mut others = Vec::new();
        for subject in of(QuestionKind::Storm).chain(of(QuestionKind::Idle)) {
            if !others.contains(&subject) {
                others.push(subject);
            }
        }
        others
    }

    fn is_shared(&self, subject: &SubjectName) -> bool {
        let entry = self.results.run.manifest.subjects.get(subject);
        let Some(Starting::Process { arguments, .. }) = entry.map(|entry| &entry.definition.start)
        else {
            return false;
        };
        let mut pieces = arguments.iter().flat_map(Word::pieces);
        pieces.any(|piece| matches!(piece, Piece::Tenants(_)))
    }

    /// The cell of a subject in the first experiment of a kind, on this machine's architecture.
    fn key(
        &self,
        kind: QuestionKind,
        subject: &SubjectName,
        parameter: Parameter,
    ) -> Option<CellKey> {
        let question = self.question(kind)?;
        let local = &self.results.run.manifest.fingerprint.architecture;
        let setting = question.settings.iter().find(|setting| setting.architecture == *local)?;
        Some(question.key(setting, subject).with_parameter(parameter))
    }

    /// The summary of a cell.
    fn summary(
        &self,
        what: &'static str,
        (kind, subject, parameter): (QuestionKind, &SubjectName, Parameter),
        metric: Metric,
    ) -> Known {
        let key = self.key(kind, subject, parameter);
        let quantity = Quantity::Metric(metric);
        let found = key.as_ref().and_then(|key| self.results.summary(key, quantity));
        let estimate = found.map(|found| Estimate { point: found.point, interval: found.interval });
        estimate.ok_or_else(|| self.lacking(what, kind, subject, key.as_ref(), quantity))
    }

    fn lacking(
        &self,
        what: &'static str,
        kind: QuestionKind,
        subject: &SubjectName,
        key: Option<&CellKey>,
        quantity: Quantity,
    ) -> Lacking {
        let results = self.results;
        let (question, name) = (self.question(kind), kind.key());
        let experiment = question.map_or_else(|| name.to_owned(), |q| q.experiment.to_string());
        let baseline = question.map_or("native", |question| question.baseline.as_str());
        let names = match subject.as_str() == baseline {
            true => baseline.to_owned(),
            false => format!("{subject},{baseline}"),
        };
        let command = format!("cargo xtask run {experiment} --subject {names}");
        let planned = key.map(|key| key.with_parameter(in_plan(key)));
        let missing = planned.as_ref().and_then(|key| results.missing.get(key));
        let is_listed = question.is_none_or(|question| question.subjects.contains(subject));
        let visited = question.zip(planned.as_ref());
        let is_visited = visited.is_none_or(|(question, key)| question.visits(&key.cell));
        let why = match (question, missing) {
            (None, _) => format!("{name} is not part of this run"),
            (Some(_), Some(missing)) => missing.reason.clone(),
            (Some(_), None) if !is_listed => format!("{experiment} is not asked of {subject}"),
            (Some(_), None) if !is_visited => "it is asked of few subjects only".to_owned(),
            (Some(_), None) => "no visit showed it".to_owned(),
        };
        let remedy = missing.and_then(|missing| missing.remedy.clone());
        let add = |key: &str| {
            format!(
                "add \"{subject}\" to `{key}` of experiments/definitions/{experiment}.toml: {command}"
            )
        };
        let command = match (is_listed, is_visited, remedy) {
            (true, true, Some(remedy)) => remedy,
            (true, true, None) => command,
            (true, false, _) => add("asked_of"),
            (false, ..) => add("subjects"),
        };
        let cell = match key {
            Some(key) => stem(results, key, quantity),
            None => format!("{experiment}/.../{subject}/{}", quantity.key()),
        };
        Lacking { what, cell, why, command }
    }

    fn tenant(&self, subject: &SubjectName) -> Known {
        let cell = (QuestionKind::Density, subject, Parameter::None);
        let slope = self.summary("memory of a tenant", cell, Metric::TenantPss)?;
        // A slope below 0 is noise: no tenant frees memory.
        Ok(mapped(slope, |bytes| bytes.max(0.0)))
    }

    /// What stands with one tenant, less what each takes: within every raise.
    fn once(&self, subject: &SubjectName) -> Known {
        let (kind, slope) = (QuestionKind::Density, Quantity::Metric(Metric::TenantPss));
        let packing = Quantity::Metric(Metric::PackingPss);
        let (all, first) = (Parameter::None, Parameter::Tenants(1));
        let keys = self.key(kind, subject, all).zip(self.key(kind, subject, first));
        let values = keys.as_ref().map(|(all, first)| {
            let visits = self.results.samples.visits(all, slope).filter(|visit| visit.counts);
            let each = visits.filter_map(|visit| {
                let held = self.results.samples.beside(&visit, first, packing)?;
                Some((held - visit.value).max(0.0))
            });
            each.collect::<Vec<f64>>()
        });
        values.and_then(estimate).ok_or_else(|| {
            let first = keys.as_ref().map(|(_, first)| first);
            self.lacking("memory that is there once", kind, subject, first, packing)
        })
    }

    /// The instance's, and its shim's where it has one.
    fn idle(&self, subject: &SubjectName) -> Known {
        let kind = QuestionKind::Idle;
        let (own, shim) =
            (Quantity::Metric(Metric::IdleCpu), Quantity::Metric(Metric::IdleShimCpu));
        let key = self.key(kind, subject, Parameter::None);
        let values = key.as_ref().map(|key| {
            let has_shim = self.results.samples.values(key, shim).is_some();
            let visits = self.results.samples.visits(key, own).filter(|visit| visit.counts);
            let each = visits.filter_map(|visit| {
                let of_shim = match has_shim {
                    true => self.results.samples.beside(&visit, key, shim)?,
                    false => 0.0,
                };
                Some((visit.value + of_shim) / NS_PER_HOUR)
            });
            each.collect::<Vec<f64>>()
        });
        values.and_then(estimate).ok_or_else(|| {
            self.lacking("CPU time of an idle tenant", kind, subject, key.as_ref(), own)
        })
    }

    /// Of one tenant alone: under a Poisson process starts seldom meet.
    fn start(&self, subject: &SubjectName, metric: Metric, what: &'static str) -> Known {
        let cell = (QuestionKind::Storm, subject, Parameter::Starts(1));
        let found = self.summary(what, cell, metric)?;
        Ok(mapped(found, |ns| ns / NS_PER_S))
    }

    /// Every workload of the throughput, with the baseline's cell under the most connections.
    fn workloads(&self) -> Vec<(Workload, CellKey)> {
        let Some(question) = self.question(QuestionKind::Throughput) else { return Vec::new() };
        let local = &self.results.run.manifest.fingerprint.architecture;
        let mut found: BTreeMap<String, (Workload, CellKey)> = BTreeMap::new();
        // Settings ascend by connections: the last one stays.
        for setting in question.settings.iter().filter(|one| one.architecture == *local) {
            let key = question.key(setting, &question.baseline);
            let rate = self.results.summary(&key, CPU_RATE).filter(|rate| rate.point > 0.0);
            if let (Some(name), Some(rate)) = (&setting.workload, rate) {
                let name = name.to_string();
                let workload = Workload { name: name.clone(), baseline_cpu_s: 1.0 / rate.point };
                found.insert(name, (workload, key));
            }
        }
        let mut workloads: Vec<_> = found.into_values().collect();
        workloads.sort_by(|(a, _), (b, _)| a.baseline_cpu_s.total_cmp(&b.baseline_cpu_s));
        workloads
    }

    /// The baseline's CPU time of a request is to be multiplied by it: the reciprocal of the ratio of the rates.
    fn factor(&self, subject: &SubjectName, of_baseline: &CellKey) -> Known {
        if of_baseline.cell.subject == *subject {
            return Ok(Estimate::exact(1.0));
        }
        let key = of_baseline.with_subject(subject);
        let comparison = self.results.comparison(&key, CPU_RATE);
        let ratio = comparison.and_then(|found| Some((found.ratio?, found.interval)));
        let (ratio, interval) = ratio.filter(|(ratio, _)| *ratio > 0.0).ok_or_else(|| {
            let kind = QuestionKind::Throughput;
            let mut lacking =
                self.lacking("CPU time of a request", kind, subject, Some(&key), CPU_RATE);
            if let Some(workload) = &key.cell.workload {
                lacking.command.push_str(&format!(" --workload {workload}"));
            }
            lacking
        })?;
        let ends = interval.filter(|ends| ends.low > 0.0);
        let turned = ends.map(|ends| Interval { low: 1.0 / ends.high, high: 1.0 / ends.low });
        Ok(Estimate { point: 1.0 / ratio, interval: turned })
    }
}

const CPU_RATE: Quantity = Quantity::Metric(Metric::RequestsPerCpuSecond);

/// The parameter of the trial that shows a cell: the levels of a raise are in the trial of all.
fn in_plan(key: &CellKey) -> Parameter {
    if key.is_level() { Parameter::None } else { key.cell.parameter }
}

fn no_such_workload(subject: &str, workload: &str) -> Lacking {
    Lacking {
        what: "CPU time of a request",
        cell: format!("throughput/{workload}/.../{subject}/{}", CPU_RATE.key()),
        why: format!("the run has no CPU time of `{workload}` on the baseline"),
        command: format!("cargo xtask run throughput --workload {workload}"),
    }
}

/// An estimate in another unit: `of` keeps the order of values.
fn mapped(estimate: Estimate, of: fn(f64) -> f64) -> Estimate {
    let ends = estimate.interval;
    let interval = ends.map(|ends| Interval { low: of(ends.low), high: of(ends.high) });
    Estimate { point: of(estimate.point), interval }
}

/// Median and interval of one value for each block; `None` without any.
fn estimate(mut values: Vec<f64>) -> Option<Estimate> {
    values.sort_by(f64::total_cmp);
    let point = quantile_sorted(&values, 0.5)?;
    Some(Estimate { point, interval: median_interval(&values) })
}

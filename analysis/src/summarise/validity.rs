//! Whether the load generator, and not the subject, set a cell's pace. Such cells stay in the summaries, because
//! leaving them out would hide the busiest moments; the tables mark them, and a ratio of theirs is taken per second of
//! the subject's CPU time.

use crate::load::question::CellKey;
use std::collections::{BTreeMap, BTreeSet};
use weighbridge_schema::metric::Metric;
use weighbridge_schema::name::{ExperimentName, SubjectName};
use weighbridge_schema::record::{Observation, Outcome};

/// Share of the window above which the closed loop's CPU time makes it the bottleneck. The open loop spins up to each
/// arrival, so that its CPU time says nothing; its lateness does.
const CLIENT_SHARE_MAX: f64 = 0.7;
/// Share of the measured p99 above which the generator's own lateness colours it.
const LAG_SHARE_MAX: f64 = 0.05;

/// The cells in most of whose visits the load generator may have set the pace.
pub type Limited = BTreeSet<CellKey>;

/// Visits of a cell that have readings of the generator: suspect ones, and all.
type Counts = BTreeMap<CellKey, (usize, usize)>;

fn count<'a>(observations: impl Iterator<Item = &'a Observation>) -> Counts {
    let mut counts = Counts::new();
    for observation in observations.filter(|o| o.outcome == Outcome::Ok) {
        let Some(is_suspect) = is_suspect(observation) else { continue };
        let (suspect, all) = counts.entry(CellKey::of(&observation.trial)).or_default();
        *suspect += usize::from(is_suspect);
        *all += 1;
    }
    counts
}

/// The cells that the generator limited.
#[must_use]
pub fn limited<'a>(observations: impl Iterator<Item = &'a Observation>) -> Limited {
    let mostly = count(observations).into_iter().filter(|(_, (suspect, all))| suspect * 2 > *all);
    mostly.map(|(key, _)| key).collect()
}

/// One sentence per experiment that has such cells: how many, and of which subjects.
#[must_use]
pub fn notes(limited: &Limited) -> Vec<String> {
    let mut of: BTreeMap<&ExperimentName, (usize, BTreeSet<&SubjectName>)> = BTreeMap::new();
    for key in limited {
        let (cells, subjects) = of.entry(&key.experiment).or_default();
        *cells += 1;
        subjects.insert(&key.cell.subject);
    }
    of.into_iter()
        .map(|(experiment, (cells, subjects))| {
            let names: Vec<&str> = subjects.iter().map(|subject| subject.as_str()).collect();
            format!(
                "{experiment}: in most visits of {cells} {} the load generator may have set the pace ({}): it used over \
                 {:.0} % of its core (closed loop), or its own lateness in sending exceeded {:.0} % of the latency (p99 of both, \
                 open loop). The tables mark them, and their ratios of throughput are those per CPU second",
                if cells == 1 { "cell" } else { "cells" },
                names.join(", "),
                CLIENT_SHARE_MAX * 100.0,
                LAG_SHARE_MAX * 100.0
            )
        })
        .collect()
}

/// `None` where the trial has no readings of the generator.
fn is_suspect(observation: &Observation) -> Option<bool> {
    let value = |metric| observation.metrics.get(&metric).map(|&value| value as f64);
    let over = |part: Option<f64>, whole: Option<f64>, most: f64| Some(part? > whole? * most);
    let busy = || over(value(Metric::ClientCpu), value(Metric::Measured), CLIENT_SHARE_MAX);
    let late = over(value(Metric::SendLagP99), value(Metric::LatencyP99), LAG_SHARE_MAX);
    late.or_else(busy)
}

//! Whether the load generator, and not the subject, set a trial's pace. Such trials stay in the summaries,
//! because leaving them out would hide the busiest moments; the reader is told how many there are.

use std::collections::BTreeMap;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::name::ExperimentName;
use weighbridge_schema::record::{Observation, Outcome};

/// Share of the window above which the closed loop's CPU time makes it the bottleneck. The open loop spins up to each
/// arrival, so that its CPU time says nothing; its lateness does.
const CLIENT_SHARE_MAX: f64 = 0.7;
/// Share of the measured p99 above which the generator's own lateness colours it.
const LAG_SHARE_MAX: f64 = 0.05;

/// One sentence per experiment that has suspect trials.
#[must_use]
pub fn notes<'a>(observations: impl Iterator<Item = &'a Observation>) -> Vec<String> {
    let mut counts: BTreeMap<&ExperimentName, (usize, usize)> = BTreeMap::new();
    for observation in observations.filter(|o| o.outcome == Outcome::Ok) {
        let Some(is_suspect) = is_suspect(observation) else { continue };
        let (suspect, all) = counts.entry(&observation.trial.experiment).or_default();
        *suspect += usize::from(is_suspect);
        *all += 1;
    }
    let with_suspects = counts.into_iter().filter(|(_, (suspect, _))| *suspect > 0);
    with_suspects
        .map(|(experiment, (suspect, all))| {
            format!(
                "{experiment}: in {suspect} of {all} trials the load generator may have set the pace (closed loop: it \
                 used over {:.0} % of its core; open loop: its own lateness in sending, p99, exceeded {:.0} % of the latency p99)",
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

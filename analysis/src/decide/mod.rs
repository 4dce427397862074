//! Which packing a load should take: the measured ones under every policy, what each costs, which costs the least for
//! certain, and at which load it would be another.

pub mod flip;
pub mod map;
pub mod measured;
pub mod model;
pub mod prices;
pub mod replay;
pub mod score;
pub mod words;

use measured::{Lacking, Measured};
use model::{End, Estimate, Load, Parameters, Policy, Prices, Used, started_share};
use weighbridge_statistics::bootstrap::Interval;

/// Where fewer of the requests meet a start, a policy that ends tenants saves less than this share of what they hold.
pub const NEVER_ENDS: f64 = 0.001;

/// Whether a bound on the 99th percentile can be met, as far as starts and CPU time alone say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// Nothing that was measured rules it out. Whether it is met, waiting decides, which is not in the model.
    Possible,
    /// The interval of what the percentile is at least has the bound within, or is unknown.
    Open,
    /// It cannot be met.
    Above,
}

/// A packing under a policy, with what the load takes there.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The packing, by its subject.
    pub packing: String,
    /// The policy.
    pub policy: Policy,
    /// The share of the requests that meet a start.
    pub started_share: f64,
    /// A month, in the prices' unit.
    pub cost_per_month: Estimate,
    /// On average over time.
    pub memory_bytes: Estimate,
    /// CPU seconds per second.
    pub cores: Estimate,
    /// The 99th percentile of latency is no less. Seconds.
    pub p99_least_s: Estimate,
    /// How that stands to the bound.
    pub fit: Fit,
    parameters: Parameters,
}

/// A packing under a policy of which a parameter was not measured.
#[derive(Debug, Clone, PartialEq)]
pub struct NotMeasured {
    /// The packing, by its subject.
    pub packing: String,
    /// The policy.
    pub policy: Policy,
    /// What is missing, why, and what would measure it.
    pub lacking: Vec<Lacking>,
}

/// What to take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// This row costs less than every other one for certain.
    Take(Choice),
    /// The intervals do not decide between these; the first is the cheapest by the medians.
    Open(Vec<Choice>),
    /// Every row that was measured is above the bound.
    AllAbove,
    /// No row was measured.
    NotMeasured,
}

/// A packing and a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The packing, by its subject.
    pub packing: String,
    /// The policy.
    pub policy: Policy,
}

impl std::fmt::Display for Choice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, {}", self.packing, self.policy.words())
    }
}

impl Answer {
    /// Whether two answers say the same; which rows an open one is open between does not count.
    #[must_use]
    pub fn is_same(&self, other: &Answer) -> bool {
        matches!((self, other), (Answer::Open(_), Answer::Open(_))) || self == other
    }
}

/// What is asked, beside the load.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The load.
    pub load: Load,
    /// The prices.
    pub prices: Prices,
    /// The workload whose CPU time is compared.
    pub workload: &'a str,
}

/// What a load costs everywhere.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// The measured rows, the cheapest first.
    pub rows: Vec<Row>,
    /// The others.
    pub not_measured: Vec<NotMeasured>,
    /// What to take.
    pub answer: Answer,
}

/// Every packing under its policies.
#[must_use]
pub fn decide(measured: &Measured, asked: &Asked<'_>) -> Decision {
    let (mut rows, mut not_measured) = (Vec::new(), Vec::new());
    for packing in &measured.packings {
        for policy in Policy::of(packing.is_shared) {
            match packing.parameters(policy, asked.workload) {
                Ok(parameters) => rows.extend(row(&packing.subject, policy, parameters, asked)),
                Err(lacking) => {
                    let packing = packing.subject.clone();
                    not_measured.push(NotMeasured { packing, policy, lacking });
                }
            }
        }
    }
    rows.sort_by(|a: &Row, b| a.cost_per_month.point.total_cmp(&b.cost_per_month.point));
    let answer = answer(&rows, asked);
    Decision { rows, not_measured, answer }
}

/// Always one: every parameter has a median.
fn row(packing: &str, policy: Policy, parameters: Parameters, asked: &Asked<'_>) -> Option<Row> {
    let at = |end| parameters.used(end, policy, &asked.load, &asked.prices);
    let (point, ends) = (at(End::Point)?, at(End::Low).zip(at(End::High)));
    let estimate = |of: fn(&Used) -> f64| Estimate {
        point: of(&point),
        interval: ends.as_ref().map(|(low, high)| Interval { low: of(low), high: of(high) }),
    };
    let p99_least_s = estimate(|used| used.p99_least_s);
    Some(Row {
        packing: packing.to_owned(),
        policy,
        started_share: started_share(policy, &asked.load),
        cost_per_month: estimate(|used| used.cost_per_month),
        memory_bytes: estimate(|used| used.memory_bytes),
        cores: estimate(|used| used.cores),
        p99_least_s,
        fit: fit(p99_least_s, asked.load.bound_s),
        parameters,
    })
}

fn fit(p99_least_s: Estimate, bound_s: Option<f64>) -> Fit {
    match (bound_s, p99_least_s.interval) {
        (None, _) => Fit::Possible,
        (Some(bound_s), Some(ends)) if ends.high <= bound_s => Fit::Possible,
        (Some(bound_s), Some(ends)) if ends.low > bound_s => Fit::Above,
        (Some(_), _) => Fit::Open,
    }
}

/// Of rows in the order of their costs.
fn answer(rows: &[Row], asked: &Asked<'_>) -> Answer {
    let mut able = rows.iter().filter(|row| row.fit != Fit::Above && !row.never_ends());
    let Some(best) = able.next() else {
        return if rows.is_empty() { Answer::NotMeasured } else { Answer::AllAbove };
    };
    let others: Vec<&Row> = able.collect();
    // Where it is open whether the cheapest keeps to the bound, the cheapest that does is the other answer.
    let fallback = others.iter().find(|row| best.fit == Fit::Open && row.fit == Fit::Possible);
    let rivals = others.iter().filter(|row| !is_certainly_cheaper(best, row, asked));
    let mut open: Vec<Choice> = vec![best.choice()];
    for row in rivals.chain(fallback) {
        if !open.contains(&row.choice()) {
            open.push(row.choice());
        }
    }
    match (open.len(), best.fit) {
        (1, Fit::Possible) => Answer::Take(best.choice()),
        _ => Answer::Open(open),
    }
}

fn is_certainly_cheaper(row: &Row, other: &Row, asked: &Asked<'_>) -> bool {
    if row.packing == other.packing {
        let Asked { load, prices, .. } = asked;
        // That of both: the row that starts nothing has no start.
        let parameters = if row.parameters.start.is_some() { row } else { other }.parameters;
        return parameters.is_cheaper_under(row.policy, other.policy, load, prices);
    }
    let ends = row.cost_per_month.interval.zip(other.cost_per_month.interval);
    ends.is_some_and(|(row, other)| row.high < other.low)
}

impl Row {
    /// Whether it scales to zero and as good as never does: it is no other policy than that which ends no tenant.
    #[must_use]
    pub fn never_ends(&self) -> bool {
        self.policy == Policy::ScaleToZero && self.started_share < NEVER_ENDS
    }

    /// Its names.
    #[must_use]
    pub fn choice(&self) -> Choice {
        Choice { packing: self.packing.clone(), policy: self.policy }
    }
}

#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;

//! Whether, and from when on, the pace of an invocation is steady: changepoints of a series of iterations, classified
//! after Barrett, Bolz-Tereick, Killick, Mount & Tratt 2017 ("Virtual machine warmup blows hot and cold", Proceedings
//! of the ACM on Programming Languages 1, OOPSLA, article 52).
//!
//! As there: changepoints by PELT with a penalty of 15 ln n; outliers are not taken for changepoints; segments about as
//! fast as the last one count as the last one; an invocation that changes near its end has no steady state. Other than
//! there: changes of the mean only, not of the variance (a steady median is what is reported); the penalty is scaled by
//! a robust variance of the noise; outliers are told by a narrower window, and pulled in instead of left out; and "near
//! its end" is the last fifth of any number of iterations, where the paper has the last 500 of 2000.

use crate::quantile::median;
use pelt::{Pelt, SegmentCostFunction};
use serde::{Deserialize, Serialize};
use std::num::NonZero;

/// Fewest iterations that can be classified: below them the penalty allows hardly any changepoint.
pub const LEAST_ITERATIONS_COUNT: usize = 50;

/// Share of the iterations, at the end, that must be free of changes.
const STEADY_SHARE: f64 = 0.2;
/// The penalty of one changepoint is this times ln n times the variance of the noise.
const PENALTY: f64 = 15.0;
/// Iterations on either side whose median says how fast an iteration should have been. As many at the start are never
/// outliers: a slow start is what is looked for.
const NEIGHBOURS: usize = 5;
/// Iterations on either side that say how large the noise is.
const WINDOW: usize = 100;
/// An outlier is farther from the median of its neighbours than so many deviations of the noise.
const OUTLIER: f64 = 6.0;
/// Difference of two segments' means, as a share of the last one's, that is too small to matter.
const SAME_SHARE: f64 = 0.001;
/// The median absolute difference of two independent normal values is this times their standard deviation.
const MEDIAN_DIFFERENCE: f64 = 0.953_872_552_410_586;

/// How the pace of one invocation developed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Steady {
    /// The same from the first iteration on.
    Flat,
    /// Slower at first; steady, and at its fastest, from that iteration on.
    WarmUp {
        /// The first iteration of the steady state, from 0.
        steady_from: usize,
    },
    /// Steady from that iteration on, and faster at some time before.
    SlowDown {
        /// The first iteration of the steady state, from 0.
        steady_from: usize,
    },
    /// It changed in the last fifth, or there are fewer than [`LEAST_ITERATIONS_COUNT`] iterations.
    NoSteadyState,
}

impl Steady {
    /// The first steady iteration, from 0; `None` without a steady state.
    #[must_use]
    pub fn steady_from(self) -> Option<usize> {
        match self {
            Steady::Flat => Some(0),
            Steady::WarmUp { steady_from } | Steady::SlowDown { steady_from } => Some(steady_from),
            Steady::NoSteadyState => None,
        }
    }
}

/// A stretch of iterations between two changepoints.
struct Segment {
    start: usize,
    mean: f64,
    deviation: f64,
}

/// Classifies the durations of one invocation's iterations, in their order. A value that is not finite makes
/// [`Steady::NoSteadyState`].
#[must_use]
pub fn steady_state(durations: &[f64]) -> Steady {
    let n = durations.len();
    if n < LEAST_ITERATIONS_COUNT || durations.iter().any(|value| !value.is_finite()) {
        return Steady::NoSteadyState;
    }
    let Some(segments) = without_outliers(durations).and_then(|series| segments(&series)) else {
        return Steady::NoSteadyState;
    };
    let Some(last) = segments.last() else { return Steady::NoSteadyState };
    let tolerance = last.deviation.max(last.mean.abs() * SAME_SHARE);
    let differs = |segment: &&Segment| (segment.mean - last.mean).abs() > tolerance;
    let Some(changed) = segments.iter().rposition(|segment| differs(&segment)) else {
        return Steady::Flat;
    };
    // The last segment never differs from itself: there is one after `changed`.
    let steady_from = segments[changed + 1].start;
    if steady_from as f64 > n as f64 * (1.0 - STEADY_SHARE) {
        return Steady::NoSteadyState;
    }
    let was_faster = segments.iter().filter(differs).any(|segment| segment.mean < last.mean);
    if was_faster { Steady::SlowDown { steady_from } } else { Steady::WarmUp { steady_from } }
}

/// The standard deviation of the noise, from the differences of neighbours: from one iteration to the next there is
/// noise and hardly ever a change, so that changes do not pose as noise.
fn noise(series: &[f64]) -> Option<f64> {
    let differences: Vec<f64> = series.windows(2).map(|pair| (pair[1] - pair[0]).abs()).collect();
    Some(median(&differences)? / MEDIAN_DIFFERENCE)
}

/// The series with its outliers pulled to the bound beyond which they are such (a Hampel filter, with the noise of a
/// wider window): up to five in a row are a disturbance, and more of them a change. Pulled in, every iteration keeps
/// its place.
fn without_outliers(durations: &[f64]) -> Option<Vec<f64>> {
    let around = |index: usize, reach: usize| {
        &durations[index.saturating_sub(reach)..durations.len().min(index + reach + 1)]
    };
    let pulled = durations.iter().enumerate().map(|(index, &value)| {
        if index < NEIGHBOURS {
            return Some(value);
        }
        let level = median(around(index, NEIGHBOURS))?;
        let reach = OUTLIER * noise(around(index, WINDOW))?;
        Some(value.clamp(level - reach, level + reach))
    });
    pulled.collect()
}

/// The segments between the changepoints, in order; `None` when the search fails.
fn segments(series: &[f64]) -> Option<Vec<Segment>> {
    let n = series.len() as f64;
    // A clock of coarse steps may show no noise at all; a change below a thousandth is none.
    let least = median(series)?.abs() * SAME_SHARE;
    let variance = noise(series)?.max(least).powi(2);
    let ends = changepoints(series, PENALTY * n.ln() * variance)?;
    let mut start = 0;
    let mut segments = Vec::new();
    for end in ends {
        let values = series.get(start..end)?;
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        segments.push(Segment { start, mean, deviation: (squares / count).sqrt() });
        start = end;
    }
    Some(segments)
}

/// The ends of the segments that together have the least squared distance from their means plus `penalty` for each
/// (Killick, Fearnhead & Eckley 2012, Journal of the American Statistical Association 107, 1590-1598).
///
/// The crate `pelt` (0.3.4) refuses to look at every place (`jump` 1): it asks for a segment shorter than the
/// shortest. With every value given twice, at half the weight, its places in steps of 2 are all places.
fn changepoints(series: &[f64], penalty: f64) -> Option<Vec<usize>> {
    const TWICE: NonZero<usize> = NonZero::new(2).unwrap();
    // Near 0, sums of squares keep their digits.
    let level = median(series)?;
    let twice: Vec<f64> = series.iter().flat_map(|value| [value - level; 2]).collect();
    let pelt = Pelt::new()
        .with_segment_cost_function(SegmentCostFunction::L2)
        .with_jump(TWICE)
        .with_minimum_segment_length(TWICE);
    let ends = pelt.predict(&twice[..], 2.0 * penalty).ok()?;
    Some(ends.into_iter().map(|end| end / 2).collect())
}

#[cfg(test)]
#[path = "steady_tests.rs"]
mod tests;

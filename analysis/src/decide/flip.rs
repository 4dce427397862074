//! What would change the answer: for each thing that is asked, the nearest value at which the model answers otherwise,
//! found by trying values ever more distant.

use super::measured::Measured;
use super::{Answer, Asked, decide};

/// Values are tried up to so many times as much, and as little.
pub const WITHIN: f64 = 1000.0;
/// Values that are tried in each direction: each is 3.5 % from the one before. An answer that holds for less than that
/// may be missed.
const STEPS: i32 = 200;
/// Halvings of the gap between the last value with the same answer and the first with another.
const HALVINGS: usize = 30;

/// What may be asked otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// Requests per second and tenant.
    Rate,
    /// CPU seconds of a request.
    CpuPerRequest,
    /// Tenants.
    Tenants,
    /// Bound on the p99, seconds.
    Bound,
    /// Idle seconds before a tenant is ended.
    IdleTimeout,
    /// Price of a vCPU-hour, that of a GiB-hour staying as it is.
    VcpuHour,
}

impl Input {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Input::Rate,
        Input::CpuPerRequest,
        Input::Tenants,
        Input::Bound,
        Input::IdleTimeout,
        Input::VcpuHour,
    ];

    /// The value in what is asked; `None` where nothing is asked about it.
    #[must_use]
    pub fn of(self, asked: &Asked<'_>) -> Option<f64> {
        let load = &asked.load;
        let value = match self {
            Input::Rate => load.rate_per_s,
            Input::CpuPerRequest => load.cpu_per_request_s,
            Input::Tenants => load.tenants_count,
            Input::Bound => load.bound_s?,
            Input::IdleTimeout => load.idle_timeout_s,
            Input::VcpuHour => asked.prices.vcpu_hour,
        };
        // No factor leads away from 0.
        (value > 0.0).then_some(value)
    }

    /// The same question with another value.
    #[must_use]
    pub fn with<'a>(self, asked: &Asked<'a>, value: f64) -> Asked<'a> {
        let mut other = *asked;
        let load = &mut other.load;
        match self {
            Input::Rate => load.rate_per_s = value,
            Input::CpuPerRequest => load.cpu_per_request_s = value,
            Input::Tenants => load.tenants_count = value,
            Input::Bound => load.bound_s = Some(value),
            Input::IdleTimeout => load.idle_timeout_s = value,
            Input::VcpuHour => other.prices.vcpu_hour = value,
        }
        other
    }

    /// The value that is tried for a wanted one: tenants are whole.
    fn tried(self, value: f64) -> f64 {
        // The nearest whole number: no rounding of a result, and none is printed by it.
        if self == Input::Tenants { ((value + 0.5) as u64).max(1) as f64 } else { value }
    }
}

/// An answer that another value has.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The value.
    pub value: f64,
    /// What is to be taken there.
    pub answer: Answer,
}

/// What a thing that is asked would have to be.
#[derive(Debug, Clone, PartialEq)]
pub struct Flip {
    /// Which one.
    pub input: Input,
    /// What it is.
    pub now: f64,
    /// The nearest value with another answer; `None` within [`WITHIN`].
    pub change: Option<Change>,
    /// Where that answer is an open one: the next value in the same direction at which another row is to be taken for
    /// certain.
    pub then: Option<Change>,
}

/// One for each thing that is asked.
#[must_use]
pub fn flips(measured: &Measured, asked: &Asked<'_>) -> Vec<Flip> {
    let now = decide(measured, asked).answer;
    let of = |input: Input| {
        let value = input.of(asked)?;
        let search = Search { measured, asked, input, value, now: &now };
        let directions = [-1, 1].into_iter().filter_map(|direction| search.along(direction));
        let apart = |(change, _): &(Change, _)| (change.value / value).ln().abs();
        let nearest = directions.min_by(|a, b| apart(a).total_cmp(&apart(b)));
        let (change, then) = nearest.map_or((None, None), |(change, then)| (Some(change), then));
        Some(Flip { input, now: value, change, then })
    };
    Input::ALL.into_iter().filter_map(of).collect()
}

struct Search<'a> {
    measured: &'a Measured,
    asked: &'a Asked<'a>,
    input: Input,
    value: f64,
    now: &'a Answer,
}

impl Search<'_> {
    fn answer(&self, value: f64) -> Answer {
        decide(self.measured, &self.input.with(self.asked, value)).answer
    }

    /// The first other answer in a direction, and what is taken for certain behind it.
    fn along(&self, direction: i32) -> Option<(Change, Option<Change>)> {
        let at = |step: i32| {
            let factor = WITHIN.powf(f64::from(step) / f64::from(STEPS));
            self.input.tried(self.value * factor.powi(direction))
        };
        let first = (1..=STEPS).find(|&step| !self.answer(at(step)).is_same(self.now))?;
        let change = self.between(at(first - 1), at(first), |answer| !answer.is_same(self.now));
        let is_other = |answer: &Answer| matches!(answer, Answer::Take(_)) && answer != self.now;
        if !matches!(change.answer, Answer::Open(_)) {
            return Some((change, None));
        }
        let next = (first..=STEPS).find(|&step| is_other(&self.answer(at(step))));
        let then = next.map(|step| self.between(at(step - 1), at(step), is_other));
        Some((change, then))
    }

    /// The value nearest to `near` at which the answer is wanted, as it is at `far`.
    fn between(&self, mut near: f64, mut far: f64, is_wanted: impl Fn(&Answer) -> bool) -> Change {
        for _ in 0..HALVINGS {
            let middle = self.input.tried((near * far).sqrt());
            if middle == near || middle == far {
                break;
            }
            if is_wanted(&self.answer(middle)) {
                far = middle;
            } else {
                near = middle;
            }
        }
        Change { value: far, answer: self.answer(far) }
    }
}

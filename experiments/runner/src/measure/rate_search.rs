//! The stepwise search for the highest rate that meets an objective; it knows nothing of how a rate is tried.

use std::fmt;

/// Most steps of the search itself, before the confirmation.
const STEPS_MOST: usize = 14;
/// The search ends when the lowest failure is within this many percent of the highest pass.
const CLOSE_PERCENT: u64 = 5;
/// How often the rate is lowered by [`CLOSE_PERCENT`] when its confirmation fails.
const LOWERINGS_MOST: usize = 5;
/// How many of the lower rates that had passed are tried after that: a rate that passed once by luck, far above what
/// the server can do, is no reason to find nothing.
const EARLIER_MOST: usize = 3;

/// Whether one step met the objective.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It did.
    Pass,
    /// It did not: why.
    Fail(String),
}

/// One rate that was tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateStep {
    /// Offered rate.
    pub rate_per_second: u32,
    /// Whether the objective was met.
    pub verdict: Verdict,
    /// Whether the step was there to confirm what the search had found.
    pub confirms: bool,
}

/// What the search found and how.
#[derive(Debug, PartialEq, Eq)]
pub struct Found {
    /// The highest rate that passed and passed again; `None` when there is none.
    pub rate_per_second: Option<u32>,
    /// Every step in its order.
    pub steps: Vec<RateStep>,
}

impl fmt::Display for Found {
    /// `steps: 100 pass, 200 fail(p99 12.1 ms), 141 pass, ..., confirm 190 pass`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("steps: ")?;
        for (index, step) in self.steps.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            let confirm = if step.confirms { "confirm " } else { "" };
            write!(f, "{comma}{confirm}{} ", step.rate_per_second)?;
            match &step.verdict {
                Verdict::Pass => f.write_str("pass")?,
                Verdict::Fail(why) => write!(f, "fail({why})")?,
            }
        }
        Ok(())
    }
}

/// Doubles from `first_rate` until a step fails, then halves the gap (on a logarithmic scale) between the
/// highest pass and the lowest failure until they are close, and confirms the pass with another step; where
/// that fails the rate is lowered a little until one passes. When the first rate fails already, its half,
/// quarter and eighth are tried.
///
/// # Errors
/// Those of `attempt`, which tries one rate.
pub fn search<E>(
    first_rate: u32,
    attempt: impl FnMut(u32) -> Result<Verdict, E>,
) -> Result<Found, E> {
    let mut search = Search { attempt, steps: Vec::new() };
    let rate_per_second = match search.bracket(first_rate)? {
        None => None,
        Some((pass, fail)) => {
            let pass = search.narrow(pass, fail)?;
            search.confirm(pass)?
        }
    };
    Ok(Found { rate_per_second, steps: search.steps })
}

struct Search<F> {
    attempt: F,
    steps: Vec<RateStep>,
}

impl<F, E> Search<F>
where
    F: FnMut(u32) -> Result<Verdict, E>,
{
    fn passes(&mut self, rate_per_second: u32, confirms: bool) -> Result<bool, E> {
        let verdict = (self.attempt)(rate_per_second)?;
        let passes = verdict == Verdict::Pass;
        self.steps.push(RateStep { rate_per_second, verdict, confirms });
        Ok(passes)
    }

    /// A rate that passes and the next higher one that fails, if one was met.
    fn bracket(&mut self, first: u32) -> Result<Option<(u32, Option<u32>)>, E> {
        let mut fail = first;
        if self.passes(first, false)? {
            let mut pass = first;
            while self.steps.len() < STEPS_MOST
                && let Some(double) = pass.checked_mul(2)
            {
                if !self.passes(double, false)? {
                    return Ok(Some((pass, Some(double))));
                }
                pass = double;
            }
            return Ok(Some((pass, None)));
        }
        for lower in [2, 4, 8].map(|divisor| first / divisor) {
            if lower > 0 && lower < fail {
                if self.passes(lower, false)? {
                    return Ok(Some((lower, Some(fail))));
                }
                fail = lower;
            }
        }
        Ok(None)
    }

    fn narrow(&mut self, mut pass: u32, fail: Option<u32>) -> Result<u32, E> {
        let Some(mut fail) = fail else { return Ok(pass) };
        let far =
            |pass: u32, fail: u32| u64::from(fail) * 100 > u64::from(pass) * (100 + CLOSE_PERCENT);
        while self.steps.len() < STEPS_MOST && far(pass, fail) && fail - pass > 1 {
            // Between the two, which fit u32 and are more than 1 apart.
            let middle = (f64::from(pass) * f64::from(fail)).sqrt() as u32;
            let middle = middle.clamp(pass + 1, fail - 1);
            if self.passes(middle, false)? {
                pass = middle;
            } else {
                fail = middle;
            }
        }
        Ok(pass)
    }

    fn confirm(&mut self, found: u32) -> Result<Option<u32>, E> {
        let mut rate = found;
        for _ in 0..=LOWERINGS_MOST {
            if self.passes(rate, true)? {
                return Ok(Some(rate));
            }
            let share = u64::from(rate) * (100 - CLOSE_PERCENT) / 100;
            // Below `rate`, so it fits.
            rate = u32::try_from(share).unwrap_or(rate).min(rate - 1);
            if rate == 0 {
                return Ok(None);
            }
        }
        for earlier in self.passes_from(rate) {
            if self.passes(earlier, true)? {
                return Ok(Some(earlier));
            }
        }
        Ok(None)
    }

    /// The highest rates, `most` at most, that passed in the search, the highest first.
    fn passes_from(&self, most: u32) -> Vec<u32> {
        let mut rates: Vec<u32> = self
            .steps
            .iter()
            .filter(|step| step.verdict == Verdict::Pass && step.rate_per_second <= most)
            .map(|step| step.rate_per_second)
            .collect();
        rates.sort_unstable_by(|a, b| b.cmp(a));
        rates.dedup();
        rates.truncate(EARLIER_MOST);
        rates
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::convert::Infallible;

    fn at_most(capacity: u32) -> impl Fn(u32) -> Result<Verdict, Infallible> {
        move |rate| {
            Ok(if rate <= capacity { Verdict::Pass } else { Verdict::Fail("slow".to_owned()) })
        }
    }

    fn rates(found: &Found) -> Vec<u32> {
        found.steps.iter().map(|step| step.rate_per_second).collect()
    }

    proptest! {
        #[test]
        fn what_is_found_is_close_below_the_capacity(first in 8u32..2_000, share in 0.126f64..256.0) {
            let capacity = (f64::from(first) * share) as u32;
            let Ok(found) = search(first, at_most(capacity));
            let rate = found.rate_per_second.unwrap();
            prop_assert!(rate <= capacity);
            // The next failure was within 5 % or next to it, and the capacity lies below that.
            prop_assert!(
                f64::from(capacity) < f64::from(rate) * 1.05 || capacity == rate,
                "{rate} of {capacity}: {found}"
            );
            prop_assert!(found.steps.len() <= STEPS_MOST + 1);
        }

        #[test]
        fn it_ends_whatever_the_steps_say(first in 1u32.., seed in any::<u64>()) {
            let mut state = seed;
            let Ok(found) = search(first, |rate| {
                assert!(rate > 0);
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let passes = state >> 63 == 0;
                Ok::<_, Infallible>(if passes { Verdict::Pass } else { Verdict::Fail(String::new()) })
            });
            prop_assert!(found.steps.len() <= STEPS_MOST + 1 + LOWERINGS_MOST + EARLIER_MOST);
            if let Some(rate) = found.rate_per_second {
                let last = found.steps.last().unwrap();
                prop_assert_eq!((last.rate_per_second, &last.verdict, last.confirms), (rate, &Verdict::Pass, true));
            }
        }
    }

    #[test]
    fn doubling_bisecting_and_confirming() {
        let Ok(found) = search(100, at_most(300));
        assert_eq!(rates(&found), [100, 200, 400, 282, 335, 307, 294, 294]);
        assert_eq!(found.rate_per_second, Some(294));
        let text = found.to_string();
        assert!(text.starts_with("steps: 100 pass, 200 pass, 400 fail(slow), 282 pass"), "{text}");
        assert!(text.ends_with("294 pass, confirm 294 pass"), "{text}");
    }

    #[test]
    fn a_first_rate_that_is_too_high_is_halved_three_times() {
        let Ok(found) = search(100, at_most(30));
        assert_eq!(rates(&found)[..3], [100, 50, 25]);
        assert_eq!(found.rate_per_second, Some(30));
        let Ok(none) = search(100, at_most(3));
        assert_eq!((none.rate_per_second, rates(&none)), (None, vec![100, 50, 25, 12]));
        let Ok(one) = search(1, at_most(0));
        assert_eq!((one.rate_per_second, rates(&one)), (None, vec![1]));
    }

    #[test]
    fn a_rate_that_does_not_pass_again_is_lowered() {
        let failures = |count: usize| {
            let mut confirmed = 0;
            let mut passed = std::collections::BTreeSet::new();
            search(1000, move |rate| {
                // The second time a rate is requested, or anything below it, is a confirmation.
                let is_confirmation = confirmed > 0 || passed.contains(&rate);
                confirmed += usize::from(is_confirmation);
                let passes = if is_confirmation { confirmed > count } else { rate < 1100 };
                passed.insert(rate);
                Ok::<_, Infallible>(if passes {
                    Verdict::Pass
                } else {
                    Verdict::Fail("noise".to_owned())
                })
            })
        };
        let Ok(found) = failures(2);
        let before =
            found.steps.iter().rev().find(|step| !step.confirms && step.verdict == Verdict::Pass);
        let before = before.unwrap().rate_per_second;
        assert_eq!(found.rate_per_second, Some(before * 95 / 100 * 95 / 100));
        let Ok(none) = failures(LOWERINGS_MOST + 1 + EARLIER_MOST);
        assert_eq!(none.rate_per_second, None);
    }

    #[test]
    fn a_rate_that_passed_once_by_luck_falls_back_to_what_had_passed() {
        let mut lucky = true;
        let Ok(found) = search(1000, |rate| {
            let passes = rate <= 4500 || (rate == 8000 && std::mem::take(&mut lucky));
            Ok::<_, Infallible>(if passes {
                Verdict::Pass
            } else {
                Verdict::Fail("slow".to_owned())
            })
        });
        assert_eq!(found.rate_per_second, Some(4000), "{found}");
    }

    #[test]
    fn an_error_ends_the_search() {
        let mut requested = 0;
        let result = search(10, |_| {
            requested += 1;
            if requested == 3 { Err("gone") } else { Ok(Verdict::Pass) }
        });
        assert_eq!((result, requested), (Err("gone"), 3));
    }
}

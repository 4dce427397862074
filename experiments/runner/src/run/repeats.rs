//! Which trials are visited again because other work disturbed them: soon, and beside the partner they are compared
//! with.
//!
//! Repetitions were once all made at the end of a run, each without its partner. The machine was 13 % slower by then,
//! and since the busiest subjects are disturbed most often, their ratios moved: 0.400 was printed where the planned
//! visits gave 0.353.

use crate::plan::order::{MiniBlock, mini_block};
use crate::plan::planned::Planned;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use std::collections::{BTreeMap, BTreeSet};
use weighbridge_schema::plan::Trial;

/// Those of `block` that were disturbed, by mini-block, each with its baseline's trial, in an order drawn by `seed`. A
/// baseline's trial that was not planned is not added.
pub fn with_baselines<'a, 'p>(
    disturbed: &BTreeSet<&Trial>,
    block: &'a [Planned<'p>],
    seed: u64,
) -> Vec<Vec<&'a Planned<'p>>> {
    let mut mini_blocks: BTreeMap<MiniBlock, Vec<&Planned<'_>>> = BTreeMap::new();
    for planned in block {
        mini_blocks.entry(mini_block(planned.trial)).or_default().push(planned);
    }
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut again = Vec::new();
    for mut planned in mini_blocks.into_values() {
        let is_disturbed = |planned: &&Planned<'_>| disturbed.contains(planned.trial);
        if !planned.iter().any(is_disturbed) {
            continue;
        }
        planned.retain(|planned| is_disturbed(planned) || planned.is_baseline());
        planned.sort_by_key(|planned| planned.trial);
        planned.shuffle(&mut random);
        again.push(planned);
    }
    again.shuffle(&mut random);
    again
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::fixture::Question;

    /// What is visited again of a block when these subjects, each with a workload, were disturbed.
    fn again(disturbed: &[(&str, &str)]) -> Vec<Vec<String>> {
        let question = Question::new(1, 1);
        let plan = question.plan();
        let is_meant = |planned: &&Planned<'_>| {
            let cell = &planned.trial.cell;
            let workload = cell.workload.as_ref().unwrap().as_str();
            disturbed.contains(&(cell.subject.as_str(), workload))
        };
        let disturbed = plan.iter().filter(is_meant).map(|planned| planned.trial).collect();
        let again = with_baselines(&disturbed, &plan, 1);
        let names = again.into_iter().map(|mini_block| {
            let cells = mini_block.into_iter().map(|planned| &planned.trial.cell);
            let mut names: Vec<String> = cells
                .map(|cell| format!("{} {}", cell.subject, cell.workload.as_ref().unwrap()))
                .collect();
            names.sort();
            names
        });
        let mut names: Vec<Vec<String>> = names.collect();
        names.sort();
        names
    }

    #[test]
    fn a_disturbed_trial_is_repeated_beside_its_baseline() {
        assert_eq!(
            again(&[("one", "w"), ("two", "w")]),
            [["base w", "one w", "two w"]],
            "the baseline once for both"
        );
        assert_eq!(
            again(&[("one", "v"), ("one", "w")]),
            [["base v", "one v"], ["base w", "one w"]]
        );
    }

    #[test]
    fn a_disturbed_baseline_is_not_repeated_twice() {
        assert_eq!(again(&[("base", "w")]), [["base w"]]);
        assert!(again(&[]).is_empty());
    }

    #[test]
    fn a_missing_baseline_is_not_invented() {
        let question = Question::new(1, 1);
        let plan = question.plan();
        let others: Vec<Planned<'_>> =
            plan.iter().filter(|planned| !planned.is_baseline()).copied().collect();
        let disturbed = BTreeSet::from([others[0].trial]);
        let again = with_baselines(&disturbed, &others, 1);
        let trials: Vec<&Trial> = again.iter().flatten().map(|planned| planned.trial).collect();
        assert_eq!(trials, [others[0].trial]);
    }
}

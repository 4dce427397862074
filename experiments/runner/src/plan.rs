//! The order of the visits: randomised interleaved blocks over all cells.
//!
//! Block `i` holds invocation `i` of every cell that has so many, shuffled by the seed. A drift of the
//! machine falls on all subjects alike (A. Abedi, T. Brecht: "Conducting repeatable experiments in highly
//! variable cloud computing environments", ICPE 2017), and a run that ends early is still balanced.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;
use weighbridge_schema::plan::Trial;

/// The trials in the order of the visit; the same trials and seed give the same order.
pub fn shuffle(trials: Vec<Trial>, seed: u64) -> Vec<Trial> {
    let mut blocks: BTreeMap<u32, Vec<Trial>> = BTreeMap::new();
    for trial in trials {
        blocks.entry(trial.invocation).or_default().push(trial);
    }
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    blocks
        .into_values()
        .flat_map(|mut block| {
            block.sort();
            block.shuffle(&mut random);
            block
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use weighbridge_schema::parameter::Parameter;
    use weighbridge_schema::plan::Cell;

    fn trials(subjects: u32, invocations: u32) -> Vec<Trial> {
        (0..invocations)
            .flat_map(|invocation| {
                (0..subjects).map(move |subject| Trial {
                    experiment: "cold-start".parse().unwrap(),
                    cell: Cell {
                        subject: format!("s{subject}").parse().unwrap(),
                        workload: None,
                        architecture: "x86_64".to_owned(),
                        parameter: Parameter::None,
                    },
                    invocation,
                })
            })
            .collect()
    }

    proptest! {
        #[test]
        fn every_trial_once_and_blocks_in_order(subjects in 1u32..8, invocations in 1u32..8, seed: u64) {
            let all = trials(subjects, invocations);
            let plan = shuffle(all.clone(), seed);
            let mut sorted = plan.clone();
            sorted.sort();
            let mut expected = all.clone();
            expected.sort();
            prop_assert_eq!(sorted, expected);
            prop_assert!(plan.windows(2).all(|pair| pair[0].invocation <= pair[1].invocation));
            // The order in which the trials were listed does not matter, only the seed does.
            let reversed = all.into_iter().rev().collect();
            prop_assert_eq!(shuffle(reversed, seed), plan);
        }
    }

    #[test]
    fn seeds_differ_and_blocks_are_not_alike() {
        assert_ne!(shuffle(trials(8, 2), 1), shuffle(trials(8, 2), 2));
        let plan = shuffle(trials(8, 2), 1);
        let order = |block: &[Trial]| block.iter().map(|t| t.cell.clone()).collect::<Vec<_>>();
        assert_ne!(order(&plan[..8]), order(&plan[8..]));
    }
}

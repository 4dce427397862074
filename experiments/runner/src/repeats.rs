//! Which trials are visited again because other work disturbed them: soon, and beside the partner they are compared with.
//!
//! Repetitions were once all made at the end of a run, each without its partner. The machine was 13 % slower by then, and since the busiest
//! subjects are disturbed most often, their ratios moved: 0.400 was printed where the planned visits gave 0.353.

use crate::plan::{MiniBlock, mini_block};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;
use weighbridge_schema::name::{ExperimentName, SubjectName};
use weighbridge_schema::plan::Trial;

/// The disturbed trials of a block by mini-block, each with its baseline's trial, in an order drawn by `seed`. A baseline's
/// trial that was not planned is not added.
pub fn with_baselines<'a>(
    disturbed: Vec<Trial>,
    block: &[Trial],
    baseline: impl Fn(&ExperimentName) -> Option<&'a SubjectName>,
    seed: u64,
) -> Vec<Vec<Trial>> {
    let mut mini_blocks: BTreeMap<MiniBlock, Vec<Trial>> = BTreeMap::new();
    for trial in disturbed {
        mini_blocks.entry(mini_block(&trial)).or_default().push(trial);
    }
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut again = Vec::new();
    for (of, mut trials) in mini_blocks {
        let is_baseline = |trial: &&Trial| {
            mini_block(trial) == of && baseline(&trial.experiment) == Some(&trial.cell.subject)
        };
        let partner = block.iter().find(is_baseline);
        trials.extend(partner.filter(|partner| !trials.contains(partner)).cloned());
        trials.sort();
        trials.shuffle(&mut random);
        again.push(trials);
    }
    again.shuffle(&mut random);
    again
}

#[cfg(test)]
mod tests {
    use super::*;
    use weighbridge_schema::parameter::Parameter;
    use weighbridge_schema::plan::Cell;

    fn trial(subject: &str, workload: &str) -> Trial {
        Trial {
            experiment: "throughput".parse().unwrap(),
            cell: Cell {
                subject: subject.parse().unwrap(),
                workload: Some(workload.parse().unwrap()),
                architecture: "x86_64".to_owned(),
                parameter: Parameter::None,
            },
            invocation: 3,
        }
    }

    fn again(disturbed: &[Trial], baseline: &str) -> Vec<Vec<Trial>> {
        let block: Vec<Trial> = ["healthz", "thumbnail"]
            .iter()
            .flat_map(|w| ["native", "crun", "podman"].map(|subject| trial(subject, w)))
            .collect();
        let baseline: SubjectName = baseline.parse().unwrap();
        with_baselines(disturbed.to_vec(), &block, |_| Some(&baseline), 1)
    }

    #[test]
    fn a_disturbed_trial_is_repeated_beside_its_baseline() {
        let mut found = again(&[trial("crun", "healthz"), trial("podman", "healthz")], "native");
        assert_eq!(found.len(), 1);
        found[0].sort();
        let of = |subject| trial(subject, "healthz");
        assert_eq!(
            found[0],
            [of("crun"), of("native"), of("podman")],
            "the baseline once for both"
        );
        let apart = again(&[trial("crun", "healthz"), trial("crun", "thumbnail")], "native");
        assert!(apart.len() == 2 && apart.iter().all(|one| one.len() == 2), "{apart:?}");
    }

    #[test]
    fn a_disturbed_baseline_is_not_repeated_twice_and_a_missing_one_is_not_invented() {
        assert_eq!(again(&[trial("native", "healthz")], "native"), [[trial("native", "healthz")]]);
        assert_eq!(again(&[trial("crun", "healthz")], "youki"), [[trial("crun", "healthz")]]);
        assert!(again(&[], "native").is_empty());
    }
}

//! The order of the visits: randomised interleaved blocks over all cells, divided into mini-blocks.
//!
//! Block `i` holds invocation `i` of every cell that has so many. Within it the cells that are compared with each
//! other (one experiment, workload, parameter and architecture: a *mini-block*) stand side by side, seconds apart, in
//! an order drawn by the seed; the mini-blocks stand in an order drawn by the seed, too. A drift of the machine falls
//! on all subjects alike (A. Abedi, T. Brecht: "Conducting repeatable experiments in highly variable cloud computing
//! environments", ICPE 2017), a ratio is taken between neighbours, and a run that ends early is still balanced.
//!
//! Without mini-blocks the partners of a ratio lay two minutes apart in blocks of five to eight minutes, where the
//! noise of these machines is no longer correlated: pairing removed nothing.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;
use weighbridge_schema::name::{ExperimentName, WorkloadName};
use weighbridge_schema::parameter::Parameter;
use weighbridge_schema::plan::Trial;

/// What the trials of a mini-block have in common.
pub type MiniBlock = (u32, ExperimentName, Option<WorkloadName>, Parameter, String);

/// The mini-block that a trial belongs to.
pub fn mini_block(trial: &Trial) -> MiniBlock {
    let cell = &trial.cell;
    (
        trial.invocation,
        trial.experiment.clone(),
        cell.workload.clone(),
        cell.parameter,
        cell.architecture.clone(),
    )
}

/// The trials in the order of the visit; the same trials and seed give the same order.
pub fn shuffle(trials: Vec<Trial>, seed: u64) -> Vec<Trial> {
    let mut blocks: BTreeMap<u32, BTreeMap<MiniBlock, Vec<Trial>>> = BTreeMap::new();
    for trial in trials {
        let block = blocks.entry(trial.invocation).or_default();
        block.entry(mini_block(&trial)).or_default().push(trial);
    }
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut plan = Vec::new();
    for block in blocks.into_values() {
        let mut mini_blocks: Vec<Vec<Trial>> = block.into_values().collect();
        mini_blocks.shuffle(&mut random);
        for mut trials in mini_blocks {
            trials.sort();
            trials.shuffle(&mut random);
            plan.append(&mut trials);
        }
    }
    plan
}

#[cfg(test)]
#[path = "order_tests.rs"]
mod tests;

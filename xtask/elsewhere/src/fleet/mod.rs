//! Measuring on a cluster, by Slurm: a job array whose elements are the blocks of one architecture.
//!
//! A block holds one invocation of every cell, so that partners of a comparison stay on one node. Elements write run
//! folders into the fleet's folder, which all nodes share; `collect` merges them into one run.

mod collect;
mod plan;
mod script;
mod status;

pub use collect::collect;
pub use plan::{Element, Fleet, blocks_count};
pub use script::{Batch, submit, write};
pub use status::{Progress, again, progress, table};

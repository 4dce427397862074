//! Measuring on other machines: over ssh, or on a cluster by Slurm; and how the parts become one run.

pub mod fleet;
pub mod kit;
pub mod merge;
pub mod other_machines;
pub mod pack;
pub mod remote;

//! Statistics: quantiles, intervals, ratios, rank tests, changepoints and slopes. Pure functions over numbers;
//! the seed comes from outside, so that the same run and the same seed give the same paper.
//!
//! The runner uses it to stop when a cell is precise, the analysis for everything that it prints. The
//! simulation in `tests/coverage.rs` shows how often the intervals contain the true value.

pub mod arm;
pub mod bca;
pub mod binomial;
pub mod bootstrap;
pub mod hierarchical;
pub mod holm;
pub mod order;
pub mod paired;
pub mod precision;
pub mod quantile;
pub mod rank;
pub mod ratio;
pub mod sign;
pub mod slope;
pub mod steady;

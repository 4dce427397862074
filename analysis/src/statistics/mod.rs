//! Statistics: quantiles, bootstrap intervals and ratios. Pure functions over numbers; the seed comes from
//! outside, so that the same run and the same seed give the same paper.

pub mod arm;
pub mod bootstrap;
pub mod pooled;
pub mod quantile;
pub mod ratio;

//! One run, from its lock to its folder: the visits in their order, what is kept of them, and how it ends.

pub mod alone;
pub mod announce;
pub mod ending;
#[cfg(test)]
pub mod fake_lab;
#[cfg(test)]
pub mod fixture;
pub mod lab;
pub mod leftovers;
pub mod real_lab;
pub mod repeats;
pub mod session;
pub mod stopping;
pub mod store;
pub mod verdicts;

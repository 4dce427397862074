//! What will be measured here: which subjects can be, in which order, and about how long it takes.

pub mod availability;
pub mod dry_run;
pub mod estimate;
pub mod lacking;
pub mod missing;
pub mod order;
pub mod planned;
pub mod survey;

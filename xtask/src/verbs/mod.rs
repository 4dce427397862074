//! One module for each verb.

pub mod all;
pub mod analyze;
pub mod build;
pub mod calibrate;
pub mod clean;
pub mod compare;
pub mod doctor;
mod elsewhere;
pub mod explain;
mod failures;
pub mod fleet;
pub mod list;
pub mod paper;
pub mod run;
pub mod setup;
pub mod setup_subjects;
pub mod subject_programs;
pub mod test;
mod test_fleet;
mod test_foreign;
pub mod test_fuzz;
pub mod test_independent;
pub mod test_reference;
mod tools;
mod unfinished;
pub mod verify;
pub mod verify_published;

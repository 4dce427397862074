//! One module for each verb.

pub mod all;
pub mod analyze;
pub mod build;
pub mod calibrate;
pub mod clean;
pub mod compare;
pub mod decide;
pub mod doctor;
pub mod explain;
pub mod fleet;
pub mod kit;
pub mod list;
pub mod paper;
pub mod reconcile;
pub mod run;
pub mod setup;
pub mod test;
mod test_fleet;
mod test_subjects;
pub mod verify;
pub mod verify_published;

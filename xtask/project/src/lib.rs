//! The project on this machine: where things lie, what has changed, and how a program is run, told
//! about and ended. Set-up, building, measuring elsewhere and the verbs all stand on it.

// Printing that does not panic when its reader has gone away.
#[macro_use(eprintln, println)]
extern crate weighbridge_machine;

pub mod answers;
pub mod build_step;
pub mod claims;
pub mod exit;
pub mod failures;
pub mod files;
pub mod inputs;
pub mod machine_lock;
pub mod process;
pub mod progress;
pub mod project;
pub mod questions;
pub mod runs;
pub mod settings;
pub mod sources;
pub mod typed_numbers;
pub mod unfinished;

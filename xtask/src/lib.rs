//! What the verbs of Weighbridge are made of; `main.rs` only dispatches to it.
//!
//! This crate stays thin: it depends on none of the heavy crates. It builds the runner and the analysis
//! and runs them as programs.

// Printing that does not panic when its reader has gone away.
#[macro_use(eprint, eprintln, print, println)]
extern crate weighbridge_machine;

pub mod architecture;
pub mod asked;
pub mod bundle;
pub mod cargo;
pub mod exit;
pub mod fleet;
pub mod inputs;
pub mod machine_lock;
pub mod merge;
pub mod process;
pub mod progress;
pub mod project;
pub mod questions;
pub mod remote;
pub mod settings;
pub mod setup;
pub mod stage;
pub mod typed_numbers;
pub mod verbs;

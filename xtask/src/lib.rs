//! What the verbs of Weighbridge are made of; `main.rs` only dispatches to it.
//!
//! This crate stays thin: it depends on none of the heavy crates. It builds the runner and the analysis
//! and runs them as programs.

// Printing that does not panic when its reader has gone away.
#[macro_use(eprintln, print, println)]
extern crate weighbridge_machine;

pub mod requested;
pub mod verbs;

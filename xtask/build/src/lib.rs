//! What cargo builds for us: the measured artifacts of each architecture, and our own programs, the
//! runner and the analysis.

// Printing that does not panic when its reader has gone away.
#[macro_use(print, println)]
extern crate weighbridge_machine;

pub mod artifacts;
pub mod cargo;
pub mod example;
pub mod forecast;
mod made;
mod names;
mod recipes;
pub mod record;
pub mod reproducible;
pub mod tools;

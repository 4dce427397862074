//! Checks that are asked for by name, and run beside the usual tests: `cargo xtask test --independent`, `--report`,
//! `--fuzz`, `--reference`. Most of them are made by other people's libraries, or by a browser.
//! And what the usual tests ask of their smoke run.

// Printing that does not panic when its reader has gone away.
#[macro_use(eprintln, println)]
extern crate weighbridge_machine;

pub mod foreign;
pub mod fuzz;
pub mod independent;
pub mod kit;
pub mod python;
pub mod reference;
pub mod report;
pub mod speed;
pub mod whole_run;

//! Checks that are asked for by name, and run beside the usual tests: `cargo xtask test --independent`, `--report`,
//! `--fuzz`, `--reference`. Most of them are made by other people's libraries, or by a browser.

pub mod fuzz;
pub mod independent;
pub mod python;
pub mod reference;
pub mod report;

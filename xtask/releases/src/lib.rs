//! Releases of a program that subjects are run by and that we do not build, measured beside each
//! other: its history, and what an upgrade of its pin would change.
//!
//! Both write questions of their own into the state folder: the checkout's `subjects.toml` with a
//! variant for each release, and definitions that name them. From there on it is a run as any
//! other, and the analysis says what came out.

// Printing that does not panic when its reader has gone away.
#[macro_use(print, println)]
extern crate weighbridge_machine;

pub mod bisect;
pub mod history;
pub mod lab;
pub mod metric;
pub mod pin;
pub mod question;
pub mod upgrade;
pub mod version;

//! Clients as no polite one is: a table of what HTTP/1.1 demands of a server ([`table`], tried by [`failures`]), and
//! floods ([`floods`]). Both take a server by its address alone, so that the native service, the Wasm host and the
//! preview 1 server are held to the same.
//!
//! `weighbridge-conformance table ADDRESS` tries the table on a server that runs, `weighbridge-conformance floods
//! -- PROGRAM ARGUMENTS` starts one, floods it and prints how it fared.

mod attacks;
mod check;
mod encodings;
pub mod floods;
mod hosts;
mod table;
mod wire;

pub use check::failures;
pub use table::{After, Content, Expected, Row, table};

//! What the verbs of Weighbridge are made of; `main.rs` only dispatches to it.

pub mod setup;

//! What there is to measure: built artifacts, prepared files, installed programs, and their digests.

pub mod artifacts;
pub mod built;
pub mod digest;
pub mod emulator;
pub mod imports;
pub mod prepare;
pub mod programs;
pub mod replaced;
pub mod tenants;

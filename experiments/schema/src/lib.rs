//! Types of the definitions and of the raw log: the one crate that both the runner (writer) and the
//! analysis (reader) use, so that the two cannot drift apart. It performs no I/O.
//!
//! Numbers on disk are integers, nanoseconds and bytes, with the unit in the field's name. What is unknown
//! is absent (`Option`), never zero.

pub mod architecture;
pub mod artifact;
pub mod asked_of;
pub mod attack;
pub mod calibration;
pub mod calibration_load;
pub mod capability;
pub mod claim;
pub mod custom;
pub mod definition;
pub mod duration;
pub mod growth;
pub mod invalid;
pub mod isolation;
pub mod limits;
pub mod line;
pub mod manifest;
pub mod method;
pub mod metric;
pub mod name;
pub mod operation;
pub mod overhead;
pub mod parameter;
pub mod parse;
pub mod place;
pub mod plan;
pub mod preparation;
pub mod program;
pub mod progress;
pub mod quantity;
pub mod raise;
pub mod recipe;
pub mod record;
pub mod replay;
pub mod request;
mod requested;
pub mod speed;
pub mod start;
pub mod stop;
pub mod storm;
pub mod subject;
pub mod template;
pub mod workload;

/// Version of the raw log's format. The analysis refuses a run written with another one.
pub const SCHEMA_VERSION: u32 = 2;

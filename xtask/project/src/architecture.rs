//! The instruction sets that the service can be built for.

pub use weighbridge_schema::architecture::Architecture;

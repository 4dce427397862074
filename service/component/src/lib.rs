//! The service as a wasi:http component.

//! The service as a native HTTP server, which goes into the container.

fn main() {}

//! The pipeline as a WASI command: request in, answer out.

fn main() {}

//! The Wasm host: Wasmtime embedded behind the shared HTTP front.

fn main() {}

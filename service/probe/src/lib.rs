//! What tries what it can do where it runs, one path each. None of it is measured.
//!
//! As a `wasi:http` component it tries what a runtime offers (`experiments/definitions/maturity.toml`); the modules
//! beside it (`modules/`) try the same in runtimes without `wasi:http`. As a component, and as a native server beside
//! it (`main.rs`), it tries what nobody should be able to do (`isolation/`, `experiments/definitions/isolation.toml`),
//! and does some of it again and again beside a service that is measured (`experiments/definitions/neighbour.toml`).
//!
//! Only `wasm32-wasip2` has the interfaces that the component is made of. For any other target this library is empty,
//! so that checks of the whole workspace pass without that target installed.

#[cfg(all(target_os = "wasi", target_env = "p2"))]
mod handler;
#[cfg(all(target_os = "wasi", target_env = "p2"))]
pub mod isolation;
#[cfg(all(target_os = "wasi", target_env = "p2"))]
mod tries;

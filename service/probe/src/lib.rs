//! A `wasi:http` component that tries what its runtime can do, one path each; the modules beside it (`modules/`) try the
//! same in runtimes without `wasi:http`. None of it is measured: see `experiments/definitions/maturity.toml`.
//!
//! Only `wasm32-wasip2` has the interfaces it is made of. For any other target this crate is empty,
//! so that checks of the whole workspace pass without that target installed.

#[cfg(all(target_os = "wasi", target_env = "p2"))]
mod handler;
#[cfg(all(target_os = "wasi", target_env = "p2"))]
mod tries;

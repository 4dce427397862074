//! The service as a `wasi:http` component: exports `wasi:http/incoming-handler`.
//!
//! Only `wasm32-wasip2` has the interfaces it is made of. For any other target this crate is empty,
//! so that checks of the whole workspace pass without that target installed.

#[cfg(all(target_os = "wasi", target_env = "p2"))]
mod deadline;
#[cfg(all(target_os = "wasi", target_env = "p2"))]
mod handler;
#[cfg(all(target_os = "wasi", target_env = "p2"))]
mod incoming;
#[cfg(all(target_os = "wasi", target_env = "p2"))]
mod outgoing;
#[cfg(all(target_os = "wasi", target_env = "p2"))]
mod preview1;

//! A hello-level `wasi:http` component: 200 and six bytes to every request, and nothing else. What the same takes in
//! other languages, in the folders beside, is weighed against it.
//!
//! Only `wasm32-wasip2` has the interfaces it is made of. For any other target this crate is empty,
//! so that checks of the whole workspace pass without that target installed.

#[cfg(all(target_os = "wasi", target_env = "p2"))]
mod handler;

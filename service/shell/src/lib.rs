//! The service as a WASI preview 1 program that brings its own HTTP/1.1 server, for the runtimes that have sockets but
//! no `wasi:http`.
//!
//! One thread serves all connections: while an image is transformed, everybody else waits. That is what these
//! runtimes offer a plain preview 1 module, and no choice of ours. A panic ends the whole service, as every trap does:
//! there is no instance per request that could be thrown away instead.
//!
//! The protocol ([`Server`]) is plain Rust over the trait [`Sockets`]; each runtime's imports stand in a file of their
//! own under `wasi/`. Built for the host it is the same program over the host's own sockets, which the tests use.

#[cfg(any(not(target_os = "wasi"), not(feature = "preopened")))]
mod arguments;
mod chunks;
mod connection;
mod head;
#[cfg(any(not(target_os = "wasi"), feature = "preopened"))]
mod pauses;
#[cfg(not(target_os = "wasi"))]
pub mod plain;
#[cfg(any(test, all(target_os = "wasi", not(feature = "preopened"))))]
mod poll;
mod progress;
mod response;
mod server;
mod sockets;
#[cfg(target_os = "wasi")]
pub mod wasi;

pub use server::Server;
pub use sockets::{Descriptor, Interest, Sockets, Wish};

/// The most connections that are open at a time; when one more client comes, the one goes that has been at no request
/// for longest, and when all are at one, it waits in the listener's queue. Each may hold one body of at most 16 MiB, so
/// that all together leave room for the image in work in a memory of 4 GiB.
pub const MAX_CONNECTIONS: usize = 128;

/// Bytes of requests that are held at a time, over all connections (1 GiB), as in the front of the native service. A
/// body that finds no room is answered with 503.
pub const BODY_BUDGET_BYTES: usize = 1 << 30;

/// Bytes of answers that wait to be sent, over all connections (512 MiB): half of the other front's, because room for
/// the bodies and for the image in work is taken from the same 4 GiB. An answer that finds no room is replaced by a 503.
pub const ANSWER_BUDGET_BYTES: usize = 512 << 20;

/// Answers up to this length are not counted, in bytes.
pub const UNCOUNTED_ANSWER_BYTES: usize = 64 << 10;

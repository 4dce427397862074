//! The HTTP front that the native service and the Wasm host share.
//!
//! Both arms of the comparison answer through this one crate, so that neither arm's HTTP stack can
//! pose as an effect of containers or of WebAssembly; and both handle requests without it through the same
//! [`Call`], where instructions are counted. It knows nothing of images: a [`Handler`] gets
//! whole requests and gives whole responses.
//!
//! Shape: one current-thread runtime per core, each with its own `SO_REUSEPORT` listener, so that no
//! connection ever moves between threads. What a client can cost is bounded: bytes per body, time per
//! exchange, and what is read from a client that goes on sending after it has been refused; and so is what all
//! of them cost together, see [`limits`].

use std::future::Future;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};

mod answer;
mod body;
mod call;
mod connection;
mod crowd;
mod described;
mod error;
mod exchange;
pub mod limits;
mod listen;
mod refusal;
pub mod stages;
mod stall;
mod stream;
mod workers;

pub use body::collect;
pub use call::{Call, DEADLINE as CALL_DEADLINE, MARKER_PID};
pub use described::{DESCRIBED_FAILURES, DESCRIPTION_CHARS, Failures, PANICS, bound_panics, cut};
pub use error::{CallError, ServeError};
pub use stages::Stages;
pub use workers::serve;

/// How to serve. [`Config::new`] gives the defaults that both arms are measured with.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to listen. Port 0 lets the kernel choose.
    pub listen: SocketAddr,
    /// Threads that accept and answer.
    pub threads: NonZeroUsize,
    /// Longest request body in bytes; anything longer reaches the handler as [`Body::OverLimit`].
    pub body_limit_bytes: usize,
    /// How long a client may be idle, or take over a request's head. Over sending a body, and over taking an
    /// answer, it may take twice as long, and it has to get on meanwhile ([`limits::LEAST_PROGRESS_BYTES`] in a
    /// sixth of this time).
    pub idle_timeout: Duration,
    /// Bytes of request bodies held at a time, over all connections.
    pub body_budget_bytes: usize,
    /// Bytes of answers that wait to be sent, over all connections.
    pub answer_budget_bytes: usize,
    /// Connections at a time, over all threads; fewer where the limit of descriptors is lower.
    pub most_connections: usize,
    /// How long requests in flight may take to finish after SIGTERM or SIGINT.
    pub stop_timeout: Duration,
}

impl Config {
    /// Longest request body of the service, in bytes (16 MiB).
    pub const BODY_LIMIT_BYTES: usize = 16 << 20;

    /// The defaults: one thread for each core this process may run on, bodies of at most 16 MiB.
    pub fn new(listen: SocketAddr) -> Self {
        Self {
            listen,
            threads: usable_cores(),
            body_limit_bytes: Self::BODY_LIMIT_BYTES,
            idle_timeout: Duration::from_secs(60),
            body_budget_bytes: limits::BODY_BUDGET_BYTES,
            answer_budget_bytes: limits::ANSWER_BUDGET_BYTES,
            most_connections: limits::MOST_CONNECTIONS,
            stop_timeout: Duration::from_secs(5),
        }
    }
}

/// Number of cores in this process's affinity mask: what `taskset` or a cpuset left to it.
///
/// `std::thread::available_parallelism` would also read the cgroup files, which costs more than
/// everything else before `listen` together; CPU quotas bound time, not the number of cores.
pub fn usable_cores() -> NonZeroUsize {
    let cores = rustix::thread::sched_getaffinity(None).map_or(1, |set| set.count() as usize);
    NonZeroUsize::new(cores).unwrap_or(NonZeroUsize::MIN)
}

/// A request's body, as the handler gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// The whole body; empty when the request has none.
    Complete(Bytes),
    /// The client announced or sent more than [`Config::body_limit_bytes`]; nothing of it was kept.
    OverLimit,
}

/// What answers requests. Each thread has its own, made by the function given to [`serve`]; it is
/// cloned for every request, so a clone should cost no more than an `Arc`'s.
pub trait Handler: Clone + Send + Sync + 'static {
    /// Answers one request. The future runs on the thread that accepted the connection: what does
    /// not yield holds up the thread's other connections.
    ///
    /// After [`Body::OverLimit`] the connection is closed once the response has been sent.
    fn answer(
        self,
        request: Request<Body>,
    ) -> impl Future<Output = Response<Bytes>> + Send + 'static;

    /// Tells work that goes on without its future to end soon: the time to stop is over. True where there may be
    /// such work; its answers are then waited for a moment longer.
    fn give_up(&self) -> bool {
        false
    }
}

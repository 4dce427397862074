//! What bounds an instance, in its own memory and in what the host keeps for it. METHODOLOGY has the table.

use wasmtime::{ResourceLimiterAsync, Result};
use wasmtime_wasi::async_trait;

use crate::allowance::{Allowance, Share};

/// Handles that an instance may hold at once: requests, responses, headers, bodies, streams, pollables. The service
/// holds fewer than 20; each may keep two chunks of a body in the host.
pub(crate) const TABLE_ENTRIES: usize = 128;
/// Longest headers in one `fields`, as wasmtime-wasi-http counts them (names and values, and 32 or 40 bytes for
/// each), in bytes. The front does not take a longer request head than 16 KiB by much either.
pub(crate) const FIELDS_BYTES: usize = 16 << 10;
/// Most that a guest may write to a body at a time, in bytes. Two such chunks may wait in the host.
pub(crate) const CHUNK_BYTES: usize = 64 << 10;
/// Most that a guest may hand to the host in one call, in bytes: a chunk, and something for what is around it.
pub(crate) const CALL_BYTES: usize = 2 * CHUNK_BYTES;
/// Most random bytes in one call: the host makes them one by one, about 2 ms for so many.
pub(crate) const RANDOM_BYTES: u64 = 64 << 10;
/// Elements of a table, as in the pool: 8 bytes each.
const TABLE_ELEMENTS: usize = 20_000;
/// Linear memory that an instance has to itself, in bytes; what it grows beyond comes from the allowance for all. So
/// requests that need little neither pay for the counting nor wait for those that need much.
const OWN_BYTES: usize = 4 << 20;
/// Longest answer, in bytes: 40 Mpixel of four channels that nothing could compress, and a fifth.
pub(crate) const ANSWER_BYTES: usize = 192 << 20;

/// What instances of one process may use.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    /// Longest linear memory of an instance, in bytes.
    pub(crate) memory_limit_bytes: usize,
    /// For the linear memories of all instances.
    pub(crate) memory: Allowance,
    /// Whether guests may send requests to this machine's loopback interface; to nobody else they ever may.
    pub(crate) allow_loopback: bool,
}

impl Limits {
    /// Instances of at most `memory_limit_bytes` each, and as much for `count` of them together.
    pub(crate) fn for_full_instances(count: usize, memory_limit_bytes: usize) -> Self {
        let memory = Allowance::new(memory_limit_bytes.saturating_mul(count));
        Self { memory_limit_bytes, memory, allow_loopback: false }
    }
}

/// Counts the linear memory of one instance.
#[derive(Debug)]
pub(crate) struct Limiter {
    memory_limit_bytes: usize,
    share: Share,
}

impl Limiter {
    pub(crate) fn new(limits: &Limits) -> Self {
        let share = Share::new(&limits.memory, OWN_BYTES);
        Self { memory_limit_bytes: limits.memory_limit_bytes, share }
    }

    /// What the instance takes from the allowance for all, in bytes.
    pub(crate) fn taken_bytes(&self) -> usize {
        self.share.taken_bytes()
    }
}

#[async_trait]
impl ResourceLimiterAsync for Limiter {
    async fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> Result<bool> {
        if desired > self.memory_limit_bytes.min(maximum.unwrap_or(usize::MAX)) {
            return Ok(false);
        }
        self.share.grow(desired.saturating_sub(current)).await
    }

    async fn table_growing(
        &mut self,
        _: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> Result<bool> {
        Ok(desired <= TABLE_ELEMENTS.min(maximum.unwrap_or(usize::MAX)))
    }
}

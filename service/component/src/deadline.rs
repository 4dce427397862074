//! The cooperative deadline of a request, by the host's monotonic clock.

use wasip2::clocks::monotonic_clock;

/// How long a request may take, in nanoseconds.
const DURATION_NS: u64 = 10_000_000_000;

/// The moment at which a request has to be answered.
pub(crate) struct Deadline {
    at_ns: u64,
}

impl Deadline {
    /// The deadline of a request that arrives now.
    pub(crate) fn from_now() -> Self {
        Self { at_ns: monotonic_clock::now().saturating_add(DURATION_NS) }
    }

    /// Whether it has passed.
    pub(crate) fn has_passed(&self) -> bool {
        monotonic_clock::now() >= self.at_ns
    }
}

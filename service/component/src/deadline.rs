//! The cooperative deadline of a request, by the host's monotonic clock.

use wasip2::clocks::monotonic_clock;

/// How long a request may take, in milliseconds, when the host does not say.
const DEFAULT_DEADLINE_MS: u64 = 10_000;

/// The environment variable by which a host says otherwise.
const VARIABLE: &str = "WEIGHBRIDGE_DEADLINE_MS";

/// The moment at which a request has to be answered.
pub(crate) struct Deadline {
    at_ns: u64,
}

impl Deadline {
    /// The deadline of a request that arrives now.
    pub(crate) fn from_now() -> Self {
        let duration_ms = std::env::var(VARIABLE)
            .ok()
            .and_then(|text| text.parse::<u64>().ok())
            .unwrap_or(DEFAULT_DEADLINE_MS);
        let duration_ns = duration_ms.saturating_mul(1_000_000);
        Self { at_ns: monotonic_clock::now().saturating_add(duration_ns) }
    }

    /// Whether it has passed.
    pub(crate) fn has_passed(&self) -> bool {
        monotonic_clock::now() >= self.at_ns
    }
}

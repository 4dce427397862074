//! What clients may cost all together, and why so much. What one request may cost its handler is the handler's own
//! matter; how long a head may be stands in `weighbridge-protocol`, which the preview 1 server shares.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Bytes of request bodies that are held at a time, over all connections (1 GiB): 64 bodies of the longest kind, and
/// as much as one guest may take as its memory. Counted is what has arrived, not what was announced. A body that finds
/// no room is answered with 503.
pub const BODY_BUDGET_BYTES: usize = 1 << 30;

/// Bytes of answers that wait to be sent, over all connections (1 GiB): six of the longest that the service can give, 160 MB.
/// An answer that finds no room is replaced by a 503.
pub const ANSWER_BUDGET_BYTES: usize = 1 << 30;

/// Answers up to this length are not counted, in bytes: [`MOST_CONNECTIONS`] of them are half the budget, and small
/// answers stay free of the counting.
pub const UNCOUNTED_ANSWER_BYTES: usize = 64 << 10;

/// Connections at a time, over all threads: with a head of the longest kind on each they hold 512 MiB. When one more
/// comes, one that has been idle is closed.
pub const MOST_CONNECTIONS: usize = 8192;

/// Descriptors that are left to everything but connections: listeners, event queues, files.
pub const RESERVED_DESCRIPTORS: usize = 64;

/// Looks at each connection per [`crate::Config::idle_timeout`]: with one of 60 s, one every 10 s.
pub const LOOKS: u32 = 6;

/// The least that has to move between two looks while a client sends a body or takes an answer, in bytes: 6.4 KiB a
/// second, a modem's rate. Whoever stays below that twice in a row is let go.
pub const LEAST_PROGRESS_BYTES: usize = 64 << 10;

/// Looks after which an exchange is over in any case, however well it moves: two `idle_timeout`s.
pub const LOOKS_AT_EXCHANGE: u32 = 2 * LOOKS;

/// After how many seconds a client that was answered with 503 may try again, as the `Retry-After` header says: a second
/// is what a transform takes, and no client is let go before it is over.
pub const RETRY_AFTER_S: &str = "1";

/// How long answers are waited for that a handler gives after it was told to give up.
pub const GIVE_UP: Duration = Duration::from_secs(1);

/// How long threads are waited for that still compute at the very end.
pub const LAST_WAIT: Duration = Duration::from_millis(500);

/// Raises the limit of descriptors as far as this process may, and gives the number of connections that fit below it.
pub(crate) fn most_connections(wanted: usize) -> usize {
    let limits = getrlimit(Resource::Nofile);
    if limits.current != limits.maximum {
        let raised = Rlimit { current: limits.maximum, maximum: limits.maximum };
        // Refused where a sandbox says so; what is allowed already is enough to go on with.
        let _ = setrlimit(Resource::Nofile, raised);
    }
    let allowed = getrlimit(Resource::Nofile).current;
    wanted.min(fitting(allowed)).max(1)
}

/// Connections below a limit of descriptors; half of them where the limit is a small one.
fn fitting(descriptors: Option<u64>) -> usize {
    let Some(all) = descriptors else { return usize::MAX };
    let all = usize::try_from(all).unwrap_or(usize::MAX);
    all.saturating_sub(RESERVED_DESCRIPTORS).max(all / 2)
}

/// A number of bytes that all threads take from.
#[derive(Debug)]
pub(crate) struct Budget(AtomicUsize);

impl Budget {
    pub(crate) fn new(bytes: usize) -> Arc<Self> {
        Arc::new(Self(AtomicUsize::new(bytes)))
    }

    /// Nothing yet, to be grown.
    pub(crate) fn nothing(self: &Arc<Self>) -> Held {
        Held { budget: Arc::clone(self), bytes: 0 }
    }

    fn take(&self, bytes: usize) -> bool {
        // Relaxed: it is a number alone, and guards no other memory.
        self.0.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(bytes)).is_ok()
    }
}

/// Bytes of a [`Budget`], given back when dropped.
#[derive(Debug)]
pub(crate) struct Held {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Held {
    /// Takes `bytes` more; false, and nothing taken, when there are not so many left.
    pub(crate) fn grow(&mut self, bytes: usize) -> bool {
        let is_taken = self.budget.take(bytes);
        if is_taken {
            self.bytes += bytes;
        }
        is_taken
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.budget.0.fetch_add(self.bytes, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_never_overdrawn_and_always_given_back() {
        let budget = Budget::new(10);
        let mut first = budget.nothing();
        assert!(first.grow(6) && first.grow(1));
        let mut second = budget.nothing();
        assert!(!second.grow(4), "only three are left");
        assert!(second.grow(3));
        drop(first);
        assert!(second.grow(7) && !second.grow(1));
        drop(second);
        assert_eq!(budget.0.load(Relaxed), 10);
    }

    #[test]
    fn connections_fit_below_any_limit_of_descriptors() {
        assert_eq!(fitting(None), usize::MAX);
        assert_eq!(fitting(Some(1024)), 1024 - RESERVED_DESCRIPTORS);
        assert_eq!(fitting(Some(64)), 32);
    }
}

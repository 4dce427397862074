//! How a client gets on: until when it is waited for.

use std::time::Duration;

/// How long a client may be idle, or take over a head.
const IDLE: Duration = Duration::from_secs(60);
/// How long it may take over sending a body, and over taking an answer, however well it gets on.
const EXCHANGE: Duration = Duration::from_secs(120);
/// In this time it has to get on by [`LEAST_PROGRESS_BYTES`] meanwhile.
const SLOW: Duration = Duration::from_secs(20);
/// A modem's rate over [`SLOW`], in bytes, as the front of the native service has it.
const LEAST_PROGRESS_BYTES: usize = 128 << 10;

/// What a client has moved, and since when. All times are of the server's clock.
#[derive(Debug)]
pub(crate) struct Progress {
    /// The last step of its exchange.
    since: Duration,
    /// When it had last moved enough.
    moved_at: Duration,
    /// What it has moved since then.
    moved_bytes: usize,
}

impl Progress {
    pub(crate) fn new(now: Duration) -> Self {
        Self { since: now, moved_at: now, moved_bytes: 0 }
    }

    /// The exchange has come a step further.
    pub(crate) fn step(&mut self, now: Duration) {
        *self = Self::new(now);
    }

    /// Bytes were received or sent.
    pub(crate) fn moved(&mut self, bytes: usize, now: Duration) {
        self.moved_bytes += bytes;
        if self.moved_bytes >= LEAST_PROGRESS_BYTES {
            self.moved_bytes = 0;
            self.moved_at = now;
        }
    }

    pub(crate) fn since(&self) -> Duration {
        self.since
    }

    /// Until when a client is waited for that is at no request.
    pub(crate) fn idle_until(&self) -> Duration {
        self.since.saturating_add(IDLE)
    }

    /// Until when a client is waited for that sends a body or takes an answer.
    pub(crate) fn slow_until(&self) -> Duration {
        self.moved_at.saturating_add(SLOW).min(self.since.saturating_add(EXCHANGE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_gets_on_is_waited_for_but_not_for_ever() {
        let at = Duration::from_secs;
        let mut progress = Progress::new(at(1));
        assert_eq!((progress.idle_until(), progress.slow_until()), (at(61), at(21)));
        progress.moved(LEAST_PROGRESS_BYTES - 1, at(15));
        assert_eq!(progress.slow_until(), at(21));
        progress.moved(1, at(16));
        assert_eq!(progress.slow_until(), at(36));
        progress.moved(LEAST_PROGRESS_BYTES, at(119));
        assert_eq!(progress.slow_until(), at(121));
        progress.step(at(120));
        assert_eq!(progress.slow_until(), at(140));
    }
}

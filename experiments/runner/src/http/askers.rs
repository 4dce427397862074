//! How often a first answer is asked for, by one client and by many at the same time.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// The client spins for this long before it begins to sleep between attempts: the subject's core is
/// another one, and a sleep would round short cold starts up.
const SPIN: Duration = Duration::from_millis(5);
/// Rest between attempts after that.
const REST: Duration = Duration::from_micros(100);
/// Between the attempts of all that ask at the same time lies so much on average: 64 that each asked every [`REST`]
/// would make 640,000 attempts a second, and take the time of the subjects that they wait for.
const REST_AMONG_EACH: Duration = Duration::from_micros(50);

/// Between two looks of all of them at whether who is asked still lives lies so much on average: an engine is asked for
/// that, which has containers to start.
const LOOK_AMONG_EACH: Duration = Duration::from_millis(50);

/// How many first answers are waited for at the same time.
#[derive(Debug, Default)]
pub struct Askers(AtomicU32);

impl Askers {
    /// Rest between two attempts of one of them: the fewer still wait, the shorter. One alone spins first, as always.
    pub fn rest(&self, asking_for: Duration) -> Duration {
        match self.0.load(Ordering::Relaxed) {
            0 | 1 if asking_for <= SPIN => Duration::ZERO,
            count => REST.max(REST_AMONG_EACH * count),
        }
    }

    /// Whether it is time to see if who is asked still lives.
    pub fn is_look_due(&self, attempts_count: u64, since_last: Duration) -> bool {
        match self.0.load(Ordering::Relaxed) {
            0 | 1 => attempts_count.is_multiple_of(64),
            count => since_last > LOOK_AMONG_EACH * count,
        }
    }
}

/// One of them, as long as it waits.
pub struct Asker<'a>(&'a Askers);

impl<'a> Asker<'a> {
    /// Counts one more, as long as it is not dropped.
    pub fn among(askers: &'a Askers) -> Self {
        askers.0.fetch_add(1, Ordering::Relaxed);
        Self(askers)
    }
}

impl Drop for Asker<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_alone_spins_first_and_the_more_ask_the_longer_each_rests() {
        let askers = Askers::default();
        let one = Asker::among(&askers);
        assert_eq!(askers.rest(SPIN / 2), Duration::ZERO);
        assert_eq!(askers.rest(SPIN * 2), REST);
        let others: Vec<_> = (1..64).map(|_| Asker::among(&askers)).collect();
        assert_eq!(askers.rest(SPIN / 2), REST_AMONG_EACH * 64);
        assert!(!askers.is_look_due(64, LOOK_AMONG_EACH * 63));
        assert!(askers.is_look_due(1, LOOK_AMONG_EACH * 65));
        drop((one, others));
        assert_eq!(askers.rest(SPIN / 2), Duration::ZERO);
    }
}

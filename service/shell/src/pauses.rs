//! Waiting where nobody tells when a socket is ready: looking again and again, with pauses.

use std::time::{Duration, Instant};

/// The longest pause, and so the most that a request waits which comes after a long silence.
const LONGEST: Duration = Duration::from_millis(1);
/// Pauses below this are not slept: the sleep itself takes longer.
const SHORTEST: Duration = Duration::from_micros(20);
/// A pause is this part of the silence so far: what comes after a silence is late by at most that part of it.
const PART: u32 = 8;

/// Pauses that grow with the silence: under load there are none, so that no answer waits for a sleep to end; an idle
/// service looks a thousand times a second.
#[derive(Debug)]
pub struct Pauses {
    silent_since: Instant,
}

impl Pauses {
    /// Starts without a silence.
    #[must_use]
    pub fn new() -> Self {
        Self { silent_since: Instant::now() }
    }

    /// Something happened.
    pub fn end_silence(&mut self) {
        self.silent_since = Instant::now();
    }

    /// Pauses before the next look, at most for `at_most`.
    pub fn pause(&self, at_most: Duration) {
        match length(self.silent_since.elapsed()) {
            Some(pause) => std::thread::sleep(pause.min(at_most)),
            None => std::thread::yield_now(),
        }
    }
}

impl Default for Pauses {
    fn default() -> Self {
        Self::new()
    }
}

/// How long to sleep after a silence; `None` for not at all.
fn length(silence: Duration) -> Option<Duration> {
    let pause = (silence / PART).min(LONGEST);
    (pause >= SHORTEST).then_some(pause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_with_the_silence_up_to_the_longest() {
        assert_eq!(length(Duration::ZERO), None);
        assert_eq!(length(SHORTEST * PART - Duration::from_nanos(PART.into())), None);
        assert_eq!(length(SHORTEST * PART), Some(SHORTEST));
        assert_eq!(length(LONGEST * PART * 100), Some(LONGEST));
    }

    #[test]
    fn a_pause_is_no_longer_than_allowed() {
        let mut pauses = Pauses::new();
        pauses.end_silence();
        let begun = Instant::now();
        pauses.silent_since = begun.checked_sub(LONGEST * PART * 2).unwrap_or(begun);
        pauses.pause(Duration::ZERO);
        assert!(begun.elapsed() < Duration::from_millis(500));
    }
}

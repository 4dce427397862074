//! The thread that makes the engine's epochs pass: it ticks while a guest runs, and sleeps when
//! none does.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::thread::{self, Thread};
use std::time::Duration;

use anyhow::{Context, Result};
use wasmtime::Engine;

/// The epoch's length: how long a guest's own code keeps its thread from other requests, and how
/// late a deadline is noticed, for each guest that computes on the thread.
///
/// Longer takes what cannot be interrupted. An instruction that works through memory
/// (`memory.fill`, `memory.copy`, `memory.init`), each of which Wasmtime 48 runs as one call,
/// touches at most the whole linear memory: 1 GiB took 0.10 s of CPU time, and 0.75 s where its
/// pages were touched first. So does the release of an instance that has touched them. A call to
/// the host hands over 128 KiB at most, or a request's body of 16 MiB, or 64 KiB of random bytes: a
/// few milliseconds.
const EPOCH: Duration = Duration::from_millis(5);
/// Epochs without a call after which the thread goes to sleep. To wake it is a system call on the
/// request's way, so that a steady load of more than 20 requests a second never pays for it.
const LINGER: u32 = 10;

/// One call in the upper half, which counts how many have begun, and in the lower, which counts
/// those that run.
const BEGUN: u64 = (1 << 32) | 1;
const RUNNING: u64 = u32::MAX as u64;

/// Makes epochs pass while a guest runs. A clone is the same clock.
#[derive(Debug, Clone)]
pub(crate) struct Epochs(Option<Arc<Clock>>);

#[derive(Debug)]
struct Clock {
    calls: Arc<AtomicU64>,
    thread: Thread,
}

impl Epochs {
    /// The engine's epochs, by a thread for as long as the process lives.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub(crate) fn start(engine: &Engine) -> Result<Self> {
        let engine = engine.clone();
        Self::ticking(move || engine.increment_epoch())
    }

    /// No epoch ever passes: a guest that never ends is never interrupted.
    pub(crate) const fn none() -> Self {
        Self(None)
    }

    fn ticking(tick: impl Fn() + Send + 'static) -> Result<Self> {
        let calls = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&calls);
        let thread = thread::Builder::new()
            .name("epochs".into())
            .spawn(move || run(&counted, tick))
            .context("starting the epoch thread")?
            .thread()
            .clone();
        Ok(Self(Some(Arc::new(Clock { calls, thread }))))
    }

    /// A guest runs from now on, until the result is dropped.
    pub(crate) fn enter(&self) -> Running<'_> {
        if let Some(clock) = &self.0 {
            let before = clock.calls.fetch_add(BEGUN, SeqCst);
            if before & RUNNING == 0 {
                // After the count: if the thread has not seen it, it finds this token and does not
                // sleep.
                clock.thread.unpark();
            }
        }
        Running(self.0.as_deref())
    }
}

/// That a guest runs.
#[derive(Debug)]
pub(crate) struct Running<'a>(Option<&'a Clock>);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if let Some(clock) = self.0 {
            clock.calls.fetch_sub(1, SeqCst);
        }
    }
}

fn run(calls: &AtomicU64, tick: impl Fn()) {
    let (mut seen, mut quiet) = (calls.load(SeqCst), LINGER);
    loop {
        if quiet >= LINGER {
            // Returns at once when a call began since it returned last, and may return for no
            // reason.
            thread::park();
            quiet = 0;
        }
        thread::sleep(EPOCH);
        tick();
        let now = calls.load(SeqCst);
        quiet = if now & RUNNING == 0 && now == seen { quiet + 1 } else { 0 };
        seen = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    fn counting() -> (Epochs, Arc<AtomicU64>) {
        let ticks = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&ticks);
        let epochs = Epochs::ticking(move || {
            counted.fetch_add(1, SeqCst);
        });
        (epochs.unwrap(), ticks)
    }

    #[test]
    fn every_call_meets_epochs_whenever_it_begins() {
        let (epochs, ticks) = counting();
        let linger = EPOCH * LINGER;
        // Just before, at and after the moment at which the thread goes to sleep, in steps of 0.5
        // ms.
        for step in 0..40 {
            let running = epochs.enter();
            let (begun, before) = (Instant::now(), ticks.load(SeqCst));
            while ticks.load(SeqCst) < before + 2 {
                assert!(begun.elapsed() < Duration::from_secs(10), "step {step}: it sleeps on");
                thread::sleep(Duration::from_millis(1));
            }
            drop(running);
            thread::sleep(linger - 2 * EPOCH + Duration::from_micros(500) * step);
        }
    }

    #[test]
    fn none_pass_while_nothing_runs() {
        let (epochs, ticks) = counting();
        thread::sleep(EPOCH * 4);
        assert_eq!(ticks.load(SeqCst), 0, "nothing has run yet");
        let outer = epochs.enter();
        drop(epochs.enter());
        thread::sleep(EPOCH * LINGER * 4);
        let running = ticks.load(SeqCst);
        assert!(running > u64::from(LINGER), "{running}: one of two calls goes on");
        drop(outer);
        // More than one look: a busy machine delays the thread.
        let is_asleep = || {
            let before = ticks.load(SeqCst);
            thread::sleep(EPOCH * LINGER * 4);
            ticks.load(SeqCst) == before
        };
        assert!((0..20).any(|_| is_asleep()), "it never stops");
    }
}

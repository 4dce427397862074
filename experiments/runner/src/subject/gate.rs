//! A gate before which several starts get ready, so that all of them are asked for at once: what lies before a start
//! call, such as writing a bundle, is over for every one of them when it opens.

use crate::kernel::clock::monotonic_ns;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};

/// The gate of one storm.
#[derive(Debug)]
pub struct Gate {
    expected_count: u32,
    state: Mutex<State>,
    /// For who opens it.
    arrived: Condvar,
    /// For those that wait before it.
    opened: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Starts that wait before the gate, or will never come.
    arrived_count: u32,
    is_open: bool,
}

impl Gate {
    /// A closed one, before which so many starts will arrive.
    pub fn new(expected_count: u32) -> Arc<Self> {
        let (arrived, opened) = (Condvar::new(), Condvar::new());
        Arc::new(Self { expected_count, state: Mutex::default(), arrived, opened })
    }

    /// The passage of one start. Dropped unused it counts as arrived: who fails on the way holds up nobody.
    pub fn turn(self: &Arc<Self>) -> Turn {
        Turn { gate: Arc::clone(self), passed_ns: OnceLock::new() }
    }

    /// Waits until every start has arrived or given up.
    pub fn wait_for_all(&self) {
        let expected_count = self.expected_count;
        let is_waiting = |state: &mut State| state.arrived_count < expected_count;
        let waited = self.arrived.wait_while(self.state(), is_waiting);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    /// Lets all of them pass.
    pub fn open(&self) {
        self.state().is_open = true;
        self.opened.notify_all();
    }

    fn arrive(&self) -> MutexGuard<'_, State> {
        let mut state = self.state();
        state.arrived_count += 1;
        self.arrived.notify_one();
        state
    }

    /// A thread that panicked has left a number and a flag, which are whole at any time.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right of one start to pass a gate once.
#[derive(Debug)]
pub struct Turn {
    gate: Arc<Gate>,
    passed_ns: OnceLock<u64>,
}

impl Turn {
    /// Waits until the gate is open, and notes the moment.
    pub fn pass(&self) {
        let waited = self.gate.opened.wait_while(self.gate.arrive(), |state| !state.is_open);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
        self.passed_ns.get_or_init(monotonic_ns);
    }

    /// When it passed, `CLOCK_MONOTONIC` nanoseconds; `None` before.
    pub fn passed_ns(&self) -> Option<u64> {
        self.passed_ns.get().copied()
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if self.passed_ns.get().is_none() {
            drop(self.gate.arrive());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    #[test]
    fn nobody_passes_before_the_last_has_arrived_and_who_gives_up_holds_up_nobody() {
        let gate = Gate::new(4);
        let passed_count = AtomicU32::new(0);
        let opened_ns = std::thread::scope(|scope| {
            let starts: Vec<_> = (0..3u64)
                .map(|number| {
                    let (turn, passed_count) = (gate.turn(), &passed_count);
                    scope.spawn(move || {
                        std::thread::sleep(Duration::from_millis(10 * number));
                        turn.pass();
                        passed_count.fetch_add(1, Ordering::Relaxed);
                        turn.passed_ns().unwrap()
                    })
                })
                .collect();
            let unused = gate.turn();
            assert_eq!(unused.passed_ns(), None);
            drop(unused);
            gate.wait_for_all();
            assert_eq!(passed_count.load(Ordering::Relaxed), 0);
            let opened_ns = monotonic_ns();
            gate.open();
            let passed = starts.into_iter().map(|start| start.join().unwrap());
            assert!(passed.min().unwrap() >= opened_ns);
            opened_ns
        });
        assert!(opened_ns > 0);
        assert_eq!(passed_count.load(Ordering::Relaxed), 3);
    }
}

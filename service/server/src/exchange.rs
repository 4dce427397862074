//! How far a connection has come, as seen by those who watch it: the stall watch, the stream, the crowd.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicUsize, Ordering::Relaxed};

/// What a connection is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Phase {
    /// Nothing of a next request has come.
    Idle,
    /// Something has come, but no whole head.
    Head,
    /// The head has come, the body has not.
    Body,
    /// The handler has the request.
    Working,
    /// The answer is given to the socket, as far as it takes it.
    Answering,
    /// The last answer is sent; what the client sends is thrown away.
    Lingering,
}

impl Phase {
    const ALL: [Self; 6] =
        [Self::Idle, Self::Head, Self::Body, Self::Working, Self::Answering, Self::Lingering];
}

/// How far a connection has come. Only its own task writes to it, and the thread's accepting one reads; the atomics
/// make it `Sync`, which a spawned task needs, and cost nothing when relaxed.
#[derive(Debug, Default)]
pub(crate) struct Exchange {
    phase: AtomicU8,
    /// Counts phases that an exchange has gone through.
    steps: AtomicU32,
    /// Bytes received and sent, wrapping.
    moved_bytes: AtomicUsize,
    write_blocked: AtomicBool,
    refused: AtomicBool,
}

impl Exchange {
    pub(crate) fn phase(&self) -> Phase {
        // It is one of them: only `enter` writes it.
        Phase::ALL.get(usize::from(self.phase.load(Relaxed))).copied().unwrap_or(Phase::Idle)
    }

    pub(crate) fn enter(&self, phase: Phase) {
        self.phase.store(phase as u8, Relaxed);
        self.steps.store(self.steps().wrapping_add(1), Relaxed);
    }

    /// The stream is asked for input. That happens between requests, when the last answer is out, and within bodies.
    pub(crate) fn reads(&self) {
        if self.phase() == Phase::Answering {
            self.enter(Phase::Idle);
        }
    }

    /// Input has come; true when it is the first of a request.
    pub(crate) fn received(&self, bytes: usize) -> bool {
        self.moved(bytes);
        let is_first = bytes > 0 && self.phase() == Phase::Idle;
        if is_first {
            self.enter(Phase::Head);
        }
        is_first
    }

    pub(crate) fn sent(&self, bytes: usize) {
        self.moved(bytes);
        self.write_blocked.store(false, Relaxed);
    }

    /// The client does not take what is sent to it.
    pub(crate) fn block_write(&self) {
        self.write_blocked.store(true, Relaxed);
    }

    pub(crate) fn is_write_blocked(&self) -> bool {
        self.write_blocked.load(Relaxed)
    }

    /// The client is refused, and may still be sending.
    pub(crate) fn refuse(&self) {
        self.refused.store(true, Relaxed);
    }

    /// Whether the client may still be sending, so that closing at once could cost it its answer: it was refused, or
    /// what it sent was no request.
    pub(crate) fn may_be_sending(&self) -> bool {
        self.refused.load(Relaxed) || self.phase() == Phase::Head
    }

    pub(crate) fn steps(&self) -> u32 {
        self.steps.load(Relaxed)
    }

    pub(crate) fn moved_bytes(&self) -> usize {
        self.moved_bytes.load(Relaxed)
    }

    fn moved(&self, bytes: usize) {
        self.moved_bytes.store(self.moved_bytes().wrapping_add(bytes), Relaxed);
    }
}

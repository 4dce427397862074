//! Counting, without QEMU: what a block adds to the count of the processor that executes it.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

/// Processors (threads of the program, by the order in which they began) that are counted apart.
const PROCESSORS: usize = 1024;

/// No instruction is here.
const NOWHERE: u64 = u64::MAX;

/// What is known of a translated block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) instructions_count: u64,
    pub(crate) first_address: u64,
    pub(crate) last_address: u64,
    /// Its first instruction is one that repeats itself (`rep movs`).
    pub(crate) first_is_repeating: bool,
}

/// One processor's count. Only the thread that emulates it writes here, so that plain additions do.
struct Processor {
    instructions_count: AtomicU64,
    /// Address of the instruction that was executed last.
    last_address: AtomicU64,
}

impl Processor {
    const fn idle() -> Self {
        Self { instructions_count: AtomicU64::new(0), last_address: AtomicU64::new(NOWHERE) }
    }
}

/// Counts of all processors.
pub(crate) struct Counter {
    processors: [Processor; PROCESSORS],
    vcpus_count: AtomicUsize,
}

impl Counter {
    pub(crate) const fn new() -> Self {
        Self {
            processors: [const { Processor::idle() }; PROCESSORS],
            vcpus_count: AtomicUsize::new(0),
        }
    }

    /// Processor `vcpu` begins to execute `block`.
    ///
    /// An x86 instruction that repeats itself counts once, as a processor counts it. QEMU 7.2 leaves it after each
    /// repetition and enters it again, as a block of its own: that is told by the last instruction being this very
    /// one. No loop of a program looks like that, because the last instruction would be its jump.
    pub(crate) fn executed(&self, vcpu: usize, block: &Block) {
        // Threads beyond the last one share its place; `vcpus_count` tells that there were too many to be exact.
        let processor = &self.processors[vcpu.min(PROCESSORS - 1)];
        let before = processor.last_address.load(Relaxed);
        let goes_on = block.first_is_repeating && before == block.first_address;
        let count = processor.instructions_count.load(Relaxed);
        let added = block.instructions_count - u64::from(goes_on);
        processor.instructions_count.store(count + added, Relaxed);
        processor.last_address.store(block.last_address, Relaxed);
        if vcpu >= self.vcpus_count.load(Relaxed) {
            self.vcpus_count.fetch_max(vcpu + 1, Relaxed);
        }
    }

    /// Instructions of all processors so far.
    pub(crate) fn total(&self) -> u64 {
        let seen = self.vcpus_count().min(PROCESSORS);
        self.processors[..seen].iter().map(|p| p.instructions_count.load(Relaxed)).sum()
    }

    /// Processors that have executed anything.
    pub(crate) fn vcpus_count(&self) -> usize {
        self.vcpus_count.load(Relaxed)
    }
}

/// Whether x86 code begins with a string instruction that repeats itself.
pub(crate) fn is_repeating(code: &[u8]) -> bool {
    let mut repeated = false;
    for &byte in code {
        match byte {
            0xf2 | 0xf3 => repeated = true,
            // Other prefixes: sizes, segments, REX.
            0x66 | 0x67 | 0x26 | 0x2e | 0x36 | 0x3e | 0x64 | 0x65 | 0x40..=0x4f => {}
            // ins, outs; movs, cmps; stos, lods, scas.
            0x6c..=0x6f | 0xa4..=0xa7 | 0xaa..=0xaf => return repeated,
            _ => return false,
        }
    }
    false
}

//! Returning to the kernel what a request has left in the allocator.

// Links the allocator, which is the program's and the shim's, into the library's own tests too.
use mimalloc as _;

/// Size from which on a freed buffer is worth it, in bytes.
pub(crate) const LARGE_BYTES: usize = 8 << 20;

unsafe extern "C" {
    fn mi_collect(force: bool);
}

/// Makes the allocator return what is free on this thread. By itself it does so a second later at the earliest,
/// and only when the thread allocates much again: after the last large request of a burst, never.
pub(crate) fn give_back() {
    // SAFETY: may be called at any time on any thread, and touches nothing that is in use.
    unsafe { mi_collect(true) }
}

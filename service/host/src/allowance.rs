//! Memory that all instances, or all answers, share.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime::Result;

/// What the allowance is counted in, in bytes: a page of linear memory.
const PAGE_BYTES: usize = 64 << 10;

/// An amount of memory for all together. A clone is the same allowance.
#[derive(Debug, Clone)]
pub(crate) struct Allowance {
    pages: Arc<Semaphore>,
    total_pages: usize,
}

impl Allowance {
    /// An allowance of `bytes`, rounded up to whole pages of 64 KiB.
    pub(crate) fn new(bytes: usize) -> Self {
        // A share asks for 32 bits of pages at a time: 256 TiB.
        let largest = Semaphore::MAX_PERMITS.min(u32::MAX as usize);
        let total_pages = bytes.div_ceil(PAGE_BYTES).min(largest);
        Self { pages: Arc::new(Semaphore::new(total_pages)), total_pages }
    }

    /// All of it, in bytes.
    pub(crate) fn total_bytes(&self) -> usize {
        self.total_pages * PAGE_BYTES
    }
}

/// What one instance or answer has of a [`Allowance`]; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Share {
    allowance: Allowance,
    free_bytes: usize,
    used_bytes: usize,
    taken: Option<OwnedSemaphorePermit>,
}

impl Share {
    /// An empty share, whose first `free_bytes` are not taken from the allowance.
    pub(crate) fn new(allowance: &Allowance, free_bytes: usize) -> Self {
        Self { allowance: allowance.clone(), free_bytes, used_bytes: 0, taken: None }
    }

    /// Makes the share `more_bytes` larger, and waits for as long as others have what that takes.
    /// `false`, and nothing is changed, when it would be more than the whole allowance.
    ///
    /// # Errors
    /// Never: the semaphore is not closed.
    pub(crate) async fn grow(&mut self, more_bytes: usize) -> Result<bool> {
        let used_bytes = self.used_bytes.saturating_add(more_bytes);
        let pages = used_bytes.saturating_sub(self.free_bytes).div_ceil(PAGE_BYTES);
        if pages > self.allowance.total_pages {
            return Ok(false);
        }
        let missing = pages.saturating_sub(self.taken_pages());
        if missing > 0 {
            // At most the total, which is cut to 32 bits.
            let semaphore = Arc::clone(&self.allowance.pages);
            let permit = semaphore.acquire_many_owned(missing as u32).await?;
            match &mut self.taken {
                Some(taken) => taken.merge(permit),
                None => self.taken = Some(permit),
            }
        }
        self.used_bytes = used_bytes;
        Ok(true)
    }

    fn taken_pages(&self) -> usize {
        self.taken.as_ref().map_or(0, OwnedSemaphorePermit::num_permits)
    }

    /// What it takes from the allowance, in bytes.
    pub(crate) fn taken_bytes(&self) -> usize {
        self.taken_pages() * PAGE_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    fn now(future: impl Future<Output = Result<bool>>) -> Option<bool> {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(outcome) => Some(outcome.unwrap()),
            Poll::Pending => None,
        }
    }

    #[test]
    fn what_one_has_another_waits_for() {
        let allowance = Allowance::new(4 * PAGE_BYTES);
        let (mut one, mut other) = (Share::new(&allowance, 0), Share::new(&allowance, 0));
        assert_eq!(now(one.grow(3 * PAGE_BYTES)), Some(true));
        assert_eq!(now(other.grow(2 * PAGE_BYTES)), None);
        assert_eq!(other.taken_bytes(), 0);
        drop(one);
        assert_eq!(now(other.grow(2 * PAGE_BYTES)), Some(true));
        assert_eq!(other.taken_bytes(), 2 * PAGE_BYTES);
    }

    #[test]
    fn more_than_there_is_is_refused_at_once() {
        let allowance = Allowance::new(4 * PAGE_BYTES);
        let mut share = Share::new(&allowance, PAGE_BYTES);
        assert_eq!(now(share.grow(5 * PAGE_BYTES + 1)), Some(false));
        assert_eq!(now(share.grow(5 * PAGE_BYTES)), Some(true));
        assert_eq!(now(share.grow(1)), Some(false));
        assert_eq!(allowance.pages.available_permits(), 0);
    }

    #[test]
    fn what_is_free_takes_nothing_and_parts_of_pages_are_not_taken_twice() {
        let allowance = Allowance::new(1 << 20);
        let mut share = Share::new(&allowance, 1000);
        assert_eq!(now(share.grow(1000)), Some(true));
        assert_eq!(share.taken_bytes(), 0);
        for _ in 0..PAGE_BYTES {
            assert_eq!(now(share.grow(1)), Some(true));
        }
        assert_eq!(share.taken_bytes(), PAGE_BYTES);
    }
}

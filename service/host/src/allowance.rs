//! Memory that all instances, or all answers, share; and the part of it that those of one tenant
//! may have.

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
    /// What this is a part of: a page of the one is a page of the other too.
    whole: Option<Arc<Allowance>>,
}

impl Allowance {
    /// An allowance of `bytes`, rounded up to whole pages of 64 KiB.
    pub(crate) fn new(bytes: usize) -> Self {
        // A share asks for 32 bits of pages at a time: 256 TiB.
        let largest = Semaphore::MAX_PERMITS.min(u32::MAX as usize);
        let total_pages = bytes.div_ceil(PAGE_BYTES).min(largest);
        Self { pages: Arc::new(Semaphore::new(total_pages)), total_pages, whole: None }
    }

    /// The most that some may have of it together, in bytes. Parts may be more than the whole in
    /// sum.
    pub(crate) fn part(&self, bytes: usize) -> Self {
        Self { whole: Some(Arc::new(self.clone())), ..Self::new(bytes.min(self.total_bytes())) }
    }

    /// Whether nobody has anything of it.
    pub(crate) fn is_untouched(&self) -> bool {
        self.pages.available_permits() == self.total_pages
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
    taken_of_whole: Option<OwnedSemaphorePermit>,
}

impl Share {
    /// An empty share, whose first `free_bytes` are not taken from the allowance.
    pub(crate) fn new(allowance: &Allowance, free_bytes: usize) -> Self {
        Self {
            allowance: allowance.clone(),
            free_bytes,
            used_bytes: 0,
            taken: None,
            taken_of_whole: None,
        }
    }

    /// Makes the share `more_bytes` larger, and waits for as long as others have what that takes.
    /// `false`, and nothing is changed, when it would be more than the whole allowance.
    ///
    /// # Errors
    /// Never: the semaphores are not closed.
    pub(crate) async fn grow(&mut self, more_bytes: usize) -> Result<bool> {
        let used_bytes = self.used_bytes.saturating_add(more_bytes);
        let pages = used_bytes.saturating_sub(self.free_bytes).div_ceil(PAGE_BYTES);
        if pages > self.allowance.total_pages {
            return Ok(false);
        }
        let missing = pages.saturating_sub(self.taken_pages());
        if missing > 0 {
            // At most the total, which is cut to 32 bits.
            let missing = missing as u32;
            let permit = Arc::clone(&self.allowance.pages).acquire_many_owned(missing).await?;
            // The part before the whole: who waits for the others of his part holds nothing of the
            // whole meanwhile.
            if let Some(whole) = &self.allowance.whole {
                let permit = Arc::clone(&whole.pages).acquire_many_owned(missing).await?;
                add(&mut self.taken_of_whole, permit);
            }
            add(&mut self.taken, permit);
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

fn add(taken: &mut Option<OwnedSemaphorePermit>, permit: OwnedSemaphorePermit) {
    match taken {
        Some(taken) => taken.merge(permit),
        None => *taken = Some(permit),
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

    #[test]
    fn a_part_leaves_the_rest_of_the_whole_to_others() {
        let whole = Allowance::new(4 * PAGE_BYTES);
        let (part, other) = (whole.part(3 * PAGE_BYTES), whole.part(9 * PAGE_BYTES));
        assert_eq!(other.total_bytes(), whole.total_bytes());
        let (mut first, mut second) = (Share::new(&part, 0), Share::new(&part, 0));
        let mut others = Share::new(&other, 0);
        assert_eq!(now(first.grow(4 * PAGE_BYTES)), Some(false), "more than the part");
        assert_eq!(now(first.grow(2 * PAGE_BYTES)), Some(true));
        // It waits for the first, and takes nothing of what is left to others.
        assert_eq!(now(second.grow(2 * PAGE_BYTES)), None);
        assert_eq!(now(others.grow(2 * PAGE_BYTES)), Some(true));
        assert_eq!(now(second.grow(PAGE_BYTES)), None, "the whole is used up");
        assert!(!whole.is_untouched() && !part.is_untouched() && !other.is_untouched());
        drop(others);
        assert_eq!(now(second.grow(PAGE_BYTES)), Some(true));
        drop((first, second));
        assert!(whole.is_untouched() && part.is_untouched() && other.is_untouched());
    }
}

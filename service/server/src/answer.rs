//! An answer's body, counted as long as it waits to be sent.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use http_body::{Frame, SizeHint};

use crate::limits::{Budget, Held, UNCOUNTED_ANSWER_BYTES};

/// A body in one piece.
pub(crate) struct Answer(Option<Counted>);

/// Bytes, with the room that they take in the budget of answers; hyper drops them when the last one is sent.
pub(crate) struct Counted {
    bytes: Bytes,
    _held: Option<Held>,
}

impl Answer {
    pub(crate) fn empty() -> Self {
        Self(None)
    }

    /// `None` when there is no room for so much.
    pub(crate) fn new(bytes: Bytes, budget: &Arc<Budget>) -> Option<Self> {
        if bytes.is_empty() {
            return Some(Self::empty());
        }
        let mut held = None;
        if bytes.len() > UNCOUNTED_ANSWER_BYTES && !held.insert(budget.nothing()).grow(bytes.len())
        {
            return None;
        }
        Some(Self(Some(Counted { bytes, _held: held })))
    }
}

impl http_body::Body for Answer {
    type Data = Counted;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Counted>, Infallible>>> {
        Poll::Ready(self.0.take().map(|counted| Ok(Frame::data(counted))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let length = self.0.as_ref().map_or(0, |counted| counted.bytes.len());
        SizeHint::with_exact(length as u64)
    }
}

impl Buf for Counted {
    fn remaining(&self) -> usize {
        self.bytes.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.bytes.chunk()
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(length: usize) -> Bytes {
        vec![0; length].into()
    }

    #[test]
    fn only_long_answers_are_counted_and_until_they_are_sent() {
        let long = UNCOUNTED_ANSWER_BYTES + 1;
        let budget = Budget::new(2 * long);
        let mut two = [(); 2].map(|()| Answer::new(bytes(long), &budget).unwrap());
        assert!(Answer::new(bytes(long), &budget).is_none());
        assert!(Answer::new(bytes(UNCOUNTED_ANSWER_BYTES), &budget).is_some());
        // hyper takes the piece and drops the body; what counts is the piece.
        let piece = two[0].0.take();
        assert!(Answer::new(bytes(long), &budget).is_none());
        drop(piece);
        assert!(Answer::new(bytes(long), &budget).is_some());
    }
}

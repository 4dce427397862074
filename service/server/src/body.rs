//! Collecting a request's body within a limit.

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;

use crate::Body;

/// Reads `incoming` to its end, or until it proves longer than `limit_bytes`.
///
/// What the sender announces is believed only when it is too much: then nothing is read at all.
///
/// # Errors
/// The error of the body itself: its sender went away or broke the protocol.
pub async fn collect<B>(incoming: B, limit_bytes: usize) -> Result<Body, B::Error>
where
    B: http_body::Body<Data = Bytes> + Unpin,
{
    match collect_within(incoming, limit_bytes, |_| true).await {
        Ok(body) => Ok(body),
        Err(Fault::Broken(error)) => Err(error),
        // There is always room here; and what has no room is over a limit.
        Err(Fault::NoRoom) => Ok(Body::OverLimit),
    }
}

/// Why a body could not be read to its end.
#[derive(Debug)]
pub(crate) enum Fault<E> {
    /// The sender went away or broke the protocol.
    Broken(E),
    /// There is no room for it.
    NoRoom,
}

/// As [`collect`], and asks `is_room` for room for the bytes of every piece that arrives.
pub(crate) async fn collect_within<B>(
    mut incoming: B,
    limit_bytes: usize,
    mut is_room: impl FnMut(usize) -> bool,
) -> Result<Body, Fault<B::Error>>
where
    B: http_body::Body<Data = Bytes> + Unpin,
{
    if incoming.is_end_stream() {
        return Ok(Body::Complete(Bytes::new()));
    }
    let announced_bytes = incoming.size_hint().lower();
    if announced_bytes > limit_bytes as u64 {
        return Ok(Body::OverLimit);
    }
    let mut first = Bytes::new();
    let mut whole = BytesMut::new();
    while let Some(frame) = incoming.frame().await {
        // Trailers carry nothing that the service reads.
        let Ok(data) = frame.map_err(Fault::Broken)?.into_data() else { continue };
        if first.len() + whole.len() + data.len() > limit_bytes {
            return Ok(Body::OverLimit);
        }
        if !is_room(data.len()) {
            return Err(Fault::NoRoom);
        }
        if first.is_empty() && whole.is_empty() {
            // Small bodies come in one piece and are handed on without a copy.
            first = data;
            continue;
        }
        if whole.is_empty() {
            // At most the limit, and memory that is never written to is never backed by a page.
            whole.reserve((announced_bytes as usize).max(first.len() + data.len()));
            whole.extend_from_slice(&first);
            first = Bytes::new();
        }
        whole.extend_from_slice(&data);
    }
    Ok(Body::Complete(if whole.is_empty() { first } else { whole.freeze() }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body::{Frame, SizeHint};
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};

    /// A body in given pieces that announces a given length, true or not.
    struct Pieces {
        pieces: Vec<&'static [u8]>,
        announced_bytes: u64,
    }

    impl http_body::Body for Pieces {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            let next = (!self.pieces.is_empty()).then(|| self.pieces.remove(0));
            Poll::Ready(next.map(|piece| Ok(Frame::data(Bytes::from_static(piece)))))
        }

        fn size_hint(&self) -> SizeHint {
            let mut hint = SizeHint::new();
            hint.set_lower(self.announced_bytes);
            hint
        }
    }

    fn collected(pieces: &[&'static [u8]], announced_bytes: u64, limit_bytes: usize) -> Body {
        let body = Pieces { pieces: pieces.to_vec(), announced_bytes };
        let mut future = std::pin::pin!(collect(body, limit_bytes));
        let Poll::Ready(Ok(body)) = future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
        else {
            panic!("this body never waits");
        };
        body
    }

    #[test]
    fn pieces_are_joined_in_order() {
        for announced_bytes in [0, 7] {
            let body = collected(&[b"ab", b"cde", b"fg"], announced_bytes, 7);
            assert_eq!(body, Body::Complete(Bytes::from_static(b"abcdefg")));
        }
        assert_eq!(collected(&[], 0, 7), Body::Complete(Bytes::new()));
        assert_eq!(collected(&[b"a"], 0, 7), Body::Complete(Bytes::from_static(b"a")));
    }

    #[test]
    fn the_limit_holds_whatever_was_announced() {
        assert_eq!(collected(&[b"abc"], 4, 3), Body::OverLimit, "announced");
        assert_eq!(collected(&[b"abcd"], 0, 3), Body::OverLimit, "first piece");
        assert_eq!(collected(&[b"ab", b"cd"], 1, 3), Body::OverLimit, "second piece");
        assert_eq!(collected(&[b"a", b"b", b"c", b"d"], 0, 3), Body::OverLimit, "later piece");
    }
    #[test]
    fn every_piece_asks_for_room() {
        let body = Pieces { pieces: vec![b"ab", b"cde", b"f"], announced_bytes: 6 };
        let mut left = 5;
        let is_room = |bytes| {
            let is_room = bytes <= left;
            left -= if is_room { bytes } else { 0 };
            is_room
        };
        let mut future = std::pin::pin!(collect_within(body, 7, is_room));
        let polled = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(polled, Poll::Ready(Err(Fault::NoRoom))), "{polled:?}");
    }
}

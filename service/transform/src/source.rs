//! What a decoder is given to read: the parts of a body that decide pixels, in a form that it is
//! known to read right, with what we put between them.

use std::ops::Range;

use crate::error::ServiceError;
use crate::operation::Size;

/// An image whose container was read by us, and the bytes that its decoder gets.
pub(crate) struct Source<'a> {
    /// The size that the container announces; within the limits.
    pub(crate) size: Size,
    /// Why the picture is refused even if its decoder finds nothing wrong with it.
    pub(crate) refusal: Option<ServiceError>,
    body: &'a [u8],
    /// Bytes of ours, of all parts that are not the body's.
    made: Vec<u8>,
    parts: Vec<Part>,
}

#[derive(Debug, Clone)]
enum Part {
    Body(Range<usize>),
    Made(Range<usize>),
}

impl<'a> Source<'a> {
    /// A source without bytes.
    pub(crate) fn empty(body: &'a [u8], size: Size) -> Self {
        Self { size, refusal: None, body, made: Vec::new(), parts: Vec::new() }
    }

    /// The body as it is.
    pub(crate) fn whole(body: &'a [u8], size: Size) -> Self {
        let mut source = Self::empty(body, size);
        source.copy(0..body.len());
        source
    }

    /// Appends bytes of ours.
    pub(crate) fn make(&mut self, bytes: &[u8]) {
        let start = self.made.len();
        self.made.extend_from_slice(bytes);
        let end = self.made.len();
        // Neighbours become one part: a decoder may want a number from one read.
        match self.parts.last_mut() {
            Some(Part::Made(range)) => range.end = end,
            _ => self.parts.push(Part::Made(start..end)),
        }
    }

    /// Appends a stretch of the body, without copying it. What lies behind the body is left out.
    pub(crate) fn copy(&mut self, range: Range<usize>) {
        self.parts.push(Part::Body(range));
    }

    /// The bytes in order.
    pub(crate) fn slices(&self) -> Vec<&[u8]> {
        let slice = |part: &Part| match part.clone() {
            Part::Body(range) => self.body.get(range),
            Part::Made(range) => self.made.get(range),
        };
        self.parts.iter().filter_map(slice).collect()
    }
}

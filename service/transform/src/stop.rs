//! The deadline: polled between operations, inside our kernels, and by the readers and writers
//! that the decoders and encoders work through.

use std::cell::Cell;
use std::io::{self, BufRead, Read, Seek, SeekFrom, Write};

use crate::error::{ErrorCode, ServiceError};

/// How many bytes a decoder reads, or an encoder writes, between two looks at the clock.
const POLL_EVERY_BYTES: usize = 16 * 1024;

/// Asks the caller whether to go on, and remembers a "no".
pub(crate) struct Stop<'a> {
    should_stop: &'a dyn Fn() -> bool,
    stopped: Cell<bool>,
}

impl<'a> Stop<'a> {
    pub(crate) fn new(should_stop: &'a dyn Fn() -> bool) -> Self {
        Self { should_stop, stopped: Cell::new(false) }
    }

    /// Fails once the deadline has passed.
    pub(crate) fn check(&self) -> Result<(), ServiceError> {
        if self.stopped.get() || (self.should_stop)() {
            self.stopped.set(true);
            return Err(deadline_exceeded());
        }
        Ok(())
    }

    /// What a library's failure means: the deadline if it was that which ended the library's work,
    /// and otherwise what the caller makes of it.
    pub(crate) fn explain(&self, otherwise: ServiceError) -> ServiceError {
        if self.stopped.get() { deadline_exceeded() } else { otherwise }
    }

    fn check_io(&self) -> io::Result<()> {
        self.check().map_err(|_| io::Error::from(io::ErrorKind::TimedOut))
    }
}

/// The error of a request whose deadline has passed.
pub(crate) fn deadline_exceeded() -> ServiceError {
    ServiceError::new(ErrorCode::DeadlineExceeded, "the deadline passed before the image was done")
}

/// Reads a slice and fails once the deadline has passed.
pub(crate) struct StoppableReader<'a> {
    bytes: &'a [u8],
    position: usize,
    poll_at: usize,
    stop: &'a Stop<'a>,
}

impl<'a> StoppableReader<'a> {
    pub(crate) fn new(bytes: &'a [u8], stop: &'a Stop<'a>) -> Self {
        Self { bytes, position: 0, poll_at: 0, stop }
    }

    #[inline]
    fn rest(&mut self) -> io::Result<&'a [u8]> {
        if self.position >= self.poll_at {
            self.stop.check_io()?;
            self.poll_at = self.position.saturating_add(POLL_EVERY_BYTES);
        }
        Ok(self.bytes.get(self.position..).unwrap_or_default())
    }
}

impl Read for StoppableReader<'_> {
    #[inline]
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut rest = self.rest()?;
        let count = rest.read(buffer)?;
        self.position += count;
        Ok(count)
    }
}

impl BufRead for StoppableReader<'_> {
    #[inline]
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let rest = self.rest()?;
        // At most one stretch at a time, so that a reader that drains the buffer polls too.
        Ok(&rest[..rest.len().min(POLL_EVERY_BYTES)])
    }

    #[inline]
    fn consume(&mut self, count: usize) {
        self.position += count;
    }
}

impl Seek for StoppableReader<'_> {
    #[inline]
    fn seek(&mut self, target: SeekFrom) -> io::Result<u64> {
        let position = match target {
            SeekFrom::Start(offset) => usize::try_from(offset).ok(),
            SeekFrom::End(offset) => offset_by(self.bytes.len(), offset),
            SeekFrom::Current(offset) => offset_by(self.position, offset),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position as u64)
    }
}

fn offset_by(base: usize, offset: i64) -> Option<usize> {
    base.checked_add_signed(isize::try_from(offset).ok()?)
}

/// Collects what an encoder writes and fails once the deadline has passed.
pub(crate) struct StoppableWriter<'a> {
    bytes: Vec<u8>,
    poll_at: usize,
    stop: &'a Stop<'a>,
}

impl<'a> StoppableWriter<'a> {
    pub(crate) fn new(stop: &'a Stop<'a>) -> Self {
        Self { bytes: Vec::new(), poll_at: 0, stop }
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

impl Write for StoppableWriter<'_> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        if self.bytes.len() >= self.poll_at {
            self.stop.check_io()?;
            self.poll_at = self.bytes.len() + POLL_EVERY_BYTES;
        }
        self.bytes.extend_from_slice(buffer);
        Ok(buffer.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_gives_all_bytes_and_polls_on_the_way() {
        let bytes: Vec<u8> = (0..100_000_u32).map(|index| (index % 251) as u8).collect();
        let polls = Cell::new(0);
        let count = || {
            polls.set(polls.get() + 1);
            false
        };
        let stop = Stop::new(&count);
        let mut read = Vec::new();
        StoppableReader::new(&bytes, &stop).read_to_end(&mut read).unwrap();
        assert_eq!(read, bytes);
        assert!(polls.get() >= 2, "polled {} times", polls.get());
    }

    #[test]
    fn a_passed_deadline_ends_reading_and_writing_and_explains_it() {
        let stop = Stop::new(&|| true);
        let mut buffer = [0; 4];
        assert!(StoppableReader::new(&[1, 2, 3, 4], &stop).read(&mut buffer).is_err());
        assert!(StoppableWriter::new(&stop).write(&buffer).is_err());
        let other = ServiceError::new(ErrorCode::CorruptImage, "other");
        assert_eq!(stop.explain(other), deadline_exceeded());
    }

    #[test]
    fn seeking_before_the_start_is_an_error() {
        let stop = Stop::new(&|| false);
        let mut reader = StoppableReader::new(&[1, 2, 3], &stop);
        assert!(reader.seek(SeekFrom::Current(-1)).is_err());
        assert_eq!(reader.seek(SeekFrom::End(-1)).unwrap(), 2);
    }
}

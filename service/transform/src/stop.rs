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

/// Reads slices one after another and fails once the deadline has passed.
///
/// Positions have 64 bits on every target: a decoder that seeks as far as a length in a broken image
/// says must find the same everywhere.
pub(crate) struct StoppableReader<'a> {
    slices: Vec<&'a [u8]>,
    /// The slice that is being read: its index, itself, and where it begins.
    index: usize,
    slice: &'a [u8],
    start: u64,
    position: u64,
    /// From here on, the next slice or a look at the clock is due.
    due_at: u64,
    poll_at: u64,
    stop: &'a Stop<'a>,
}

impl<'a> StoppableReader<'a> {
    pub(crate) fn new(slices: Vec<&'a [u8]>, stop: &'a Stop<'a>) -> Self {
        let slice = slices.first().copied().unwrap_or_default();
        Self { slices, index: 0, slice, start: 0, position: 0, due_at: 0, poll_at: 0, stop }
    }

    #[inline]
    fn rest(&mut self) -> io::Result<&'a [u8]> {
        if self.position >= self.due_at {
            self.turn_to_position()?;
        }
        // Within the slice, where 32 bits suffice: a position alone may need more.
        let offset = (self.position - self.start).min(self.slice.len() as u64) as usize;
        Ok(&self.slice[offset..])
    }

    /// Finds the slice of the position, and looks at the clock if that is due.
    #[cold]
    fn turn_to_position(&mut self) -> io::Result<()> {
        if self.position >= self.poll_at {
            self.stop.check_io()?;
            self.poll_at = self.position.saturating_add(POLL_EVERY_BYTES as u64);
        }
        while self.position < self.start && self.index > 0 {
            self.index -= 1;
            self.slice = self.slices[self.index];
            self.start -= self.slice.len() as u64;
        }
        while self.position - self.start >= self.slice.len() as u64
            && self.index + 1 < self.slices.len()
        {
            self.start += self.slice.len() as u64;
            self.index += 1;
            self.slice = self.slices[self.index];
        }
        // Behind the last slice there is nothing, and each read comes back here.
        self.due_at = self.poll_at.min(self.start + self.slice.len() as u64);
        Ok(())
    }

    fn length(&self) -> u64 {
        self.slices.iter().map(|slice| slice.len() as u64).sum()
    }
}

impl Read for StoppableReader<'_> {
    #[inline]
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut rest = self.rest()?;
        let count = rest.read(buffer)?;
        self.position += count as u64;
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
        self.position += count as u64;
    }
}

impl Seek for StoppableReader<'_> {
    #[inline]
    fn seek(&mut self, target: SeekFrom) -> io::Result<u64> {
        let position = match target {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::End(offset) => self.length().checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        // Behind the end is allowed, as it is everywhere.
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        if self.position < self.start {
            self.due_at = 0;
        }
        Ok(self.position)
    }
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
        StoppableReader::new(vec![&bytes], &stop).read_to_end(&mut read).unwrap();
        assert_eq!(read, bytes);
        assert!(polls.get() >= 2, "polled {} times", polls.get());
    }

    #[test]
    fn a_passed_deadline_ends_reading_and_writing_and_explains_it() {
        let stop = Stop::new(&|| true);
        let mut buffer = [0; 4];
        assert!(StoppableReader::new(vec![&[1, 2, 3, 4]], &stop).read(&mut buffer).is_err());
        assert!(StoppableWriter::new(&stop).write(&buffer).is_err());
        let other = ServiceError::new(ErrorCode::CorruptImage, "other");
        assert_eq!(stop.explain(other), deadline_exceeded());
    }

    /// Every position of a reader over several slices, beside a cursor over the same bytes.
    fn check_seek(targets: &[SeekFrom]) {
        let bytes = [1, 2, 3, 4, 5, 6, 7];
        let slices: Vec<&[u8]> = vec![&[], &bytes[..2], &[], &bytes[2..3], &bytes[3..], &[]];
        let stop = Stop::new(&|| false);
        let mut reader = StoppableReader::new(slices, &stop);
        let mut cursor = io::Cursor::new(bytes);
        for target in targets {
            let (position, expected) = (reader.seek(*target).ok(), cursor.seek(*target).ok());
            assert_eq!(position, expected, "{targets:?}");
            let (mut byte, mut expected) = ([0], [0]);
            let counts = (reader.read(&mut byte).unwrap(), cursor.read(&mut expected).unwrap());
            assert_eq!((counts.0, byte), (counts.1, expected), "{targets:?}");
        }
    }

    #[test]
    fn several_slices_are_read_as_one() {
        for first in 0..9 {
            for second in -9..9 {
                let back = SeekFrom::Current(second);
                check_seek(&[SeekFrom::Start(first), back, SeekFrom::End(second)]);
            }
        }
        let stop = Stop::new(&|| false);
        let slices: Vec<&[u8]> = vec![&[], &[1], &[2, 3], &[], &[4]];
        let mut all = Vec::new();
        StoppableReader::new(slices, &stop).read_to_end(&mut all).unwrap();
        assert_eq!(all, [1, 2, 3, 4]);
    }

    /// With positions of 32 bits, as they were on the Wasm targets, each of these was an error.
    #[test]
    fn a_position_may_be_further_than_the_address_space_of_a_wasm_module() {
        let far = i64::from(u32::MAX);
        check_seek(&[SeekFrom::Current(far), SeekFrom::Current(far), SeekFrom::Current(-2 * far)]);
        check_seek(&[SeekFrom::Start(1 << 31), SeekFrom::End(far), SeekFrom::Start(1)]);
        check_seek(&[SeekFrom::Start(u64::MAX), SeekFrom::Current(1), SeekFrom::End(-1)]);
    }

    #[test]
    fn seeking_before_the_start_is_an_error() {
        let stop = Stop::new(&|| false);
        let mut reader = StoppableReader::new(vec![&[1, 2, 3]], &stop);
        assert!(reader.seek(SeekFrom::Current(-1)).is_err());
        assert_eq!(reader.seek(SeekFrom::End(-1)).unwrap(), 2);
    }
}

//! What is known about a JPEG before it is decoded, and the stream that the decoder gets.
//!
//! The decoder (zune-jpeg) believes too much: it answers layouts that it cannot decode with a wrong
//! picture, and data that end early with a gray one; some it answers with a panic, and only on some
//! processors. So the markers are read here first. Layouts that it is not known to decode right are
//! refused as not supported; of the others it gets a stream of our own: the tables and the entropy
//! coded data of the body, with a frame header in the one form that it is known to read right and
//! without the segments that decide no pixel. Behind the data of each scan stand bytes that no
//! Huffman code begins with, so that to read on where data are missing is an error.

mod entropy;
mod frame;
mod huffman;
mod progression;
mod scan;
#[cfg(test)]
mod tests;

use crate::error::ServiceError;
use crate::limits::MAX_JPEG_SCANS;
use crate::operation::Format;
use crate::source::Source;

use entropy::{AFTER_DATA, UNKNOWN_SEGMENT};
use frame::{Colors, Frame};
use huffman::Tables;
use progression::Progression;
use scan::Scan;

const START_OF_IMAGE: [u8; 2] = [0xFF, 0xD8];
const END_OF_IMAGE: [u8; 2] = [0xFF, 0xD9];

/// Reads all markers of a JPEG, and gives what its decoder is to read.
///
/// # Errors
/// The size is over the limits, the image is truncated or corrupted, or its layout is not supported.
pub(crate) fn prepare(body: &[u8]) -> Result<Source<'_>, ServiceError> {
    let mut walk = Walk { at: START_OF_IMAGE.len(), ..Walk::new(body) };
    loop {
        match walk.next_marker()? {
            0xC0..=0xC2 if walk.frame.is_some() => return Err(corrupt()),
            marker @ 0xC0..=0xC2 => {
                let frame = Frame::parse(walk.segment()?, marker == 0xC2)?;
                walk.source.size = frame.size;
                walk.frame = Some(frame);
            }
            0xC3 | 0xC7 => return Err(unsupported("lossless coding")),
            0xC5 | 0xC6 | 0xDE | 0xDF => return Err(unsupported("hierarchical coding")),
            0xC9..=0xCF => return Err(unsupported("arithmetic coding")),
            0xDC => return Err(unsupported("a height that stands behind the data (DNL)")),
            0xC4 => walk.huffman_tables()?,
            0xDB => walk.quantization_tables()?,
            0xDD => walk.restart_interval()?,
            0xDA => walk.scan()?,
            0xD9 => return walk.finish(),
            0xE0 => walk.jfif()?,
            0xEE => walk.adobe()?,
            0xE1..=0xED | 0xEF..=0xFE => {
                walk.segment()?;
            }
            _ => return Err(corrupt()),
        }
    }
}

/// How far the markers have been read.
struct Walk<'a> {
    body: &'a [u8],
    at: usize,
    source: Source<'a>,
    frame: Option<Frame>,
    tables: Tables,
    /// A JFIF segment was there.
    jfif: bool,
    /// The colour transform of an Adobe segment, where there is one.
    adobe: Option<u8>,
    colors: Colors,
    /// The number of units between two restart markers; zero: there are none.
    restart_units: usize,
    scans: usize,
    progression: Progression,
}

impl<'a> Walk<'a> {
    fn new(body: &'a [u8]) -> Self {
        let mut source = Source::empty(body, crate::operation::Size { width: 0, height: 0 });
        source.make(&START_OF_IMAGE);
        Self {
            body,
            at: 0,
            source,
            frame: None,
            tables: Tables::default(),
            jfif: false,
            adobe: None,
            colors: Colors::Gray,
            restart_units: 0,
            scans: 0,
            progression: Progression::default(),
        }
    }

    /// The code of the marker that must stand here; fill bytes may stand before it.
    fn next_marker(&mut self) -> Result<u8, ServiceError> {
        if self.body.get(self.at) != Some(&0xFF) {
            return Err(corrupt());
        }
        let rest = self.body.get(self.at..).unwrap_or_default();
        let fill = rest.iter().take_while(|byte| **byte == 0xFF).count();
        self.at += fill + 1;
        rest.get(fill).copied().ok_or_else(corrupt)
    }

    /// What a segment holds behind its length.
    fn segment(&mut self) -> Result<&'a [u8], ServiceError> {
        let rest = self.body.get(self.at..).unwrap_or_default();
        let (length, rest) = rest.split_first_chunk().ok_or_else(corrupt)?;
        let length = usize::from(u16::from_be_bytes(*length));
        let content = length.checked_sub(2).and_then(|length| rest.get(..length));
        self.at += length;
        content.ok_or_else(corrupt)
    }

    fn make_segment(&mut self, marker: u8, content: &[u8]) {
        // A segment that was read has a length that fits; those of ours are short.
        let length = u16::try_from(content.len() + 2).unwrap_or(u16::MAX);
        self.source.make(&[0xFF, marker]);
        self.source.make(&length.to_be_bytes());
        self.source.make(content);
    }

    fn huffman_tables(&mut self) -> Result<(), ServiceError> {
        let content = self.segment()?;
        self.tables.read(content).ok_or_else(corrupt)?;
        self.make_segment(0xC4, content);
        Ok(())
    }

    fn quantization_tables(&mut self) -> Result<(), ServiceError> {
        let content = self.segment()?;
        if self.scans > 0 {
            return Err(unsupported("quantization tables between scans"));
        }
        self.make_segment(0xDB, content);
        Ok(())
    }

    fn restart_interval(&mut self) -> Result<(), ServiceError> {
        let interval: &[u8; 2] = self.segment()?.try_into().map_err(|_| corrupt())?;
        self.restart_units = usize::from(u16::from_be_bytes(*interval));
        Ok(())
    }

    fn jfif(&mut self) -> Result<(), ServiceError> {
        let content = self.segment()?;
        self.jfif |= content.starts_with(b"JFIF\0") && content.len() >= 14;
        Ok(())
    }

    fn adobe(&mut self) -> Result<(), ServiceError> {
        let content = self.segment()?;
        if content.starts_with(b"Adobe") && content.len() >= 12 {
            self.adobe = content.get(11).copied();
        }
        Ok(())
    }

    fn scan(&mut self) -> Result<(), ServiceError> {
        let content = self.segment()?;
        let frame = self.frame.take().ok_or_else(corrupt)?;
        let scan = Scan::parse(content, &frame)?;
        if self.scans == 0 {
            self.begin(&frame, &scan)?;
        } else if !frame.is_progressive {
            // All components were in the first scan.
            return Err(corrupt());
        }
        self.tables.check(&scan)?;
        self.make_segment(0xDA, &scan.header(self.colors));
        if frame.is_progressive {
            self.progressive_data(&frame, &scan)?;
        } else {
            self.sequential_data(&frame, &scan)?;
        }
        self.scans += 1;
        self.frame = Some(frame);
        Ok(())
    }

    /// The frame header, once all that stands before the first scan is known.
    fn begin(&mut self, frame: &Frame, scan: &Scan) -> Result<(), ServiceError> {
        if !frame.is_progressive && scan.components.len() != frame.components.len() {
            return Err(unsupported("several scans without progressive coding"));
        }
        frame.check_sampling()?;
        self.colors = Colors::of(frame, self.jfif, self.adobe)?;
        if let Some(transform) = self.colors.adobe_transform() {
            self.make_segment(0xEE, &[b"Adobe\0\x64\0\0\0\0".as_slice(), &[transform]].concat());
        }
        self.make_segment(
            if frame.is_progressive { 0xC2 } else { 0xC0 },
            &frame.header(self.colors),
        );
        if self.restart_units > 0 {
            let interval = u16::try_from(self.restart_units).unwrap_or(u16::MAX);
            self.make_segment(0xDD, &interval.to_be_bytes());
        }
        Ok(())
    }

    /// The only scan of a sequential image, in the stretches between its restart markers.
    fn sequential_data(&mut self, frame: &Frame, scan: &Scan) -> Result<(), ServiceError> {
        let restarts = match self.restart_units {
            0 => 0,
            units => frame.units(scan).div_ceil(units).saturating_sub(1),
        };
        let data = entropy::read(self.body, self.at, restarts).ok_or_else(corrupt)?;
        self.at = data.end;
        for (index, stretch) in data.stretches.into_iter().enumerate() {
            if index > 0 {
                self.source.make(&[0xFF, entropy::restart_marker(index - 1)]);
            }
            self.source.copy(stretch);
            self.source.make(&AFTER_DATA);
        }
        Ok(())
    }

    fn progressive_data(&mut self, frame: &Frame, scan: &Scan) -> Result<(), ServiceError> {
        if self.restart_units > 0 {
            return Err(unsupported("restart intervals with progressive coding"));
        }
        if self.scans >= MAX_JPEG_SCANS {
            return Err(unsupported("so many scans"));
        }
        self.progression.add(scan).ok_or_else(corrupt)?;
        let data = entropy::read(self.body, self.at, 0).ok_or_else(corrupt)?;
        self.at = data.end;
        let stretch = data.stretches.into_iter().next().unwrap_or_default();
        let bytes = self.body.get(stretch.clone()).unwrap_or_default();
        self.source.copy(stretch);
        if self.scans == 0 {
            // The decoder wants a marker right behind the data of the first scan. So it is read here.
            return self.tables.read_dc_scan(frame, scan, bytes).ok_or_else(corrupt);
        }
        if scan.refines_dc() && entropy::byte_count(bytes) < frame.blocks(scan).div_ceil(8) {
            return Err(corrupt());
        }
        self.source.make(&AFTER_DATA);
        self.source.make(&UNKNOWN_SEGMENT);
        Ok(())
    }

    fn finish(mut self) -> Result<Source<'a>, ServiceError> {
        let frame = self.frame.as_ref().filter(|_| self.scans > 0).ok_or_else(corrupt)?;
        if frame.is_progressive && !self.progression.is_complete(frame.components.len()) {
            // Either its data end early, which the decoder will find, or it is meant so.
            let refusal = unsupported("progressive coding whose scans leave bits out");
            self.source.refusal = Some(refusal);
        }
        self.source.make(&END_OF_IMAGE);
        Ok(self.source)
    }
}

fn corrupt() -> ServiceError {
    ServiceError::corrupt(Format::Jpeg)
}

fn unsupported(what: &str) -> ServiceError {
    ServiceError::unsupported(Format::Jpeg, what)
}

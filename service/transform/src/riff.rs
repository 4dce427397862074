//! What is known about a WebP before it is decoded, and the file that the decoder gets.
//!
//! The decoder (image-webp) takes sizes of chunks and frames on trust: where they contradict each
//! other it panics, and flags without their chunks it calls an error. So the container is read here,
//! and the decoder gets one of our own: the chunks that decide the pixels of the first picture, whose
//! sizes agree, and the flags that belong to them.

use std::ops::Range;

use crate::error::ServiceError;
use crate::operation::{Format, Size};
use crate::source::Source;

const HEADER_BYTES: usize = 8;
/// What an animation's frame has before its chunks.
const FRAME_HEADER_BYTES: usize = 16;
/// In the last byte of a frame's header.
const NO_BLENDING: u8 = 0b0000_0010;
const ANIMATION_FLAG: u8 = 0b0000_0010;
const ALPHA_FLAG: u8 = 0b0001_0000;

/// Reads the container of a WebP, and gives what its decoder is to read.
///
/// # Errors
/// The size is over the limits, or the image is truncated or corrupted.
pub(crate) fn prepare(body: &[u8]) -> Result<Source<'_>, ServiceError> {
    let riff = read_chunk(body, 0, body.len()).ok_or_else(corrupt)?;
    // The four bytes `WEBP` come first.
    let chunks = Chunks { body, at: riff.content.start + 4, end: riff.content.end };
    let chunks = chunks.first_of_each().ok_or_else(corrupt)?;
    let (first, others) = chunks.split_first().ok_or_else(corrupt)?;
    if &first.name != b"VP8X" {
        let picture = Picture::of(body, std::slice::from_ref(first)).ok_or_else(corrupt)?;
        within_limits(picture.size)?;
        return Ok(picture.still(body));
    }
    let Some((&[flags, _, _, _], canvas)) =
        body.get(first.content.clone()).and_then(<[u8]>::split_first_chunk)
    else {
        return Err(corrupt());
    };
    let canvas = size_less_one(canvas).ok_or_else(corrupt)?;
    within_limits(canvas)?;
    if flags & ANIMATION_FLAG != 0 {
        return animation(body, flags, canvas, others).ok_or_else(corrupt);
    }
    let picture = Picture::of(body, others).filter(|picture| picture.size == canvas);
    let mut picture = picture.ok_or_else(corrupt)?;
    if flags & ALPHA_FLAG == 0 {
        picture.alpha = None;
    }
    Ok(picture.still(body))
}

/// The first frame of an animation, as an animation of one frame.
fn animation<'a>(body: &'a [u8], flags: u8, canvas: Size, chunks: &[Chunk]) -> Option<Source<'a>> {
    let control = chunks.iter().position(|chunk| &chunk.name == b"ANIM")?;
    let frame = chunks.iter().position(|chunk| &chunk.name == b"ANMF")?;
    if frame < control || chunks.get(control)?.content.len() < 6 {
        return None;
    }
    let frame = &chunks.get(frame)?.content;
    let (header, _) = body.get(frame.clone())?.split_first_chunk::<FRAME_HEADER_BYTES>()?;
    let inner = Chunks { body, at: frame.start + FRAME_HEADER_BYTES, end: frame.end };
    let picture = Picture::of(body, &inner.first_of_each()?)?;
    let (x, y) = (2 * number(&header[..3])?, 2 * number(&header[3..6])?);
    let fits = x + picture.size.width <= canvas.width && y + picture.size.height <= canvas.height;
    if size_less_one(&header[6..12])? != picture.size || !fits {
        return None;
    }
    // An empty chunk behind the picture: the decoder wants a frame to have 32 bytes.
    let pictures = picture.byte_count() + HEADER_BYTES;
    let mut source = Source::empty(body, canvas);
    make_riff(&mut source, 18 + 14 + HEADER_BYTES + FRAME_HEADER_BYTES + pictures);
    make_extended(&mut source, flags & (ANIMATION_FLAG | ALPHA_FLAG), canvas);
    make_header(&mut source, *b"ANIM", 6);
    source.make(&[0; 6]);
    make_header(&mut source, *b"ANMF", FRAME_HEADER_BYTES + pictures);
    source.make(&header[..FRAME_HEADER_BYTES - 1]);
    // Blended with nothing, the frame is itself, but for the decoder's rounding: so not blended.
    source.make(&[NO_BLENDING]);
    picture.write(&mut source);
    make_header(&mut source, *b"SKIP", 0);
    Some(source)
}

/// A chunk of a RIFF file.
#[derive(Clone)]
struct Chunk {
    name: [u8; 4],
    content: Range<usize>,
}

impl Chunk {
    fn is_image(&self) -> bool {
        [*b"VP8 ", *b"VP8L"].contains(&self.name)
    }
}

/// The chunk that begins at `at`; `None` if it does not end before `end`.
fn read_chunk(body: &[u8], at: usize, end: usize) -> Option<Chunk> {
    let (name, rest) = body.get(at..end)?.split_first_chunk()?;
    let (length, content) = rest.split_first_chunk()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    content.get(..length)?;
    let start = at + HEADER_BYTES;
    Some(Chunk { name: *name, content: start..start + length })
}

/// The chunks between two places; a last `None` for one that is cut.
struct Chunks<'a> {
    body: &'a [u8],
    at: usize,
    end: usize,
}

impl Chunks<'_> {
    /// The first chunk, and the first of each name that we know; `None` if any chunk is cut, or there
    /// are two pictures.
    fn first_of_each(mut self) -> Option<Vec<Chunk>> {
        const KNOWN: [&[u8; 4]; 3] = [b"ALPH", b"ANIM", b"ANMF"];
        let mut found = vec![self.next()??];
        for chunk in self {
            let chunk = chunk?;
            let is_found = found.iter().any(|found| found.name == chunk.name);
            if chunk.is_image() {
                if found.iter().any(Chunk::is_image) {
                    return None;
                }
                found.push(chunk);
            } else if KNOWN.contains(&&chunk.name) && !is_found {
                found.push(chunk);
            }
        }
        Some(found)
    }
}

impl Iterator for Chunks<'_> {
    type Item = Option<Chunk>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.end {
            return None;
        }
        let chunk = read_chunk(self.body, self.at, self.end);
        // A chunk of odd length is followed by a byte of padding, which some writers leave out.
        self.at = match &chunk {
            Some(chunk) => chunk.content.end + chunk.content.len() % 2,
            None => self.end,
        };
        Some(chunk)
    }
}

/// The chunks of one picture, and the size that its data announce.
struct Picture {
    size: Size,
    image: Chunk,
    alpha: Option<Chunk>,
}

impl Picture {
    /// The first picture among the chunks.
    fn of(body: &[u8], chunks: &[Chunk]) -> Option<Self> {
        let index = chunks.iter().position(Chunk::is_image)?;
        let image = chunks.get(index)?.clone();
        let data = body.get(image.content.clone())?;
        let alpha = chunks.iter().take(index).find(|chunk| &chunk.name == b"ALPH").cloned();
        let is_lossless = &image.name == b"VP8L";
        // A lossless picture has its own alpha.
        if is_lossless && alpha.is_some() {
            return None;
        }
        let size = if is_lossless { lossless_size(data)? } else { lossy_size(data)? };
        Some(Self { size, image, alpha })
    }

    fn chunks(&self) -> impl Iterator<Item = &Chunk> {
        self.alpha.iter().chain([&self.image])
    }

    /// How many bytes its chunks take.
    fn byte_count(&self) -> usize {
        self.chunks().map(|chunk| HEADER_BYTES + chunk.content.len().next_multiple_of(2)).sum()
    }

    fn write(&self, source: &mut Source<'_>) {
        for chunk in self.chunks() {
            make_header(source, chunk.name, chunk.content.len());
            source.copy(chunk.content.clone());
            source.make(&[0][..chunk.content.len() % 2]);
        }
    }

    /// A file with this picture alone.
    fn still<'a>(&self, body: &'a [u8]) -> Source<'a> {
        let mut source = Source::empty(body, self.size);
        if self.alpha.is_some() {
            make_riff(&mut source, 18 + self.byte_count());
            make_extended(&mut source, ALPHA_FLAG, self.size);
        } else {
            make_riff(&mut source, self.byte_count());
        }
        self.write(&mut source);
        source
    }
}

/// The size in the header of a lossy picture that can be shown by itself.
fn lossy_size(data: &[u8]) -> Option<Size> {
    let (&[tag_0, tag_1, tag_2, 0x9D, 0x01, 0x2A], rest) = data.split_first_chunk()? else {
        return None;
    };
    let (&[width_0, width_1, height_0, height_1], _) = rest.split_first_chunk()?;
    let tag = u32::from_le_bytes([tag_0, tag_1, tag_2, 0]);
    let (is_key_frame, profile, is_shown) = (tag & 1 == 0, tag >> 1 & 7, tag >> 4 & 1 == 1);
    let first_partition = usize::try_from(tag >> 5).ok()?;
    if !is_key_frame || profile > 3 || !is_shown || first_partition >= data.len() {
        return None;
    }
    // The two highest bits ask for enlarging, which no decoder does.
    let side = |bytes| u32::from(u16::from_le_bytes(bytes) & 0x3FFF);
    let size = Size { width: side([width_0, width_1]), height: side([height_0, height_1]) };
    (size.width > 0 && size.height > 0).then_some(size)
}

/// The size in the header of a lossless picture.
fn lossless_size(data: &[u8]) -> Option<Size> {
    let (&[0x2F], rest) = data.split_first_chunk()? else { return None };
    let bits = u32::from_le_bytes(*rest.first_chunk()?);
    let version = bits >> 29;
    (version == 0).then_some(Size { width: (bits & 0x3FFF) + 1, height: (bits >> 14 & 0x3FFF) + 1 })
}

/// Width and height of three bytes each, less one as they are stored.
fn size_less_one(bytes: &[u8]) -> Option<Size> {
    Some(Size { width: number(bytes.get(..3)?)? + 1, height: number(bytes.get(3..6)?)? + 1 })
}

fn number(bytes: &[u8]) -> Option<u32> {
    let &[low, middle, high] = bytes else { return None };
    Some(u32::from_le_bytes([low, middle, high, 0]))
}

fn make_header(source: &mut Source<'_>, name: [u8; 4], length: usize) {
    source.make(&name);
    // Lengths are those of a body, and a body is far shorter.
    source.make(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
}

fn make_riff(source: &mut Source<'_>, chunks_bytes: usize) {
    make_header(source, *b"RIFF", 4 + chunks_bytes);
    source.make(b"WEBP");
}

fn make_extended(source: &mut Source<'_>, flags: u8, canvas: Size) {
    make_header(source, *b"VP8X", 10);
    source.make(&[flags, 0, 0, 0]);
    for side in [canvas.width, canvas.height] {
        source.make(&side.saturating_sub(1).to_le_bytes()[..3]);
    }
}

fn within_limits(size: Size) -> Result<(), ServiceError> {
    size.within_limits().map(|_| ()).map_err(|error| error.with_parameter("body"))
}

fn corrupt() -> ServiceError {
    ServiceError::corrupt(Format::Webp)
}

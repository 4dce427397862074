//! What one request may cost at most. Everything here is checked before the work is done.

/// The largest request body, in bytes (16 MiB). A larger one is answered with 413.
pub const MAX_BODY_BYTES: usize = 16 * 1024 * 1024;

/// The most pixels (width x height) of an image, coming in or after any operation (40 Mpixel).
pub const MAX_PIXELS: u64 = 40_000_000;

/// The longest side of an image, coming in or after any operation, in pixels: what JPEG can express.
pub const MAX_SIDE_PIXELS: u32 = 65_535;

/// The most operations in one pipeline, `encode` included.
pub const MAX_OPERATIONS: usize = 16;

/// The largest standard deviation of a blur, in thousandths of a pixel: its cost grows with sigma.
pub const MAX_SIGMA_MILLI: u32 = 50_000;

/// The largest amount of a sharpening, in thousandths.
pub const MAX_SHARPEN_AMOUNT_MILLI: u32 = 10_000;

/// The most memory a decoder may ask for, in bytes: a 40 Mpixel image of four sixteen-bit channels.
pub(crate) const MAX_DECODER_BYTES: u64 = MAX_PIXELS * 8;

/// The most scans of a progressive JPEG: each costs a pass over the image, however few bytes it has.
pub(crate) const MAX_JPEG_SCANS: usize = 64;

/// The longest excerpt of a request that an error message repeats, in characters.
pub(crate) const MAX_ECHO_CHARS: usize = 64;

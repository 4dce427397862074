//! From the bytes of a request to pixels. The container is read by us and the size is checked first;
//! the pixels are decoded only after the whole pipeline has been found to fit the limits.

use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;
use image::{DynamicImage, ImageDecoder, ImageError, Limits};
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use crate::error::{ErrorCode, ServiceError};
use crate::limits::{MAX_DECODER_BYTES, MAX_JPEG_SCANS};
use crate::operation::{Format, Size};
use crate::pixels::{Channels, Pixels};
use crate::source::Source;
use crate::stop::{Stop, StoppableReader};
use crate::{jpeg, riff};

/// An image whose container has been read and whose size is within the limits.
pub(crate) struct Header<'a> {
    pub(crate) size: Size,
    format: Format,
    source: Source<'a>,
}

/// The format that the first bytes of a body announce.
pub(crate) fn sniff(body: &[u8]) -> Option<Format> {
    if body.starts_with(b"\x89PNG\r\n\x1a\n") {
        Some(Format::Png)
    } else if body.starts_with(b"\xff\xd8\xff") {
        Some(Format::Jpeg)
    } else if body.starts_with(b"RIFF") && body.get(8..12) == Some(b"WEBP") {
        Some(Format::Webp)
    } else {
        None
    }
}

/// Reads the container: checks the size against the limits, and refuses what the decoder is not
/// known to decode right.
pub(crate) fn read_header(body: &[u8], format: Format) -> Result<Header<'_>, ServiceError> {
    let source = match format {
        Format::Jpeg => jpeg::prepare(body)?,
        Format::Png => Source::whole(body, announced_png_size(body)?),
        Format::Webp => riff::prepare(body)?,
    };
    Ok(Header { size: source.size, format, source })
}

impl Header<'_> {
    /// Decodes the pixels.
    pub(crate) fn decode(self, stop: &Stop<'_>) -> Result<Pixels, ServiceError> {
        let Self { size, format, mut source } = self;
        let refusal = source.refusal.take();
        let pixels = without_panic(|| {
            let reader = StoppableReader::new(source.slices(), stop);
            match format {
                Format::Jpeg => decode_jpeg(reader).map_err(|_| ServiceError::corrupt(format)),
                Format::Png => decode_png(reader),
                Format::Webp => decode_webp(reader),
            }
        });
        let pixels = pixels.unwrap_or_else(|| Err(ServiceError::corrupt(format)));
        let pixels = pixels.map_err(|error| stop.explain(error))?;
        if let Some(refusal) = refusal {
            return Err(stop.explain(refusal));
        }
        // What the decoder found is what was checked.
        let is_expected = pixels.size == size
            && pixels.data.len() == crate::pixels::byte_count(size, pixels.channels);
        is_expected.then_some(pixels).ok_or_else(|| stop.explain(ServiceError::corrupt(format)))
    }
}

/// Ends a panic of a decoder here, as a failure to decode: one broken image must not be a failure of
/// the service, and no client is to see another answer where a decoder's vector code panics and its
/// plain code does not. No input is known that panics behind `read_header`; the fuzzer
/// (`cargo xtask test --fuzz`) counts those that do. Where a panic cannot be caught (Wasm), it ends
/// the instance.
fn without_panic<T>(decode: impl FnOnce() -> T) -> Option<T> {
    #[cfg(panic = "unwind")]
    // Nothing outlives the closure but its result and the memory of a passed deadline.
    return std::panic::catch_unwind(std::panic::AssertUnwindSafe(decode)).ok();
    #[cfg(not(panic = "unwind"))]
    return Some(decode());
}

/// The size in a PNG's first chunk, before the decoder sees it: the decoder refuses what does not
/// fit its address space, which is another size, and another answer, on a 32-bit target.
fn announced_png_size(body: &[u8]) -> Result<Size, ServiceError> {
    let side =
        |at: usize| body.get(at..)?.first_chunk().map(|bytes: &[u8; 4]| u32::from_be_bytes(*bytes));
    match (body.get(12..16), side(16), side(20)) {
        (Some(b"IHDR"), Some(width @ 1..), Some(height @ 1..)) => {
            let size = Size { width, height };
            size.within_limits().map_err(|error| error.with_parameter("body"))
        }
        _ => Err(ServiceError::corrupt(Format::Png)),
    }
}

/// The JPEG decoder of the `image` crate, without the crate in between: that one is lenient.
fn decode_jpeg(reader: StoppableReader<'_>) -> Result<Pixels, DecodeErrors> {
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .jpeg_set_max_scans(MAX_JPEG_SCANS)
        // The size is checked by ours, with its own answer.
        .set_max_width(usize::MAX)
        .set_max_height(usize::MAX);
    let mut decoder = JpegDecoder::new_with_options(reader, options);
    decoder.decode_headers()?;
    let missing = || DecodeErrors::FormatStatic("the header names no size");
    let info = decoder.info().ok_or_else(missing)?;
    let (output, channels) = match decoder.input_colorspace().ok_or_else(missing)? {
        ColorSpace::Luma => (ColorSpace::Luma, Channels::Gray),
        _ => (ColorSpace::RGB, Channels::Rgb),
    };
    decoder.set_options(options.jpeg_set_out_colorspace(output));
    let size = Size { width: u32::from(info.width), height: u32::from(info.height) };
    Ok(Pixels { size, channels, data: decoder.decode()? })
}

fn decode_png(reader: StoppableReader<'_>) -> Result<Pixels, ServiceError> {
    let decoder = PngDecoder::with_limits(reader, decoder_limits());
    decode_any(decoder, Format::Png)
}

fn decode_webp(reader: StoppableReader<'_>) -> Result<Pixels, ServiceError> {
    decode_any(WebPDecoder::new(reader), Format::Webp)
}

/// Decodes with a decoder of the `image` crate.
fn decode_any(
    decoder: Result<impl ImageDecoder, ImageError>,
    format: Format,
) -> Result<Pixels, ServiceError> {
    let image = decoder.and_then(|mut decoder| {
        decoder.set_limits(decoder_limits())?;
        DynamicImage::from_decoder(decoder)
    });
    image.map(from_dynamic).map_err(|error| from_image(&error, format))
}

/// Reduces whatever a decoder gave to eight bits per channel.
fn from_dynamic(image: DynamicImage) -> Pixels {
    let size = Size { width: image.width(), height: image.height() };
    let color = image.color();
    let (channels, data) = match (color.has_color(), color.has_alpha()) {
        (false, false) => (Channels::Gray, image.into_luma8().into_raw()),
        (false, true) => (Channels::GrayAlpha, image.into_luma_alpha8().into_raw()),
        (true, false) => (Channels::Rgb, image.into_rgb8().into_raw()),
        (true, true) => (Channels::RgbAlpha, image.into_rgba8().into_raw()),
    };
    Pixels { size, channels, data }
}

fn decoder_limits() -> Limits {
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(MAX_DECODER_BYTES);
    limits
}

fn from_image(error: &ImageError, format: Format) -> ServiceError {
    match error {
        ImageError::Limits(_) => {
            let message = "decoding the image would take too much memory";
            ServiceError::new(ErrorCode::ImageTooLarge, message).with_parameter("body")
        }
        _ => ServiceError::corrupt(format),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(panic = "unwind")]
    #[test]
    fn a_panic_of_a_decoder_is_a_failure_to_decode() {
        assert_eq!(without_panic(|| 7), Some(7));
        assert_eq!(without_panic(|| -> u8 { panic!("made up for this test") }), None);
    }
}

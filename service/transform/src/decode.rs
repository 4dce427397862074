//! From the bytes of a request to pixels. The size is read from the header and checked first; the
//! pixels are decoded only after the whole pipeline has been found to fit the limits.

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
use crate::stop::{Stop, StoppableReader};

/// An image whose header has been read.
pub(crate) struct Header<'a> {
    pub(crate) size: Size,
    format: Format,
    decoder: Decoder<'a>,
}

enum Decoder<'a> {
    Jpeg(Box<JpegDecoder<StoppableReader<'a>>>),
    Png(Box<PngDecoder<StoppableReader<'a>>>),
    Webp(Box<WebPDecoder<StoppableReader<'a>>>),
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

/// Reads the header and checks the size against the limits.
pub(crate) fn read_header<'a>(
    body: &'a [u8],
    format: Format,
    stop: &'a Stop<'a>,
) -> Result<Header<'a>, ServiceError> {
    let reader = StoppableReader::new(body, stop);
    let (width, height, decoder) = match format {
        Format::Jpeg => open_jpeg(reader).map_err(|_| stop.explain(corrupt(format)))?,
        Format::Png => {
            check_announced_png_size(body)?;
            let mut decoder = PngDecoder::with_limits(reader, decoder_limits())
                .map_err(|error| stop.explain(from_image(&error, format)))?;
            let (width, height) = decoder.dimensions();
            set_limits(&mut decoder, format)?;
            (width, height, Decoder::Png(Box::new(decoder)))
        }
        Format::Webp => {
            let mut decoder = WebPDecoder::new(reader)
                .map_err(|error| stop.explain(from_image(&error, format)))?;
            let (width, height) = decoder.dimensions();
            set_limits(&mut decoder, format)?;
            (width, height, Decoder::Webp(Box::new(decoder)))
        }
    };
    if width == 0 || height == 0 {
        return Err(corrupt(format));
    }
    let size = within_limits(Size { width, height })?;
    Ok(Header { size, format, decoder })
}

impl Header<'_> {
    /// Decodes the pixels.
    pub(crate) fn decode(self, stop: &Stop<'_>) -> Result<Pixels, ServiceError> {
        let Self { size, format, decoder } = self;
        let image = match decoder {
            Decoder::Jpeg(decoder) => {
                return decode_jpeg(*decoder, size).map_err(|_| stop.explain(corrupt(format)));
            }
            Decoder::Png(decoder) => DynamicImage::from_decoder(*decoder),
            Decoder::Webp(decoder) => DynamicImage::from_decoder(*decoder),
        };
        let image = image.map_err(|error| stop.explain(from_image(&error, format)))?;
        Ok(from_dynamic(image, size))
    }
}

fn within_limits(size: Size) -> Result<Size, ServiceError> {
    size.within_limits().map_err(|error| error.with_parameter("body"))
}

/// Checks the size in a PNG's first chunk before the decoder sees it: the decoder refuses what does
/// not fit its address space, which is another size, and another answer, on a 32-bit target.
fn check_announced_png_size(body: &[u8]) -> Result<(), ServiceError> {
    let side =
        |at: usize| body.get(at..)?.first_chunk().map(|bytes: &[u8; 4]| u32::from_be_bytes(*bytes));
    match (body.get(12..16), side(16), side(20)) {
        (Some(b"IHDR"), Some(width), Some(height)) => {
            within_limits(Size { width, height }).map(|_| ())
        }
        // Not where it must be: the decoder will find that, too.
        _ => Ok(()),
    }
}

/// The JPEG decoder of the `image` crate, without the crate in between: that one is lenient, and
/// would answer a truncated photograph with a half gray one.
fn open_jpeg(reader: StoppableReader<'_>) -> Result<(u32, u32, Decoder<'_>), DecodeErrors> {
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
    let output = match decoder.input_colorspace().ok_or_else(missing)? {
        ColorSpace::Luma => ColorSpace::Luma,
        _ => ColorSpace::RGB,
    };
    decoder.set_options(options.jpeg_set_out_colorspace(output));
    Ok((u32::from(info.width), u32::from(info.height), Decoder::Jpeg(Box::new(decoder))))
}

fn decode_jpeg(
    mut decoder: JpegDecoder<StoppableReader<'_>>,
    size: Size,
) -> Result<Pixels, DecodeErrors> {
    let data = decoder.decode()?;
    let channels = match decoder.output_colorspace() {
        Some(ColorSpace::Luma) => Channels::Gray,
        Some(ColorSpace::RGB) => Channels::Rgb,
        _ => return Err(DecodeErrors::FormatStatic("the colours are not gray or RGB")),
    };
    if data.len() != crate::pixels::byte_count(size, channels) {
        return Err(DecodeErrors::FormatStatic("the pixels do not fill the size"));
    }
    Ok(Pixels { size, channels, data })
}

/// Reduces whatever a decoder gave to eight bits per channel.
fn from_dynamic(image: DynamicImage, size: Size) -> Pixels {
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

fn set_limits(decoder: &mut impl ImageDecoder, format: Format) -> Result<(), ServiceError> {
    decoder.set_limits(decoder_limits()).map_err(|error| from_image(&error, format))
}

fn from_image(error: &ImageError, format: Format) -> ServiceError {
    match error {
        ImageError::Limits(_) => {
            let message = "decoding the image would take too much memory";
            ServiceError::new(ErrorCode::ImageTooLarge, message).with_parameter("body")
        }
        _ => corrupt(format),
    }
}

/// What the decoder says is kept out of the message: which of an image's faults a decoder stumbles
/// over first may depend on its code path, and the answer must not.
fn corrupt(format: Format) -> ServiceError {
    let name = match format {
        Format::Jpeg => "JPEG",
        Format::Png => "PNG",
        Format::Webp => "WebP",
    };
    let message = format!("the {name} is truncated or corrupted, or of a kind not supported");
    ServiceError::new(ErrorCode::CorruptImage, message).with_parameter("body")
}

//! From pixels to the bytes of an answer.

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

use crate::alpha::flatten_on_white;
use crate::error::{ErrorCode, ServiceError};
use crate::operation::{Encoding, Size};
use crate::pixels::{Channels, Pixels};
use crate::stop::{Stop, StoppableWriter};
use crate::webp::encode_webp;

/// The longest side that WebP can express, in pixels.
const MAX_WEBP_SIDE_PIXELS: u32 = 16_383;

/// From this quality on, colours keep their full resolution: libjpeg's customary threshold.
const FULL_CHROMA_QUALITY: u8 = 90;

/// Whether an encoding can express an image of this size: asked before the work, not after it.
pub(crate) fn check_encodable(size: Size, encoding: Encoding) -> Result<(), ServiceError> {
    if encoding == Encoding::Webp && size.width.max(size.height) > MAX_WEBP_SIDE_PIXELS {
        let message = format!("WebP ends at {MAX_WEBP_SIDE_PIXELS} pixels a side");
        return Err(
            ServiceError::new(ErrorCode::InvalidParameter, message).with_parameter("encode")
        );
    }
    Ok(())
}

/// The media type of an encoding.
pub(crate) fn content_type(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Jpeg { .. } => "image/jpeg",
        Encoding::Png => "image/png",
        Encoding::Webp => "image/webp",
    }
}

/// Encodes. JPEG has no alpha: the image is laid over white.
pub(crate) fn encode(
    pixels: &Pixels,
    encoding: Encoding,
    stop: &Stop<'_>,
) -> Result<Vec<u8>, ServiceError> {
    stop.check()?;
    let mut writer = StoppableWriter::new(stop);
    let written = match encoding {
        Encoding::Jpeg { quality } => encode_jpeg(pixels, quality, &mut writer),
        Encoding::Png => {
            // Fast is the one level whose compressor is fixed. The others go through flate2, whose
            // backend (and output) another crate of the same build could change.
            let (compression, filter) = (CompressionType::Fast, FilterType::Adaptive);
            write(PngEncoder::new_with_quality(&mut writer, compression, filter), pixels)
        }
        Encoding::Webp => return encode_webp(pixels, stop),
    };
    written.map_err(|detail| {
        let message = format!("encoding failed: {detail}");
        stop.explain(ServiceError::new(ErrorCode::Internal, message))
    })?;
    Ok(writer.into_bytes())
}

fn write(encoder: impl ImageEncoder, pixels: &Pixels) -> Result<(), String> {
    let color = match pixels.channels {
        Channels::Gray => ExtendedColorType::L8,
        Channels::GrayAlpha => ExtendedColorType::La8,
        Channels::Rgb => ExtendedColorType::Rgb8,
        Channels::RgbAlpha => ExtendedColorType::Rgba8,
    };
    let Size { width, height } = pixels.size;
    encoder.write_image(&pixels.data, width, height, color).map_err(|error| error.to_string())
}

/// Through `jpeg-encoder`, whose colour conversion and transform work on integers, unlike those of
/// the `image` crate. Its AVX2 kernels stay off: no other target has their like.
fn encode_jpeg(
    pixels: &Pixels,
    quality: u8,
    writer: &mut StoppableWriter<'_>,
) -> Result<(), String> {
    let flat = flatten_on_white(pixels);
    let color = match flat.channels {
        Channels::Gray => ColorType::Luma,
        _ => ColorType::Rgb,
    };
    let (Ok(width), Ok(height)) = (u16::try_from(flat.size.width), u16::try_from(flat.size.height))
    else {
        return Err("JPEG ends at 65535 pixels a side".to_owned());
    };
    let sampling = if quality < FULL_CHROMA_QUALITY {
        SamplingFactor::R_4_2_0
    } else {
        SamplingFactor::R_4_4_4
    };
    let mut encoder = Encoder::new(writer, quality);
    encoder.set_sampling_factor(sampling);
    encoder.encode(&flat.data, width, height, color).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::{read_header, sniff};
    use crate::operation::Format;
    use crate::pixels::tests::{ALL_CHANNELS, noise};

    #[test]
    fn lossless_encodings_come_back() {
        for channels in ALL_CHANNELS {
            let image = noise(33, 21, channels);
            for (encoding, format) in [(Encoding::Png, Format::Png), (Encoding::Webp, Format::Webp)]
            {
                let stop = Stop::new(&|| false);
                let bytes = encode(&image, encoding, &stop).unwrap();
                assert_eq!(sniff(&bytes), Some(format));
                let decoded = read_header(&bytes, format).unwrap().decode(&stop).unwrap();
                if format == Format::Webp && !matches!(channels, Channels::Rgb | Channels::RgbAlpha)
                {
                    // WebP knows no gray: it comes back as equal colours.
                    assert!(decoded.channels.count() >= 3);
                } else {
                    assert_eq!(decoded, image, "{encoding:?}");
                }
            }
        }
    }

    #[test]
    fn a_jpeg_comes_back_nearly() {
        let mut image = noise(40, 40, Channels::Rgb);
        image.data.iter_mut().enumerate().for_each(|(index, byte)| *byte = (index / 30) as u8);
        let stop = Stop::new(&|| false);
        let bytes = encode(&image, Encoding::Jpeg { quality: 95 }, &stop).unwrap();
        assert_eq!(sniff(&bytes), Some(Format::Jpeg));
        let header = read_header(&bytes, Format::Jpeg).unwrap();
        assert_eq!(header.size, image.size);
        let decoded = header.decode(&stop).unwrap();
        let worst = image.data.iter().zip(&decoded.data).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(worst.unwrap() < 12, "{worst:?}");
    }

    #[test]
    fn a_passed_deadline_ends_the_encoding() {
        let image = noise(10, 10, Channels::Rgb);
        assert!(encode(&image, Encoding::Png, &Stop::new(&|| true)).is_err());
    }

    #[test]
    fn what_webp_cannot_express_is_refused_beforehand() {
        let size = Size { width: MAX_WEBP_SIDE_PIXELS + 1, height: 1 };
        assert!(check_encodable(size, Encoding::Webp).is_err());
        assert!(check_encodable(size, Encoding::Png).is_ok());
    }
}

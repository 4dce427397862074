//! Alpha, in integers. Filters mix the colours of neighbours; mixing premultiplied colours keeps the
//! invisible colour of transparent pixels out of the picture.
//!
//! The resizing library can do this too; here it is because the blur needs it as well, and because a
//! resize in two passes must divide only once.

use crate::pixels::{Channels, Pixels, for_channels};

/// Multiplies the colours of every pixel by its alpha. Does nothing to an image without alpha.
pub(crate) fn premultiply(pixels: &mut Pixels) {
    if pixels.channels.has_alpha() {
        let scale = |color: u32, alpha: u32| divide_255(color * alpha);
        for_channels!(pixels.channels, COUNT => map_colors::<COUNT>(&mut pixels.data, scale));
    }
}

/// Divides the colours of every pixel by its alpha, rounded; fully transparent pixels become black.
pub(crate) fn unpremultiply(pixels: &mut Pixels) {
    if pixels.channels.has_alpha() {
        let unscale = |color: u32, alpha: u32| {
            (color * 255 + alpha / 2).checked_div(alpha).unwrap_or(0).min(255)
        };
        for_channels!(pixels.channels, COUNT => map_colors::<COUNT>(&mut pixels.data, unscale));
    }
}

/// Lays an image over white and drops the alpha: what a format without alpha shows.
pub(crate) fn flatten_on_white(pixels: &Pixels) -> Pixels {
    let channels = match pixels.channels {
        Channels::GrayAlpha => Channels::Gray,
        Channels::RgbAlpha => Channels::Rgb,
        Channels::Gray | Channels::Rgb => return pixels.clone(),
    };
    let mut flat = Pixels::zeroed(pixels.size, channels);
    let colors = channels.count();
    let sources = pixels.data.chunks_exact(colors + 1);
    for (source, target) in sources.zip(flat.data.chunks_exact_mut(colors)) {
        let alpha = u32::from(source[colors]);
        for (&color, target) in source[..colors].iter().zip(target) {
            // At most 255 x 255 in all, so the quotient is a byte.
            *target = divide_255(u32::from(color) * alpha + 255 * (255 - alpha)) as u8;
        }
    }
    flat
}

/// Replaces every colour by `convert(colour, alpha)`; alpha stays.
fn map_colors<const COUNT: usize>(data: &mut [u8], convert: impl Fn(u32, u32) -> u32) {
    for pixel in data.as_chunks_mut::<COUNT>().0 {
        let alpha = u32::from(pixel[COUNT - 1]);
        for color in &mut pixel[..COUNT - 1] {
            // Both conversions give at most 255.
            *color = convert(u32::from(*color), alpha) as u8;
        }
    }
}

/// `value / 255`, rounded to nearest, exact for all products of two bytes.
fn divide_255(value: u32) -> u32 {
    let biased = value + 128;
    (biased + (biased >> 8)) >> 8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pixels::tests::noise;

    #[test]
    fn division_by_255_is_exact() {
        for value in 0..=255 * 255_u32 {
            assert_eq!(divide_255(value), (2 * value + 255) / 510, "{value}");
        }
    }

    #[test]
    fn opaque_pixels_survive_the_round_trip() {
        let mut pixels = noise(17, 5, Channels::RgbAlpha);
        pixels.data.chunks_exact_mut(4).for_each(|pixel| pixel[3] = 255);
        let before = pixels.clone();
        premultiply(&mut pixels);
        unpremultiply(&mut pixels);
        assert_eq!(pixels, before);
    }

    #[test]
    fn half_transparent_colors_survive_within_their_precision() {
        let mut pixels = noise(64, 64, Channels::GrayAlpha);
        let before = pixels.clone();
        premultiply(&mut pixels);
        unpremultiply(&mut pixels);
        for (after, before) in pixels.data.chunks_exact(2).zip(before.data.chunks_exact(2)) {
            assert_eq!(after[1], before[1]);
            let step = 255_u16.div_ceil(u16::from(before[1].max(1)));
            assert!(u16::from(after[0].abs_diff(before[0])) <= step, "{before:?} -> {after:?}");
        }
    }

    #[test]
    fn transparent_pixels_are_flattened_to_white() {
        let mut pixels = noise(3, 3, Channels::RgbAlpha);
        pixels.data.chunks_exact_mut(4).for_each(|pixel| pixel[3] = 0);
        let flat = flatten_on_white(&pixels);
        assert_eq!(flat.channels, Channels::Rgb);
        assert!(flat.data.iter().all(|&byte| byte == 255));
    }
}

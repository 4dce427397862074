//! A lossless WebP encoder: green subtracted, each row predicted from the one above, runs of equal
//! pixels, one prefix code per channel.
//!
//! Why not that of `image-webp`: it limits the lengths of its codes with an unstable sort of tuples
//! that hold a `usize`, so that ties fall differently on 32-bit targets, and so do the bytes.

use crate::error::ServiceError;
use crate::operation::Size;
use crate::pixels::{Channels, Pixels};
use crate::prefix_code::{BitWriter, PrefixCode, write_single};
use crate::stop::Stop;

/// A pixel as red, green, blue, alpha.
type Pixel = [u8; 4];

/// The longest run of equal pixels that one code can stand for.
const MAX_RUN: usize = 4096;

/// The symbols of the green channel: 256 values, and 24 classes of run lengths.
const GREEN_SYMBOLS: usize = 256 + 24;

/// How many pixels (or runs) are written between two looks at the clock.
const POLL_EVERY: usize = 64 * 1024;

/// The header of a file with one lossless image: two names with a size each, and a third between.
const CONTAINER_BYTES: usize = 20;

/// Encodes an image whose sides WebP can express (at most 16383 pixels; the plan has checked that).
pub(crate) fn encode_webp(pixels: &Pixels, stop: &Stop<'_>) -> Result<Vec<u8>, ServiceError> {
    let mut bits = BitWriter::default();
    write_header(&mut bits, pixels.size, pixels.channels.has_alpha());
    let mut residuals = expand(pixels);
    subtract_green(&mut residuals);
    stop.check()?;
    subtract_prediction(&mut residuals, pixels.size.width as usize);
    stop.check()?;
    write_image(&mut bits, &residuals, stop)?;
    Ok(wrap(&bits.into_bytes()))
}

/// The signature, the size, and which transforms a decoder has to undo.
fn write_header(bits: &mut BitWriter, size: Size, has_alpha: bool) {
    bits.write(0x2f, 8);
    bits.write(size.width - 1, 14);
    bits.write(size.height - 1, 14);
    bits.write(u32::from(has_alpha), 1);
    bits.write(0, 3); // version
    bits.write(0b101, 3); // a transform follows: subtract green
    bits.write(0b11_1001, 6); // a transform follows: prediction, in blocks of 512 pixels
    bits.write(0, 1); // the image of block modes has no colour cache
    write_single(bits, 2); // every block: the pixel above
    for _red_blue_alpha_distance in 0..4 {
        write_single(bits, 0);
    }
    bits.write(0, 1); // no more transforms
    bits.write(0, 1); // no colour cache
    bits.write(0, 1); // one set of codes for the whole image
}

fn expand(pixels: &Pixels) -> Vec<Pixel> {
    let data = &pixels.data;
    match pixels.channels {
        Channels::Gray => data.iter().map(|&gray| [gray, gray, gray, 255]).collect(),
        Channels::GrayAlpha => {
            data.as_chunks().0.iter().map(|&[gray, alpha]| [gray, gray, gray, alpha]).collect()
        }
        Channels::Rgb => {
            data.as_chunks().0.iter().map(|&[red, green, blue]| [red, green, blue, 255]).collect()
        }
        Channels::RgbAlpha => data.as_chunks().0.to_vec(),
    }
}

fn subtract_green(pixels: &mut [Pixel]) {
    for [red, green, blue, _] in pixels {
        *red = red.wrapping_sub(*green);
        *blue = blue.wrapping_sub(*green);
    }
}

/// Leaves of each pixel the difference to its prediction: the pixel above, in the first row the pixel
/// on the left, and for the very first one opaque black.
fn subtract_prediction(pixels: &mut [Pixel], width: usize) {
    let subtract = |pixel: &mut Pixel, prediction: Pixel| {
        for (value, predicted) in pixel.iter_mut().zip(prediction) {
            *value = value.wrapping_sub(predicted);
        }
    };
    // Backwards, so that predictions are still whole pixels.
    for start in (width..pixels.len()).step_by(width).rev() {
        let (above, row) = pixels[start - width..start + width].split_at_mut(width);
        row.iter_mut().zip(above).for_each(|(pixel, above)| subtract(pixel, *above));
    }
    for x in (1..width).rev() {
        let left = pixels[x - 1];
        subtract(&mut pixels[x], left);
    }
    subtract(&mut pixels[0], [0, 0, 0, 255]);
}

/// A pixel and how often it is repeated after that.
struct Runs<'a> {
    rest: &'a [Pixel],
}

impl Iterator for Runs<'_> {
    type Item = (Pixel, usize);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let (&pixel, rest) = self.rest.split_first()?;
        let run = rest.iter().take(MAX_RUN).take_while(|next| **next == pixel).count();
        self.rest = &rest[run..];
        Some((pixel, run))
    }
}

/// The class of a run length (its symbol behind the 256 values of green), and the extra bits that
/// tell the length within the class.
fn run_class(run: usize) -> (usize, u32, u32) {
    let value = run as u32 - 1; // at most MAX_RUN
    if value < 4 {
        return (256 + value as usize, 0, 0);
    }
    let highest_bit = value.ilog2();
    let extra_count = highest_bit - 1;
    let class = 2 * highest_bit + ((value >> extra_count) & 1);
    (256 + class as usize, value & ((1 << extra_count) - 1), extra_count)
}

fn write_image(
    bits: &mut BitWriter,
    residuals: &[Pixel],
    stop: &Stop<'_>,
) -> Result<(), ServiceError> {
    let mut frequencies = [vec![0; 256], vec![0; GREEN_SYMBOLS], vec![0; 256], vec![0; 256]];
    for (pixel, run) in (Runs { rest: residuals }) {
        for (frequencies, value) in frequencies.iter_mut().zip(pixel) {
            frequencies[usize::from(value)] += 1;
        }
        if run > 0 {
            frequencies[1][run_class(run).0] += 1;
        }
    }
    // In the order of the format: green with the runs, red, blue, alpha, distance.
    let [red, green, blue, alpha] = frequencies;
    let green = PrefixCode::write_new(bits, &green);
    let red = PrefixCode::write_new(bits, &red);
    let blue = PrefixCode::write_new(bits, &blue);
    let alpha = PrefixCode::write_new(bits, &alpha);
    write_single(bits, 1); // every distance: the pixel on the left
    for (index, (pixel, run)) in (Runs { rest: residuals }).enumerate() {
        if index % POLL_EVERY == 0 {
            stop.check()?;
        }
        green.write(bits, usize::from(pixel[1]));
        red.write(bits, usize::from(pixel[0]));
        blue.write(bits, usize::from(pixel[2]));
        alpha.write(bits, usize::from(pixel[3]));
        if run > 0 {
            let (symbol, extra, extra_count) = run_class(run);
            green.write(bits, symbol);
            bits.write(extra, extra_count);
        }
    }
    Ok(())
}

/// Puts the container round the image. A chunk has an even length: the padding is not in its size.
fn wrap(image: &[u8]) -> Vec<u8> {
    let padded = image.len().next_multiple_of(2);
    let mut file = Vec::with_capacity(CONTAINER_BYTES + padded);
    file.extend_from_slice(b"RIFF");
    // At most 160 MB of pixels and no code longer than 15 bits: both sizes fit.
    file.extend_from_slice(&((padded + CONTAINER_BYTES - 8) as u32).to_le_bytes());
    file.extend_from_slice(b"WEBPVP8L");
    file.extend_from_slice(&(image.len() as u32).to_le_bytes());
    file.extend_from_slice(image);
    file.resize(CONTAINER_BYTES + padded, 0);
    file
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::decode::read_header;
    use crate::operation::Format;
    use crate::pixels::tests::{ALL_CHANNELS, noise};

    /// Decodes with the `image` crate and compares, in the channels that WebP knows.
    fn comes_back(pixels: &Pixels) -> bool {
        let stop = Stop::new(&|| false);
        let bytes = encode_webp(pixels, &stop).unwrap();
        let decoded = read_header(&bytes, Format::Webp).unwrap().decode(&stop).unwrap();
        let expected: Vec<u8> = expand(pixels)
            .iter()
            .flat_map(|pixel| pixel[..decoded.channels.count()].to_vec())
            .collect();
        decoded.size == pixels.size && decoded.data == expected
    }

    #[test]
    fn plain_images_and_long_runs_come_back() {
        for channels in ALL_CHANNELS {
            for (width, height) in [(1, 1), (2, 1), (1, 9), (16_383, 1), (1, 16_383), (600, 20)] {
                let mut plain = noise(width, height, channels);
                plain.data.fill(77);
                assert!(comes_back(&plain), "{channels:?} {width}x{height}");
            }
        }
    }

    #[test]
    fn skewed_values_come_back() {
        // One value in 2^k is k: codes would grow past their limit.
        let mut skewed = noise(1000, 700, Channels::Gray);
        let mut level = 0_u8;
        for (index, byte) in (1_usize..).zip(&mut skewed.data) {
            // Under 20: the image has fewer than 2^20 pixels.
            level = level.wrapping_add(index.trailing_zeros() as u8);
            *byte = level;
        }
        assert!(comes_back(&skewed));
    }

    proptest! {
        #[test]
        fn any_image_comes_back(
            width in 1_u32..60,
            height in 1_u32..60,
            layout in 0_usize..4,
            levels in 1_u8..=255,
        ) {
            let mut image = noise(width, height, ALL_CHANNELS[layout]);
            // Few levels make runs, many make full codes.
            image.data.iter_mut().for_each(|byte| *byte %= levels);
            prop_assert!(comes_back(&image));
        }

        #[test]
        fn run_classes_tell_the_length(run in 1_usize..=MAX_RUN) {
            let (symbol, extra, extra_count) = run_class(run);
            let class = symbol as u32 - 256;
            prop_assert!(class < 24);
            // The decoder's side, as the specification has it.
            let length = if class < 4 {
                class + 1
            } else {
                prop_assert_eq!(extra_count, (class - 2) >> 1);
                ((2 + (class & 1)) << extra_count) + extra + 1
            };
            prop_assert_eq!(length as usize, run);
        }
    }
}

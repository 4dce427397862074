//! Gaussian blur and the unsharp mask over it, in fixed point: the same bytes on every target.
//!
//! The blur is separable. Rows are blurred into a ring of sixteen-bit rows, and each output row is
//! the weighted sum of the rows in the ring, so that memory grows with the radius and not with the
//! image. Pixels beyond the edge count as the edge.

use crate::alpha::{premultiply, unpremultiply};
use crate::error::ServiceError;
use crate::kernels::{SUM_BITS, mix_columns, mix_rows};
use crate::pixels::{Channels, Pixels};
use crate::stop::Stop;

/// The standard deviation of the blur under an unsharp mask, in thousandths of a pixel.
const SHARPEN_SIGMA_MILLI: u32 = 1_000;

/// How many rows are blurred between two looks at the clock.
const POLL_EVERY_ROWS: usize = 16;

/// Blurs with a Gaussian of the given standard deviation, in thousandths of a pixel.
pub(crate) fn blur(
    mut pixels: Pixels,
    sigma_milli: u32,
    stop: &Stop<'_>,
) -> Result<Pixels, ServiceError> {
    premultiply(&mut pixels);
    let mut blurred = blur_channels(&pixels, sigma_milli, stop)?;
    unpremultiply(&mut blurred);
    Ok(blurred)
}

/// Adds `amount_milli` thousandths of the difference between the image and its blur.
pub(crate) fn sharpen(
    mut pixels: Pixels,
    amount_milli: u32,
    stop: &Stop<'_>,
) -> Result<Pixels, ServiceError> {
    premultiply(&mut pixels);
    let blurred = blur_channels(&pixels, SHARPEN_SIGMA_MILLI, stop)?;
    // At most 10 x 256: the products below stay far inside 32 bits.
    let amount = (amount_milli * 256).div_ceil(1000) as i32;
    let count = pixels.channels.count();
    let color_count = if pixels.channels.has_alpha() { count - 1 } else { count };
    for (sharp, soft) in pixels.data.chunks_exact_mut(count).zip(blurred.data.chunks_exact(count)) {
        // Alpha keeps its shape: only colours are sharpened, and none beyond its alpha.
        let limit = if color_count < count { i32::from(sharp[color_count]) } else { 255 };
        for (sharp, &soft) in sharp[..color_count].iter_mut().zip(soft) {
            let value = i32::from(*sharp);
            let difference = ((value - i32::from(soft)) * amount + 128) >> 8;
            // Clamped to 0..=255, so it is a byte.
            *sharp = (value + difference).clamp(0, limit) as u8;
        }
    }
    unpremultiply(&mut pixels);
    Ok(pixels)
}

fn blur_channels(
    pixels: &Pixels,
    sigma_milli: u32,
    stop: &Stop<'_>,
) -> Result<Pixels, ServiceError> {
    let weights = gaussian(sigma_milli);
    let radius = weights.len() / 2;
    let row_bytes = pixels.row_bytes();
    let last_row = pixels.size.height as usize - 1;
    let mut blurred = Pixels::zeroed(pixels.size, pixels.channels);
    let mut padded = vec![0; row_bytes + 2 * radius * pixels.channels.count()];
    // Of all rows that an output row needs, no two may share a place.
    let places = weights.len().min(last_row + 1);
    let mut ring = vec![0_u16; places * row_bytes];
    let mut next_row = 0;
    let mut starts = Vec::with_capacity(weights.len());

    for (y, target) in blurred.data.chunks_exact_mut(row_bytes).enumerate() {
        if y % POLL_EVERY_ROWS == 0 {
            stop.check()?;
        }
        while next_row <= (y + radius).min(last_row) {
            let source = &pixels.data[next_row * row_bytes..][..row_bytes];
            pad(source, pixels.channels, &mut padded);
            let place = &mut ring[next_row % places * row_bytes..][..row_bytes];
            mix_columns(&padded, pixels.channels.count(), &weights, place);
            next_row += 1;
        }
        starts.clear();
        starts.extend((0..weights.len()).map(|tap| {
            let row = (y + tap).saturating_sub(radius).min(last_row);
            row % places * row_bytes
        }));
        mix_rows(&ring, &starts, &weights, target);
    }
    Ok(blurred)
}

/// Copies a row between `radius` copies of its first and of its last pixel.
fn pad(row: &[u8], channels: Channels, padded: &mut [u8]) {
    let count = channels.count();
    let margin = (padded.len() - row.len()) / 2;
    let (left, rest) = padded.split_at_mut(margin);
    let (middle, right) = rest.split_at_mut(row.len());
    middle.copy_from_slice(row);
    left.chunks_exact_mut(count).for_each(|pixel| pixel.copy_from_slice(&row[..count]));
    let last = &row[row.len() - count..];
    right.chunks_exact_mut(count).for_each(|pixel| pixel.copy_from_slice(last));
}

/// The weights of a Gaussian out to three standard deviations; they add up to 2^[`SUM_BITS`].
fn gaussian(sigma_milli: u32) -> Vec<u16> {
    let sigma = f64::from(sigma_milli) / 1000.0;
    let radius = (3 * sigma_milli).div_ceil(1000) as i32;
    // `libm`, not the platform: the last bit of an exponential differs between platforms.
    let density = |x: i32| libm::exp(-f64::from(x * x) / (2.0 * sigma * sigma));
    let densities: Vec<f64> = (-radius..=radius).map(density).collect();
    let total: f64 = densities.iter().sum();
    let unit = f64::from(1_u32 << SUM_BITS);
    // Each is at most 2^14, so it fits.
    let floored = |density: &f64| (density / total * unit) as u16;
    let mut weights: Vec<u16> = densities.iter().map(floored).collect();
    let sum: u32 = weights.iter().map(|&weight| u32::from(weight)).sum();
    spread(&mut weights, (1 << SUM_BITS) - sum);
    weights
}

/// Hands out what rounding down has left over (less than one per weight) from the middle outwards,
/// so that the weights stay symmetric and falling.
fn spread(weights: &mut [u16], missing: u32) {
    let middle = weights.len() / 2;
    let in_the_middle = if missing.is_multiple_of(2) { missing.min(2) } else { 1 };
    // At most 2.
    weights[middle] += in_the_middle as u16;
    for distance in 1..=((missing - in_the_middle) / 2) as usize {
        weights[middle - distance] += 1;
        weights[middle + distance] += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{MAX_SHARPEN_AMOUNT_MILLI, MAX_SIGMA_MILLI};
    use crate::operation::Size;
    use crate::pixels::tests::{ALL_CHANNELS, noise};

    #[test]
    fn the_weights_add_up_and_fall_from_the_middle() {
        for sigma_milli in [1, 100, 333, 1_000, 2_500, 17_001, MAX_SIGMA_MILLI] {
            let weights = gaussian(sigma_milli);
            let sum: u32 = weights.iter().map(|&weight| u32::from(weight)).sum();
            assert_eq!(sum, 1 << SUM_BITS, "{sigma_milli}");
            assert_eq!(weights.len() % 2, 1);
            let middle = weights.len() / 2;
            assert!(weights[..=middle].is_sorted(), "{sigma_milli}: {weights:?}");
            assert!(weights.iter().eq(weights.iter().rev()), "{sigma_milli}");
        }
    }

    #[test]
    fn a_plain_image_stays_plain_even_when_smaller_than_the_radius() {
        for channels in ALL_CHANNELS {
            for (width, height) in [(1, 1), (3, 40), (33, 2)] {
                let mut plain = noise(width, height, channels);
                plain.data.fill(201);
                if channels.has_alpha() {
                    // Colours under less than full alpha come back only nearly.
                    let count = channels.count();
                    plain.data.chunks_exact_mut(count).for_each(|pixel| pixel[count - 1] = 255);
                }
                let stop = Stop::new(&|| false);
                assert_eq!(blur(plain.clone(), 9_000, &stop).unwrap(), plain);
                assert_eq!(sharpen(plain.clone(), 3_000, &stop).unwrap(), plain);
            }
        }
    }

    #[test]
    fn the_ring_gives_what_the_definition_says() {
        let image = noise(9, 23, Channels::Gray);
        let sigma_milli = 1_700;
        let weights = gaussian(sigma_milli);
        let radius = (weights.len() / 2) as i64;
        let at = |x: i64, y: i64| {
            let (x, y) = (x.clamp(0, 8) as usize, y.clamp(0, 22) as usize);
            u32::from(image.data[y * 9 + x])
        };
        let weighted = |value_at: &dyn Fn(i64) -> u32| -> u32 {
            (-radius..=radius).zip(&weights).map(|(k, &w)| value_at(k) * u32::from(w)).sum()
        };
        let row = |x: i64, y: i64| (weighted(&|k| at(x + k, y)) + 32) >> 6;
        let blurred = blur(image.clone(), sigma_milli, &Stop::new(&|| false)).unwrap();
        for y in 0..23 {
            for x in 0..9 {
                let sum = weighted(&|k| row(x, (y + k).clamp(0, 22)));
                let expected = (sum + (1 << 21)) >> 22;
                assert_eq!(u32::from(blurred.data[(y * 9 + x) as usize]), expected, "{x},{y}");
            }
        }
    }

    #[test]
    fn sharpening_widens_an_edge_and_never_overflows() {
        let mut image = Pixels::zeroed(Size { width: 20, height: 1 }, Channels::Gray);
        image.data[10..].fill(200);
        image.data[..10].fill(100);
        let stop = Stop::new(&|| false);
        let sharp = sharpen(image, MAX_SHARPEN_AMOUNT_MILLI, &stop).unwrap();
        assert_eq!((sharp.data[0], sharp.data[19]), (100, 200));
        assert_eq!((sharp.data[9], sharp.data[10]), (0, 255));
    }

    #[test]
    fn a_passed_deadline_ends_the_blur() {
        let image = noise(10, 10, Channels::Rgb);
        assert!(blur(image, 1_000, &Stop::new(&|| true)).is_err());
    }
}

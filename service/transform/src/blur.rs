//! Gaussian blur and the unsharp mask over it, in fixed point: the same bytes on every target.
//!
//! The blur is separable. Rows are blurred, two at a time, into a ring of sixteen-bit rows, and
//! each output row is the weighted sum of the rows in the ring, so that memory grows with the
//! radius and not with the image. Pixels beyond the edge count as the edge.

use crate::alpha::{premultiply, unpremultiply};
use crate::error::ServiceError;
use crate::kernels::{BLOCK, Pair, SUM_BITS, Tap, mix_columns, mix_rows, pair_neighbours};
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
    let last_row = pixels.size.height as usize - 1;
    let mut blurred = Pixels::zeroed(pixels.size, pixels.channels);
    let mut columns = Columns::new(pixels, &weights);
    let mut ring = Ring::new(pixels, radius);
    let mut next_pair = 0;

    for (y, target) in blurred.data.chunks_exact_mut(pixels.row_bytes()).enumerate() {
        if y % POLL_EVERY_ROWS == 0 {
            stop.check()?;
        }
        while 2 * next_pair <= (y + radius).min(last_row) {
            let rows = [2 * next_pair, (2 * next_pair + 1).min(last_row)];
            columns.mix(pixels, rows, ring.pair_mut(next_pair));
            next_pair += 1;
        }
        ring.choose(y, last_row, &weights);
        mix_rows(&ring.rows, &ring.taps, target);
    }
    Ok(blurred)
}

/// What rows are blurred with, two at a time.
struct Columns {
    channels: Channels,
    /// How far the margin on either side of a row goes, in bytes.
    margin: usize,
    /// A row with its margins, and behind them what fills the last block.
    padded: Vec<u8>,
    /// Both rows, each value beside its neighbour.
    neighbours: [Vec<Pair>; 2],
    taps: Vec<Tap>,
}

impl Columns {
    fn new(pixels: &Pixels, weights: &[u16]) -> Self {
        let count = pixels.channels.count();
        let margin = weights.len() / 2 * count;
        let pairs = pixels.row_bytes().next_multiple_of(BLOCK) + 2 * margin;
        let tap = |(index, pair): (usize, &[u16])| Tap {
            start: 2 * index * count,
            // The last weight has no neighbour. Each is at most 2^14.
            weights: [pair[0] as i16, pair.get(1).map_or(0, |&weight| weight as i16)],
        };
        Self {
            channels: pixels.channels,
            margin,
            padded: vec![0; pairs + count],
            neighbours: [vec![[0; 2]; pairs], vec![[0; 2]; pairs]],
            taps: weights.chunks(2).enumerate().map(tap).collect(),
        }
    }

    fn mix(&mut self, pixels: &Pixels, rows: [usize; 2], target: &mut [Pair]) {
        let row_bytes = pixels.row_bytes();
        for (row, neighbours) in rows.into_iter().zip(&mut self.neighbours) {
            let source = &pixels.data[row * row_bytes..][..row_bytes];
            pad(source, self.channels, &mut self.padded[..row_bytes + 2 * self.margin]);
            pair_neighbours(&self.padded, self.channels.count(), neighbours);
        }
        mix_columns(&self.neighbours[0], &self.neighbours[1], &self.taps, target);
    }
}

/// The blurred rows that an output row may need, two by two: an even row and the next.
struct Ring {
    rows: Vec<Pair>,
    /// Of the pairs of rows that an output row needs, no two may share a place.
    places: usize,
    /// From one pair of rows to the next: whole blocks.
    stride: usize,
    /// Which pairs of rows the next output row is mixed of.
    taps: Vec<Tap>,
}

impl Ring {
    fn new(pixels: &Pixels, radius: usize) -> Self {
        let places = (radius + 1).min((pixels.size.height as usize).div_ceil(2));
        let stride = pixels.row_bytes().next_multiple_of(BLOCK);
        let rows = vec![[0; 2]; places * stride];
        Self { rows, places, stride, taps: Vec::with_capacity(places) }
    }

    fn start(&self, pair: usize) -> usize {
        pair % self.places * self.stride
    }

    fn pair_mut(&mut self, pair: usize) -> &mut [Pair] {
        let start = self.start(pair);
        &mut self.rows[start..][..self.stride]
    }

    /// Chooses the rows round `y`. What is weighted beyond an edge is added to the row at the edge.
    fn choose(&mut self, y: usize, last_row: usize, weights: &[u16]) {
        let radius = weights.len() / 2;
        let first_pair = y.saturating_sub(radius) / 2;
        let last_pair = (y + radius).min(last_row) / 2;
        self.taps.clear();
        for pair in first_pair..=last_pair {
            self.taps.push(Tap { start: self.start(pair), weights: [0; 2] });
        }
        for (index, &weight) in weights.iter().enumerate() {
            let row = (y + index).saturating_sub(radius).min(last_row);
            // All weights together are 2^14.
            self.taps[row / 2 - first_pair].weights[row % 2] += weight as i16;
        }
    }
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

    /// A blurred value as the definition has it: each neighbour by itself, rows and then columns.
    fn defined(image: &Pixels, weights: &[u16], row: usize, byte: usize) -> u8 {
        let radius = weights.len() / 2;
        let count = image.channels.count();
        let inside = |at: usize, side: u32| at.saturating_sub(radius).min(side as usize - 1);
        let weighted = |value_at: &dyn Fn(usize) -> u32| -> u32 {
            (0..).zip(weights).map(|(tap, &weight)| value_at(tap) * u32::from(weight)).sum()
        };
        let in_row = |row: usize| {
            let value = |tap| {
                let column = inside(byte / count + tap, image.size.width);
                u32::from(image.data[row * image.row_bytes() + column * count + byte % count])
            };
            (weighted(&value) + 32) >> 6
        };
        let sum = weighted(&|tap| in_row(inside(row + tap, image.size.height)));
        ((sum + (1 << 21)) >> 22) as u8
    }

    fn assert_blurred_as_defined(image: &Pixels, sigma_milli: u32) {
        let weights = gaussian(sigma_milli);
        let blurred = blur(image.clone(), sigma_milli, &Stop::new(&|| false)).unwrap();
        for (y, row) in blurred.data.chunks(image.row_bytes()).enumerate() {
            let expected: Vec<u8> =
                (0..row.len()).map(|byte| defined(image, &weights, y, byte)).collect();
            assert_eq!(row, expected, "{:?}, {sigma_milli}: row {y}", image.size);
        }
    }

    #[test]
    fn the_ring_gives_what_the_definition_says() {
        for channels in [Channels::Gray, Channels::Rgb] {
            for (width, height) in [(9, 23), (9, 24), (1, 1), (2, 9), (40, 2), (33, 5)] {
                let image = noise(width, height, channels);
                for sigma_milli in [1, 333, 1_700, 9_000] {
                    assert_blurred_as_defined(&image, sigma_milli);
                }
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

//! Operations that move pixels without mixing them: crop, rotate, flip.

use crate::operation::{Axis, Rotation, Size};
use crate::pixels::{Pixels, for_channels};

/// The side of the square tiles in which a rotation walks through both images, in pixels: rows of one
/// are columns of the other, and a tile of both fits the first-level cache.
const TILE: usize = 32;

/// Cuts out a rectangle. The plan has checked that it lies inside.
pub(crate) fn crop(pixels: &Pixels, x: u32, y: u32, size: Size) -> Pixels {
    let mut cut = Pixels::zeroed(size, pixels.channels);
    let (source_row, target_row) = (pixels.row_bytes(), cut.row_bytes());
    let start = x as usize * pixels.channels.count();
    let rows = pixels.data.chunks_exact(source_row).skip(y as usize);
    for (source, target) in rows.zip(cut.data.chunks_exact_mut(target_row)) {
        target.copy_from_slice(&source[start..start + target_row]);
    }
    cut
}

/// Turns the image clockwise.
pub(crate) fn rotate(pixels: Pixels, rotation: Rotation) -> Pixels {
    match rotation {
        Rotation::Half => {
            let mut pixels = pixels;
            for_channels!(pixels.channels, COUNT => {
                pixels.data.as_chunks_mut::<COUNT>().0.reverse();
            });
            pixels
        }
        Rotation::Quarter | Rotation::ThreeQuarters => {
            let size = Size { width: pixels.size.height, height: pixels.size.width };
            let mut turned = Pixels::zeroed(size, pixels.channels);
            for_channels!(pixels.channels, COUNT => {
                turn::<COUNT>(&pixels, &mut turned, rotation == Rotation::Quarter);
            });
            turned
        }
    }
}

/// A quarter turn, clockwise or not, tile by tile.
fn turn<const COUNT: usize>(source: &Pixels, target: &mut Pixels, clockwise: bool) {
    let (width, height) = (source.size.width as usize, source.size.height as usize);
    let from = source.data.as_chunks::<COUNT>().0;
    let to = target.data.as_chunks_mut::<COUNT>().0;
    for top in (0..height).step_by(TILE) {
        for left in (0..width).step_by(TILE) {
            for x in left..(left + TILE).min(width) {
                let row = if clockwise { x } else { width - 1 - x } * height;
                for y in top..(top + TILE).min(height) {
                    let column = if clockwise { height - 1 - y } else { y };
                    to[row + column] = from[y * width + x];
                }
            }
        }
    }
}

/// Mirrors the image.
pub(crate) fn flip(mut pixels: Pixels, axis: Axis) -> Pixels {
    let row_bytes = pixels.row_bytes();
    match axis {
        Axis::Horizontal => {
            for row in pixels.data.chunks_exact_mut(row_bytes) {
                for_channels!(pixels.channels, COUNT => row.as_chunks_mut::<COUNT>().0.reverse());
            }
        }
        Axis::Vertical => {
            let half = pixels.size.height as usize / 2 * row_bytes;
            let (upper, lower) = pixels.data.split_at_mut(half);
            let lower = lower.rchunks_exact_mut(row_bytes);
            for (upper, lower) in upper.chunks_exact_mut(row_bytes).zip(lower) {
                upper.swap_with_slice(lower);
            }
        }
    }
    pixels
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::pixels::Channels;
    use crate::pixels::tests::{ALL_CHANNELS, noise};

    fn gray(width: u32, height: u32, data: &[u8]) -> Pixels {
        let size = Size { width, height };
        Pixels { size, channels: Channels::Gray, data: data.to_vec() }
    }

    #[test]
    fn a_quarter_turn_is_clockwise() {
        let turned = rotate(gray(3, 2, &[1, 2, 3, 4, 5, 6]), Rotation::Quarter);
        assert_eq!(turned, gray(2, 3, &[4, 1, 5, 2, 6, 3]));
        let turned = rotate(gray(3, 2, &[1, 2, 3, 4, 5, 6]), Rotation::ThreeQuarters);
        assert_eq!(turned, gray(2, 3, &[3, 6, 2, 5, 1, 4]));
    }

    #[test]
    fn a_crop_cuts_out_the_rectangle() {
        let image = gray(3, 3, &[1, 2, 3, 4, 5, 6, 7, 8, 9]);
        assert_eq!(crop(&image, 1, 1, Size { width: 2, height: 2 }), gray(2, 2, &[5, 6, 8, 9]));
    }

    #[test]
    fn flips_mirror() {
        let image = gray(3, 3, &[1, 2, 3, 4, 5, 6, 7, 8, 9]);
        let mirrored = flip(image.clone(), Axis::Horizontal);
        assert_eq!(mirrored, gray(3, 3, &[3, 2, 1, 6, 5, 4, 9, 8, 7]));
        let mirrored = flip(image, Axis::Vertical);
        assert_eq!(mirrored, gray(3, 3, &[7, 8, 9, 4, 5, 6, 1, 2, 3]));
    }

    proptest! {
        #[test]
        fn turns_and_flips_come_back(width in 1_u32..80, height in 1_u32..80, layout in 0_usize..4) {
            let image = noise(width, height, ALL_CHANNELS[layout]);
            let quarter = |image| rotate(image, Rotation::Quarter);
            let half = quarter(quarter(image.clone()));
            prop_assert_eq!(&half, &rotate(image.clone(), Rotation::Half));
            prop_assert_eq!(&quarter(half.clone()), &rotate(image.clone(), Rotation::ThreeQuarters));
            prop_assert_eq!(&quarter(quarter(half)), &image);
            for axis in [Axis::Horizontal, Axis::Vertical] {
                prop_assert_eq!(&flip(flip(image.clone(), axis), axis), &image);
            }
            let both = flip(flip(image.clone(), Axis::Horizontal), Axis::Vertical);
            prop_assert_eq!(both, rotate(image, Rotation::Half));
        }
    }
}

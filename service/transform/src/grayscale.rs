//! Grayscale: one luma channel, Rec. 601 weights in sixteen-bit fixed point.

use crate::pixels::{Channels, Pixels};

/// The weights of red, green and blue; they add up to 2^16.
const WEIGHTS: [u32; 3] = [19_595, 38_470, 7_471];

/// Replaces colours by their luma and keeps alpha. A gray image is returned as it is.
pub(crate) fn grayscale(pixels: Pixels) -> Pixels {
    match pixels.channels {
        Channels::Gray | Channels::GrayAlpha => pixels,
        Channels::Rgb => {
            let luma_of = |pixel: &[u8; 3]| [luma(pixel[0], pixel[1], pixel[2])];
            let data = pixels.data.as_chunks::<3>().0.iter().flat_map(luma_of).collect();
            Pixels { size: pixels.size, channels: Channels::Gray, data }
        }
        Channels::RgbAlpha => {
            let luma_of = |pixel: &[u8; 4]| [luma(pixel[0], pixel[1], pixel[2]), pixel[3]];
            let data = pixels.data.as_chunks::<4>().0.iter().flat_map(luma_of).collect();
            Pixels { size: pixels.size, channels: Channels::GrayAlpha, data }
        }
    }
}

fn luma(red: u8, green: u8, blue: u8) -> u8 {
    let [red_weight, green_weight, blue_weight] = WEIGHTS;
    let weighted = red_weight * u32::from(red)
        + green_weight * u32::from(green)
        + blue_weight * u32::from(blue);
    // The weights add up to 2^16, so the rounded quotient is at most 255.
    ((weighted + (1 << 15)) >> 16) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::Size;
    use crate::pixels::tests::noise;

    #[test]
    fn gray_stays_gray_and_the_weights_are_complete() {
        for value in 0..=255 {
            assert_eq!(luma(value, value, value), value);
        }
        assert_eq!(WEIGHTS.iter().sum::<u32>(), 1 << 16);
    }

    #[test]
    fn alpha_is_kept() {
        let gray = grayscale(Pixels {
            size: Size { width: 1, height: 1 },
            channels: Channels::RgbAlpha,
            data: vec![255, 0, 0, 7],
        });
        assert_eq!(gray.data, [76, 7]);
    }

    #[test]
    fn a_second_pass_changes_nothing() {
        let once = grayscale(noise(13, 7, Channels::Rgb));
        assert_eq!(grayscale(once.clone()), once);
    }
}

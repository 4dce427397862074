//! An image in memory: eight bits per channel, rows one after another without padding.

use crate::operation::Size;

/// How many channels a pixel has, and which. Alpha is straight (not multiplied into the colours).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Channels {
    Gray,
    GrayAlpha,
    Rgb,
    RgbAlpha,
}

impl Channels {
    /// The bytes of one pixel.
    pub(crate) const fn count(self) -> usize {
        match self {
            Self::Gray => 1,
            Self::GrayAlpha => 2,
            Self::Rgb => 3,
            Self::RgbAlpha => 4,
        }
    }

    /// Whether the last channel is alpha.
    pub(crate) const fn has_alpha(self) -> bool {
        matches!(self, Self::GrayAlpha | Self::RgbAlpha)
    }
}

/// An image: `data` holds `size.pixels() * channels.count()` bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pixels {
    pub(crate) size: Size,
    pub(crate) channels: Channels,
    pub(crate) data: Vec<u8>,
}

impl Pixels {
    /// A black (and, where there is alpha, transparent) image.
    pub(crate) fn zeroed(size: Size, channels: Channels) -> Self {
        let data = vec![0; byte_count(size, channels)];
        Self { size, channels, data }
    }

    /// The bytes of one row.
    pub(crate) fn row_bytes(&self) -> usize {
        self.size.width as usize * self.channels.count()
    }
}

/// The bytes of an image. The limits keep this under 160 MB, so it fits every target.
pub(crate) fn byte_count(size: Size, channels: Channels) -> usize {
    size.width as usize * size.height as usize * channels.count()
}

/// Runs an expression with a constant that holds the number of channels, so that the compiler makes
/// one version of a kernel per pixel layout.
macro_rules! for_channels {
    ($channels:expr, $count:ident => $body:expr) => {
        match $channels {
            $crate::pixels::Channels::Gray => {
                const $count: usize = 1;
                $body
            }
            $crate::pixels::Channels::GrayAlpha => {
                const $count: usize = 2;
                $body
            }
            $crate::pixels::Channels::Rgb => {
                const $count: usize = 3;
                $body
            }
            $crate::pixels::Channels::RgbAlpha => {
                const $count: usize = 4;
                $body
            }
        }
    };
}
pub(crate) use for_channels;

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A reproducible image of noise: a linear congruential generator, no two rows alike.
    pub(crate) fn noise(width: u32, height: u32, channels: Channels) -> Pixels {
        let mut pixels = Pixels::zeroed(Size { width, height }, channels);
        let mut state = width.wrapping_mul(31).wrapping_add(height);
        for byte in &mut pixels.data {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *byte = (state >> 24) as u8;
        }
        pixels
    }

    pub(crate) const ALL_CHANNELS: [Channels; 4] =
        [Channels::Gray, Channels::GrayAlpha, Channels::Rgb, Channels::RgbAlpha];
}

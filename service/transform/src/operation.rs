//! The operations of a pipeline, and the size of the image that each leaves behind.

use crate::error::{ErrorCode, ServiceError};
use crate::limits::{MAX_PIXELS, MAX_SIDE_PIXELS};

/// The size of an image, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) width: u32,
    pub(crate) height: u32,
}

/// How a resized pixel is made from its neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResizeFilter {
    Nearest,
    Bilinear,
    CatmullRom,
    Lanczos3,
}

/// A clockwise rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rotation {
    Quarter,
    Half,
    ThreeQuarters,
}

/// The direction in which a flip swaps pixels: `Horizontal` swaps left and right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Axis {
    Horizontal,
    Vertical,
}

/// An image format that the service reads and writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Jpeg,
    Png,
    Webp,
}

impl Format {
    /// The name as people write it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::Webp => "WebP",
        }
    }
}

/// How the answer is encoded. WebP is always lossless.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Jpeg { quality: u8 },
    Png,
    Webp,
}

impl Encoding {
    /// The quality of a JPEG when the request names none.
    pub(crate) const DEFAULT_JPEG_QUALITY: u8 = 85;

    /// The encoding of an answer that is to have the format of the request.
    pub(crate) fn same_as(format: Format) -> Self {
        match format {
            Format::Jpeg => Self::Jpeg { quality: Self::DEFAULT_JPEG_QUALITY },
            Format::Png => Self::Png,
            Format::Webp => Self::Webp,
        }
    }
}

/// One operation on pixels. Decimal parameters are held in thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    /// At most one side is 0: that side then follows from the aspect ratio.
    Resize {
        width: u32,
        height: u32,
        filter: ResizeFilter,
    },
    Crop {
        x: u32,
        y: u32,
        width: u32,
        height: u32,
    },
    Rotate(Rotation),
    Flip(Axis),
    Grayscale,
    Blur {
        sigma_milli: u32,
    },
    Sharpen {
        amount_milli: u32,
    },
}

impl Operation {
    /// The size of the image after this operation on an image of size `before`; the error of an
    /// operation that does not fit the image or the limits. The caller adds the operation's text.
    pub(crate) fn output_size(self, before: Size) -> Result<Size, ServiceError> {
        match self {
            Self::Resize { width, height, .. } => resized(before, width, height)?.within_limits(),
            Self::Crop { x, y, width, height } => {
                let fits = |start: u32, length: u32, side: u32| {
                    start.checked_add(length).is_some_and(|end| end <= side)
                };
                if fits(x, width, before.width) && fits(y, height, before.height) {
                    return Ok(Size { width, height });
                }
                let message = format!("the image is only {}x{} here", before.width, before.height);
                Err(ServiceError::new(ErrorCode::InvalidParameter, message))
            }
            Self::Rotate(Rotation::Quarter | Rotation::ThreeQuarters) => {
                Ok(Size { width: before.height, height: before.width })
            }
            Self::Rotate(Rotation::Half)
            | Self::Flip(_)
            | Self::Grayscale
            | Self::Blur { .. }
            | Self::Sharpen { .. } => Ok(before),
        }
    }
}

impl Size {
    /// The number of pixels.
    pub(crate) fn pixels(self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// This size, if it is within the limits.
    pub(crate) fn within_limits(self) -> Result<Self, ServiceError> {
        let Self { width, height } = self;
        if width.max(height) <= MAX_SIDE_PIXELS && self.pixels() <= MAX_PIXELS {
            return Ok(self);
        }
        let message = format!(
            "{width}x{height} is over the limit of {MAX_PIXELS} pixels \
             or of {MAX_SIDE_PIXELS} pixels a side"
        );
        Err(ServiceError::new(ErrorCode::ImageTooLarge, message))
    }
}

/// The size asked for, a side of 0 replaced by what keeps the aspect ratio (rounded, at least 1).
fn resized(before: Size, width: u32, height: u32) -> Result<Size, ServiceError> {
    let scaled = |side: u32, numerator: u32, denominator: u32| -> Result<u32, ServiceError> {
        let denominator = u64::from(denominator.max(1));
        let product = u64::from(side) * u64::from(numerator);
        let rounded = (product + denominator / 2) / denominator;
        u32::try_from(rounded.max(1)).map_err(|_| {
            ServiceError::new(ErrorCode::ImageTooLarge, "the side that follows is over the limit")
        })
    };
    match (width, height) {
        (width, 0) => Ok(Size { width, height: scaled(before.height, width, before.width)? }),
        (0, height) => Ok(Size { width: scaled(before.width, height, before.height)?, height }),
        (width, height) => Ok(Size { width, height }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resize(width: u32, height: u32) -> Operation {
        Operation::Resize { width, height, filter: ResizeFilter::Nearest }
    }

    #[test]
    fn a_zero_side_keeps_the_aspect_ratio() {
        let before = Size { width: 640, height: 427 };
        assert_eq!(resize(256, 0).output_size(before).unwrap(), Size { width: 256, height: 171 });
        assert_eq!(resize(0, 1).output_size(before).unwrap(), Size { width: 1, height: 1 });
        let sliver = Size { width: 60_000, height: 1 };
        assert_eq!(resize(10, 0).output_size(sliver).unwrap(), Size { width: 10, height: 1 });
    }

    #[test]
    fn sizes_over_the_limits_are_refused() {
        let before = Size { width: 1, height: 60_000 };
        for (width, height) in [(65_536, 1), (6_325, 6_325), (u32::MAX, u32::MAX), (u32::MAX, 0)] {
            assert!(resize(width, height).output_size(before).is_err(), "{width}x{height}");
        }
        assert!(resize(6_324, 6_324).output_size(before).is_ok());
    }

    #[test]
    fn a_crop_must_lie_inside() {
        let before = Size { width: 10, height: 20 };
        let crop = |x, y, width, height| Operation::Crop { x, y, width, height };
        assert!(crop(5, 5, 5, 15).output_size(before).is_ok());
        assert!(crop(5, 5, 6, 15).output_size(before).is_err());
        assert!(crop(u32::MAX, 0, 2, 2).output_size(before).is_err());
    }
}

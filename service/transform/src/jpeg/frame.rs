//! The frame header: size, components and how they are sampled, and which colours they are.

use crate::error::ServiceError;
use crate::operation::Size;

use super::scan::Scan;
use super::{corrupt, unsupported};

/// The width and height of a block, in samples.
const BLOCK_SAMPLES: usize = 8;

/// Samplings of luma and of both chroma components that were compared with libjpeg-turbo at many
/// sizes, sequential and progressive. With chroma finer than luma the decoder answers wrong pictures,
/// with factors of three across none.
const KNOWN_SAMPLINGS: [((u8, u8), (u8, u8)); 15] = [
    ((1, 1), (1, 1)),
    ((2, 1), (1, 1)),
    ((1, 2), (1, 1)),
    ((2, 2), (1, 1)),
    ((4, 1), (1, 1)),
    ((1, 4), (1, 1)),
    ((4, 2), (1, 1)),
    ((2, 4), (1, 1)),
    ((1, 3), (1, 1)),
    ((2, 2), (2, 1)),
    ((2, 2), (1, 2)),
    ((2, 2), (2, 2)),
    ((2, 1), (2, 1)),
    ((1, 2), (1, 2)),
    ((4, 1), (2, 1)),
];
/// Below this width the decoder interpolates halved chroma with samples that are outside the picture,
/// where libjpeg repeats those within.
const NARROWEST_HALVED_PIXELS: u32 = 5;

/// A frame header.
pub(super) struct Frame {
    pub(super) size: Size,
    pub(super) is_progressive: bool,
    pub(super) components: Vec<Component>,
}

/// One component of the frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Component {
    pub(super) id: u8,
    /// Samples of this component for each unit, across and down.
    sampling: (u8, u8),
    quantization_table: u8,
}

impl Frame {
    /// Reads what stands behind the marker, and checks the size against the limits.
    pub(super) fn parse(content: &[u8], is_progressive: bool) -> Result<Self, ServiceError> {
        let (&[precision, height_0, height_1, width_0, width_1, count], rest) =
            content.split_first_chunk().ok_or_else(corrupt)?;
        if precision != 8 {
            return Err(unsupported("more or less than eight bits per sample"));
        }
        let side = |bytes| u32::from(u16::from_be_bytes(bytes));
        let size = Size { width: side([width_0, width_1]), height: side([height_0, height_1]) };
        if size.width == 0 || rest.len() != 3 * usize::from(count) {
            return Err(corrupt());
        }
        if size.height == 0 {
            return Err(unsupported("a height that stands behind the data (DNL)"));
        }
        size.within_limits().map_err(|error| error.with_parameter("body"))?;
        let component = |bytes: &[u8; 3]| Component {
            id: bytes[0],
            sampling: (bytes[1] >> 4, bytes[1] & 15),
            quantization_table: bytes[2],
        };
        let components: Vec<Component> = rest.as_chunks().0.iter().map(component).collect();
        if ![1, 3, 4].contains(&components.len()) {
            return Err(unsupported("other than one, three or four components"));
        }
        let is_bad = |component: &Component| {
            let (across, down) = component.sampling;
            !(1..=4).contains(&across) || !(1..=4).contains(&down)
        };
        let ids = |id| components.iter().filter(|component| component.id == id).count();
        if components.iter().any(|component| is_bad(component) || ids(component.id) > 1) {
            return Err(corrupt());
        }
        Ok(Self { size, is_progressive, components })
    }

    /// Refuses what the decoder is not known to scale right.
    pub(super) fn check_sampling(&self) -> Result<(), ServiceError> {
        // One component alone is never scaled, whatever its factors say.
        let [first, others @ ..] = self.components.as_slice() else { return Err(corrupt()) };
        let chroma = others.first().map(|component| component.sampling);
        let is_known = match (others.len(), chroma) {
            (0, _) => return Ok(()),
            (2, Some(chroma)) => KNOWN_SAMPLINGS.contains(&(first.sampling, chroma)),
            _ => first.sampling == (1, 1) && chroma == Some((1, 1)),
        };
        if !is_known || others.iter().any(|component| Some(component.sampling) != chroma) {
            return Err(unsupported("this sampling of the components"));
        }
        let is_halved = chroma.is_some_and(|(across, _)| 2 * across == first.sampling.0);
        if is_halved && self.size.width < NARROWEST_HALVED_PIXELS {
            return Err(unsupported("subsampled colours and so few columns"));
        }
        Ok(())
    }

    /// The content of a frame header that says the same to the decoder.
    pub(super) fn header(&self, colors: Colors) -> Vec<u8> {
        let side = |pixels: u32| u16::try_from(pixels).unwrap_or(u16::MAX).to_be_bytes();
        let ([height_0, height_1], [width_0, width_1]) =
            (side(self.size.height), side(self.size.width));
        let count = self.components.len() as u8;
        let mut header = vec![8, height_0, height_1, width_0, width_1, count];
        for (component, id) in self.components.iter().zip(colors.ids()) {
            let (across, down) = if count == 1 { (1, 1) } else { component.sampling };
            header.extend([id, across << 4 | down, component.quantization_table]);
        }
        header
    }

    /// How many units of coding a scan has: what a restart interval counts.
    pub(super) fn units(&self, scan: &Scan) -> usize {
        let (across_max, down_max) = self.sampling_max();
        let (across, down) = match scan.components.as_slice() {
            // A component alone: its units are its own blocks.
            [part] => self.sampling(part.index),
            _ => (1, 1),
        };
        let blocks = |pixels: u32, factor: usize, factor_max: usize| {
            (pixels as usize * factor).div_ceil(factor_max * BLOCK_SAMPLES)
        };
        blocks(self.size.width, across, across_max) * blocks(self.size.height, down, down_max)
    }

    /// How many blocks a scan has.
    pub(super) fn blocks(&self, scan: &Scan) -> usize {
        self.units(scan) * self.blocks_per_unit(scan).iter().sum::<usize>()
    }

    /// How many blocks of each component of a scan stand in one unit.
    pub(super) fn blocks_per_unit(&self, scan: &Scan) -> Vec<usize> {
        if scan.components.len() == 1 {
            return vec![1];
        }
        let count = |index| {
            let (across, down) = self.sampling(index);
            across * down
        };
        scan.components.iter().map(|part| count(part.index)).collect()
    }

    fn sampling(&self, index: usize) -> (usize, usize) {
        let sampling = self.components.get(index).map_or((1, 1), |component| component.sampling);
        (usize::from(sampling.0), usize::from(sampling.1))
    }

    fn sampling_max(&self) -> (usize, usize) {
        let all = (0..self.components.len()).map(|index| self.sampling(index));
        all.fold((1, 1), |max, next| (max.0.max(next.0), max.1.max(next.1)))
    }
}

/// What the components mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Colors {
    Gray,
    YCbCr,
    Rgb,
    Cmyk,
    Ycck,
}

impl Colors {
    /// Which colours they are, in libjpeg's order: a JFIF segment decides, then an Adobe segment,
    /// then the numbers of the components.
    pub(super) fn of(frame: &Frame, jfif: bool, adobe: Option<u8>) -> Result<Self, ServiceError> {
        let ids: Vec<u8> = frame.components.iter().map(|component| component.id).collect();
        match (ids.len(), adobe) {
            (1, _) => Ok(Self::Gray),
            (4, Some(0)) => Ok(Self::Cmyk),
            (4, Some(2)) => Ok(Self::Ycck),
            // Whether the inks are inverted is said by nothing else.
            (4, _) => Err(unsupported("four components without Adobe's colour transform")),
            (_, _) if jfif => Ok(Self::YCbCr),
            (_, Some(0)) => Ok(Self::Rgb),
            (_, Some(_)) => Ok(Self::YCbCr),
            (_, None) if ids == *b"RGB" => Ok(Self::Rgb),
            (_, None) => Ok(Self::YCbCr),
        }
    }

    /// The numbers of the components by which the decoder knows these colours.
    pub(super) fn ids(self) -> [u8; 4] {
        if self == Self::Rgb { *b"RGB\x04" } else { [1, 2, 3, 4] }
    }

    /// The transform in an Adobe segment by which the decoder knows them, where it needs one.
    pub(super) fn adobe_transform(self) -> Option<u8> {
        match self {
            Self::Cmyk => Some(0),
            Self::Ycck => Some(2),
            Self::Gray | Self::YCbCr | Self::Rgb => None,
        }
    }
}

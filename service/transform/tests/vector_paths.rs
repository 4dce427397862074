//! The libraries' vector kernels give the bytes that their plain code gives: otherwise the service
//! would answer differently from one processor to the next.

#![allow(clippy::unwrap_used, reason = "clippy knows test functions, not their helpers")]

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{CpuExtensions, FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use proptest::prelude::*;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::options::DecoderOptions;

const JPEGS: [&[u8]; 3] = [
    include_bytes!("../../../experiments/corpus/rocket.jpg"),
    include_bytes!("../../../experiments/corpus/coffee-progressive.jpg"),
    include_bytes!("../../../experiments/corpus/hubble-deep-field.jpg"),
];

/// All extensions that this processor has, plain code first.
fn extensions() -> Vec<CpuExtensions> {
    #[cfg(target_arch = "x86_64")]
    let all = [CpuExtensions::None, CpuExtensions::Sse4_1, CpuExtensions::Avx2];
    #[cfg(target_arch = "aarch64")]
    let all = [CpuExtensions::None, CpuExtensions::Neon];
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let all = [CpuExtensions::None];
    all.into_iter().filter(CpuExtensions::is_supported).collect()
}

fn resized(
    source: &ImageRef<'_>,
    size: (u32, u32),
    filter: FilterType,
    extensions: CpuExtensions,
) -> Vec<u8> {
    let mut target = Image::new(size.0, size.1, source.pixel_type());
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter)).use_alpha(false);
    let mut resizer = Resizer::new();
    // SAFETY: the caller passes only extensions that were found to be supported.
    unsafe { resizer.set_cpu_extensions(extensions) };
    resizer.resize(source, &mut target, &options).unwrap();
    target.into_vec()
}

/// Decodes as the service does, with or without vector kernels; `None` for a refused image.
fn decoded(bytes: &[u8], vector: bool) -> Option<Vec<u8>> {
    let options = DecoderOptions::default().set_strict_mode(true).set_use_unsafe(vector);
    JpegDecoder::new_with_options(ZCursor::new(bytes), options).decode().ok()
}

#[test]
fn photographs_decode_the_same_with_and_without_vectors() {
    for bytes in JPEGS {
        let plain = decoded(bytes, false).unwrap();
        assert!(decoded(bytes, true) == Some(plain));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn broken_photographs_decode_the_same_with_and_without_vectors(
        photograph in 0_usize..2,
        flips in proptest::collection::vec((0.0_f64..1.0, 0_u8..8), 1..6),
    ) {
        let mut bytes = JPEGS[photograph].to_vec();
        for (place, bit) in flips {
            let index = (place * place * bytes.len() as f64) as usize;
            bytes[index] ^= 1 << bit;
        }
        prop_assert!(decoded(&bytes, false) == decoded(&bytes, true));
    }

    #[test]
    fn images_resize_the_same_with_and_without_vectors(
        width in 1_u32..90, height in 1_u32..90,
        to_width in 1_u32..90, to_height in 1_u32..90,
        noise in proptest::collection::vec(any::<u8>(), 97),
    ) {
        let layouts = [PixelType::U8, PixelType::U8x2, PixelType::U8x3, PixelType::U8x4];
        for layout in layouts {
            let length = width as usize * height as usize * layout.size();
            let bytes: Vec<u8> = noise.iter().copied().cycle().take(length).collect();
            let source = ImageRef::new(width, height, &bytes, layout).unwrap();
            for filter in [FilterType::Bilinear, FilterType::CatmullRom, FilterType::Lanczos3] {
                let size = (to_width, to_height);
                let plain = resized(&source, size, filter, CpuExtensions::None);
                for extensions in extensions() {
                    let vector = resized(&source, size, filter, extensions);
                    prop_assert!(plain == vector, "{layout:?} {filter:?} {extensions:?}");
                }
            }
        }
    }
}

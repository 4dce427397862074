//! Resizing, through the vector kernels of `fast_image_resize` (fixed point for eight-bit channels).

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::pixels::{U8, U8x2, U8x3, U8x4};
use fast_image_resize::{
    Filter, FilterType, IntoImageView, IntoImageViewMut, PixelTrait, PixelType, ResizeAlg,
    ResizeOptions, Resizer,
};

use crate::alpha::{premultiply, unpremultiply};
use crate::error::{ErrorCode, ServiceError};
use crate::operation::{ResizeFilter, Size};
use crate::pixels::{Channels, Pixels};
use crate::stop::Stop;

/// Resizes to `size`, which the plan has checked against the limits.
pub(crate) fn resize(
    mut pixels: Pixels,
    size: Size,
    filter: ResizeFilter,
    stop: &Stop<'_>,
) -> Result<Pixels, ServiceError> {
    if pixels.size == size {
        return Ok(pixels);
    }
    let algorithm = algorithm(filter)?;
    // Nearest copies pixels and mixes nothing.
    let mixes = filter != ResizeFilter::Nearest;
    if mixes {
        premultiply(&mut pixels);
    }
    for size in passes(pixels.size, size) {
        stop.check()?;
        pixels = resize_once(&pixels, size, algorithm)?;
    }
    if mixes {
        unpremultiply(&mut pixels);
    }
    Ok(pixels)
}

/// The sizes to go through. The library resizes rows first and holds an image of `before.width x
/// after.height` meanwhile; where the other way round is smaller, columns go first. The smaller of
/// the two never has more pixels than the larger of both images, so it stays within the limit.
fn passes(before: Size, after: Size) -> impl Iterator<Item = Size> {
    let rows_first = Size { width: before.width, height: after.height };
    let columns_first = Size { width: after.width, height: before.height };
    let detour = (columns_first.pixels() < rows_first.pixels()).then_some(columns_first);
    detour.into_iter().chain([after])
}

fn resize_once(pixels: &Pixels, size: Size, algorithm: ResizeAlg) -> Result<Pixels, ServiceError> {
    let pixel_type = pixel_type(pixels.channels);
    let Size { width, height } = pixels.size;
    let source = ImageRef::new(width, height, &pixels.data, pixel_type).map_err(internal)?;
    let mut target = Image::new(size.width, size.height, pixel_type);
    // Alpha is multiplied in already, once for all passes.
    let options = ResizeOptions::new().resize_alg(algorithm).use_alpha(false);
    match pixels.channels {
        Channels::Gray => resize_as::<U8>(&source, &mut target, &options),
        Channels::GrayAlpha => resize_as::<U8x2>(&source, &mut target, &options),
        Channels::Rgb => resize_as::<U8x3>(&source, &mut target, &options),
        Channels::RgbAlpha => resize_as::<U8x4>(&source, &mut target, &options),
    }?;
    Ok(Pixels { size, channels: pixels.channels, data: target.into_vec() })
}

/// By the kernels of one type of pixels. The library's own choice among all types would take along those for wider
/// pixels, which the service never has, and of which LLVM makes other code each time that it compiles the floating-point
/// ones: no two builds would be the same.
fn resize_as<P: PixelTrait>(
    source: &ImageRef<'_>,
    target: &mut Image<'_>,
    options: &ResizeOptions,
) -> Result<(), ServiceError> {
    let (Some(source), Some(mut target)) = (source.image_view::<P>(), target.image_view_mut::<P>())
    else {
        return Err(internal("the images have pixels of another type"));
    };
    resizer().resize_typed(&source, &mut target, options).map_err(internal)
}

#[cfg(not(any(
    all(target_arch = "x86_64", not(feature = "wide")),
    all(target_arch = "wasm32", not(target_feature = "simd128"))
)))]
fn resizer() -> Resizer {
    Resizer::new()
}

/// One whose vectors are no wider than what this library is built for: by itself it asks the processor, and of a Wasm
/// runtime takes it for granted that it has vectors.
#[cfg(any(
    all(target_arch = "x86_64", not(feature = "wide")),
    all(target_arch = "wasm32", not(target_feature = "simd128"))
))]
fn resizer() -> Resizer {
    use fast_image_resize::CpuExtensions;

    #[cfg(target_arch = "x86_64")]
    let widest = CpuExtensions::Sse4_1;
    #[cfg(target_arch = "wasm32")]
    let widest = CpuExtensions::None;
    let mut resizer = Resizer::new();
    if widest.is_supported() {
        // SAFETY: it is supported.
        unsafe { resizer.set_cpu_extensions(widest) };
    }
    resizer
}

fn algorithm(filter: ResizeFilter) -> Result<ResizeAlg, ServiceError> {
    Ok(match filter {
        ResizeFilter::Nearest => ResizeAlg::Nearest,
        ResizeFilter::Bilinear => ResizeAlg::Convolution(FilterType::Bilinear),
        ResizeFilter::CatmullRom => ResizeAlg::Convolution(FilterType::CatmullRom),
        ResizeFilter::Lanczos3 => {
            let filter = Filter::new("lanczos3", lanczos3, 3.0).map_err(internal)?;
            ResizeAlg::Convolution(FilterType::Custom(filter))
        }
    })
}

/// The Lanczos window of three lobes. The library's own takes the sine of the platform, whose last
/// bit differs from one platform to the next.
fn lanczos3(x: f64) -> f64 {
    if (-3.0..3.0).contains(&x) { sinc(x) * sinc(x / 3.0) } else { 0.0 }
}

fn sinc(x: f64) -> f64 {
    if x == 0.0 {
        return 1.0;
    }
    let angle = x * std::f64::consts::PI;
    libm::sin(angle) / angle
}

fn pixel_type(channels: Channels) -> PixelType {
    match channels {
        Channels::Gray => PixelType::U8,
        Channels::GrayAlpha => PixelType::U8x2,
        Channels::Rgb => PixelType::U8x3,
        Channels::RgbAlpha => PixelType::U8x4,
    }
}

fn internal(error: impl std::fmt::Display) -> ServiceError {
    ServiceError::new(ErrorCode::Internal, format!("resizing failed: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pixels::tests::{ALL_CHANNELS, noise};
    use fast_image_resize::CpuExtensions;
    use proptest::prelude::*;

    const FILTERS: [ResizeFilter; 4] = [
        ResizeFilter::Nearest,
        ResizeFilter::Bilinear,
        ResizeFilter::CatmullRom,
        ResizeFilter::Lanczos3,
    ];

    #[test]
    fn a_plain_image_stays_plain() {
        for channels in ALL_CHANNELS {
            for filter in FILTERS {
                let mut plain = noise(40, 30, channels);
                plain.data.fill(200);
                let size = Size { width: 17, height: 91 };
                let resized = resize(plain, size, filter, &Stop::new(&|| false)).unwrap();
                assert_eq!(resized.size, size);
                assert!(
                    resized.data.iter().all(|&byte| byte == 200),
                    "{channels:?} {filter:?}: {:?}",
                    &resized.data[..8]
                );
            }
        }
    }

    #[test]
    fn the_detour_bounds_the_image_in_between() {
        let column = Size { width: 1, height: 60_000 };
        let row = Size { width: 60_000, height: 600 };
        let between: Vec<_> = passes(column, row).collect();
        assert_eq!(between, [row]);
        let between: Vec<_> = passes(row, column).collect();
        assert_eq!(between, [Size { width: 1, height: 600 }, column]);
    }

    #[test]
    fn the_window_is_one_in_the_middle_and_zero_at_whole_numbers() {
        assert_eq!(lanczos3(0.0), 1.0);
        for x in [-3.0, -2.0, -1.0, 1.0, 2.0, 3.0] {
            assert!(lanczos3(x).abs() < 1e-15, "{x}");
        }
    }

    /// All extensions that this processor has.
    fn extensions() -> Vec<CpuExtensions> {
        #[cfg(target_arch = "x86_64")]
        let all = [CpuExtensions::Sse4_1, CpuExtensions::Avx2];
        #[cfg(target_arch = "aarch64")]
        let all = [CpuExtensions::Neon];
        #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
        let all: [CpuExtensions; 0] = [];
        all.into_iter().filter(CpuExtensions::is_supported).collect()
    }

    /// As [`resize_as`], by the kernels of these extensions.
    fn resized_by<P: PixelTrait>(
        extensions: CpuExtensions,
        bytes: &[u8],
        (from, to): (Size, Size),
        filter: FilterType,
    ) -> Vec<u8> {
        let source = ImageRef::new(from.width, from.height, bytes, P::pixel_type()).unwrap();
        let mut target = Image::new(to.width, to.height, P::pixel_type());
        let algorithm = ResizeAlg::Convolution(filter);
        let options = ResizeOptions::new().resize_alg(algorithm).use_alpha(false);
        let mut resizer = Resizer::new();
        // SAFETY: the caller passes only extensions that were found to be supported.
        unsafe { resizer.set_cpu_extensions(extensions) };
        let source = source.image_view::<P>().unwrap();
        resizer
            .resize_typed(&source, &mut target.image_view_mut::<P>().unwrap(), &options)
            .unwrap();
        target.into_vec()
    }

    fn is_the_same_by_all<P: PixelTrait>(
        noise: &[u8],
        sizes: (Size, Size),
        filter: FilterType,
    ) -> bool {
        let length = sizes.0.width as usize * sizes.0.height as usize * P::size();
        let bytes: Vec<u8> = noise.iter().copied().cycle().take(length).collect();
        let plain = resized_by::<P>(CpuExtensions::None, &bytes, sizes, filter);
        let by = |extensions| resized_by::<P>(extensions, &bytes, sizes, filter);
        extensions().into_iter().all(|extensions| by(extensions) == plain)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Otherwise the service would answer differently from one processor to the next.
        #[test]
        fn images_resize_the_same_with_and_without_vectors(
            width in 1_u32..90, height in 1_u32..90,
            to_width in 1_u32..90, to_height in 1_u32..90,
            noise in proptest::collection::vec(any::<u8>(), 97),
        ) {
            let to = Size { width: to_width, height: to_height };
            let sizes = (Size { width, height }, to);
            for filter in [FilterType::Bilinear, FilterType::CatmullRom, FilterType::Lanczos3] {
                prop_assert!(is_the_same_by_all::<U8>(&noise, sizes, filter), "{filter:?}");
                prop_assert!(is_the_same_by_all::<U8x2>(&noise, sizes, filter), "{filter:?}");
                prop_assert!(is_the_same_by_all::<U8x3>(&noise, sizes, filter), "{filter:?}");
                prop_assert!(is_the_same_by_all::<U8x4>(&noise, sizes, filter), "{filter:?}");
            }
        }
    }

    #[test]
    fn a_passed_deadline_ends_the_resize() {
        let size = Size { width: 5, height: 5 };
        let image = noise(10, 10, Channels::Rgb);
        assert!(resize(image, size, ResizeFilter::Nearest, &Stop::new(&|| true)).is_err());
    }
}

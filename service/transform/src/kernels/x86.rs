//! Weighted sums by the vectors of x86: 128 bits wide on any, 256 with AVX2.

use core::arch::x86_64::{
    __m128i, __m256i, _mm_add_epi32, _mm_cvtsi128_si64, _mm_madd_epi16, _mm_set1_epi32,
    _mm_setr_epi16, _mm_unpackhi_epi64, _mm256_add_epi32, _mm256_castsi256_si128,
    _mm256_extracti128_si256, _mm256_madd_epi16, _mm256_set1_epi32, _mm256_setr_epi16,
};

use super::{BLOCK, Pair, Tap};

/// Pairs, and sums, in 128 bits.
const LANES: usize = 4;
/// The same in 256 bits.
const WIDE_LANES: usize = 8;

/// See the plain version in the module above.
#[inline(always)]
pub(super) fn sums(first: i32, pairs: &[Pair], offset: usize, taps: &[Tap]) -> [i32; BLOCK] {
    // SAFETY: every x86_64 has SSE2, which is all that the function demands.
    unsafe { sums_sse2(first, pairs, offset, taps) }
}

#[inline]
#[target_feature(enable = "sse2")]
fn sums_sse2(first: i32, pairs: &[Pair], offset: usize, taps: &[Tap]) -> [i32; BLOCK] {
    let mut vectors = [_mm_set1_epi32(first); BLOCK / LANES];
    for tap in taps {
        let weights = _mm_set1_epi32(packed(tap.weights));
        let values = &pairs[tap.start + offset..][..BLOCK];
        for (sums, values) in vectors.iter_mut().zip(values.as_chunks().0) {
            *sums = _mm_add_epi32(*sums, _mm_madd_epi16(vector(values), weights));
        }
    }
    let mut sums = [0; BLOCK];
    for (sums, vector) in sums.as_chunks_mut().0.iter_mut().zip(vectors) {
        *sums = lanes(vector);
    }
    sums
}

/// The same with AVX2.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn sums_avx2(first: i32, pairs: &[Pair], offset: usize, taps: &[Tap]) -> [i32; BLOCK] {
    let mut vectors = [_mm256_set1_epi32(first); BLOCK / WIDE_LANES];
    for tap in taps {
        let weights = _mm256_set1_epi32(packed(tap.weights));
        let values = &pairs[tap.start + offset..][..BLOCK];
        for (sums, values) in vectors.iter_mut().zip(values.as_chunks().0) {
            *sums = _mm256_add_epi32(*sums, _mm256_madd_epi16(wide_vector(values), weights));
        }
    }
    let mut sums = [0; BLOCK];
    for (sums, vector) in sums.as_chunks_mut::<WIDE_LANES>().0.iter_mut().zip(vectors) {
        let halves = [_mm256_castsi256_si128(vector), _mm256_extracti128_si256::<1>(vector)];
        for (sums, half) in sums.as_chunks_mut().0.iter_mut().zip(halves) {
            *sums = lanes(half);
        }
    }
    sums
}

/// Both as one number: the first in the lower half, as a vector has them.
fn packed([first, second]: Pair) -> i32 {
    (i32::from(second) << 16) | (i32::from(first) & 0xFFFF)
}

/// One load, although it is written as eight.
#[inline]
#[target_feature(enable = "sse2")]
fn vector(&[[a, b], [c, d], [e, f], [g, h]]: &[Pair; LANES]) -> __m128i {
    _mm_setr_epi16(a, b, c, d, e, f, g, h)
}

/// One load, although it is written as sixteen.
#[inline]
#[target_feature(enable = "avx2")]
fn wide_vector(values: &[Pair; WIDE_LANES]) -> __m256i {
    let [[a, b], [c, d], [e, f], [g, h], [i, j], [k, l], [m, n], [o, p]] = *values;
    _mm256_setr_epi16(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p)
}

#[inline]
#[target_feature(enable = "sse2")]
fn lanes(vector: __m128i) -> [i32; LANES] {
    let low = _mm_cvtsi128_si64(vector);
    let high = _mm_cvtsi128_si64(_mm_unpackhi_epi64(vector, vector));
    [low as i32, (low >> 32) as i32, high as i32, (high >> 32) as i32]
}

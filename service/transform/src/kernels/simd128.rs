//! Weighted sums by the 128-bit vectors of Wasm.

use core::arch::wasm32::{
    i16x8, i32x4_add, i32x4_dot_i16x8, i32x4_extract_lane, i32x4_splat, v128,
};

use super::{BLOCK, Pair, Tap};

/// Pairs, and sums, in one vector.
const LANES: usize = 4;

/// See the plain version in the module above.
#[inline(always)]
pub(super) fn sums(first: i32, pairs: &[Pair], offset: usize, taps: &[Tap]) -> [i32; BLOCK] {
    let mut vectors = [i32x4_splat(first); BLOCK / LANES];
    for tap in taps {
        let weights = vector(&[tap.weights; LANES]);
        let values = &pairs[tap.start + offset..][..BLOCK];
        for (sums, values) in vectors.iter_mut().zip(values.as_chunks().0) {
            *sums = i32x4_add(*sums, i32x4_dot_i16x8(vector(values), weights));
        }
    }
    let mut sums = [0; BLOCK];
    for (sums, vector) in sums.as_chunks_mut().0.iter_mut().zip(vectors) {
        *sums = lanes(vector);
    }
    sums
}

/// One load, although it is written as eight.
fn vector(&[[a, b], [c, d], [e, f], [g, h]]: &[Pair; LANES]) -> v128 {
    i16x8(a, b, c, d, e, f, g, h)
}

fn lanes(vector: v128) -> [i32; LANES] {
    [
        i32x4_extract_lane::<0>(vector),
        i32x4_extract_lane::<1>(vector),
        i32x4_extract_lane::<2>(vector),
        i32x4_extract_lane::<3>(vector),
    ]
}

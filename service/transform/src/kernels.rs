//! The inner loops of the blur: weighted sums of sixteen-bit values, the same on every target.
//!
//! Values lie in pairs, because x86 and Wasm multiply eight of sixteen bits and add neighbouring
//! products in one instruction (`pmaddwd`, `i32x4.dot_i16x8_s`). Of the plain loop rustc 1.95 makes
//! multiplications of 32 bits, and with them the whole blur took 4.4 times as long in Wasm, 2.1
//! times with SSE2 and 1.8 times with AVX2 (the shortest of 60 runs or more). The intrinsics are
//! safe functions. Other targets have the plain loop. All work on integers: none rounds otherwise.

#[cfg(all(target_family = "wasm", target_feature = "simd128"))]
mod simd128;
#[cfg(target_arch = "x86_64")]
mod x86;

cfg_select! {
    target_arch = "x86_64" => { use x86::sums; }
    all(target_family = "wasm", target_feature = "simd128") => { use simd128::sums; }
    _ => { use plain_sums as sums; }
}

/// The weights of a kernel add up to two to this power.
pub(crate) const SUM_BITS: u32 = 14;

/// A row in between holds values with this many bits behind the point: 255 x 2^8 fits sixteen bits.
const FRACTION_BITS: u32 = 8;

/// Taken off the values of rows in between: the instruction's sixteen bits have a sign.
const BIAS: i32 = 1 << 15;

/// How many sums are held in registers at a time.
pub(crate) const BLOCK: usize = 32;

/// Two values that are multiplied by neighbouring weights.
pub(crate) type Pair = [i16; 2];

/// Two neighbouring weights of a kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tap {
    /// Where the values begin that they are for, counted in pairs.
    pub(crate) start: usize,
    pub(crate) weights: Pair,
}

/// Makes a function that picks the AVX2 version of a kernel where the processor has it.
macro_rules! dispatched {
    ($(#[$comment:meta])* $name:ident, $avx2:ident, $body:ident,
     ($($argument:ident: $type:ty),*)) => {
        $(#[$comment])*
        pub(crate) fn $name($($argument: $type),*) {
            #[cfg(target_arch = "x86_64")]
            if cfg!(feature = "wide") && std::is_x86_feature_detected!("avx2") {
                // SAFETY: the processor has AVX2, which is all that the function demands.
                unsafe { return $avx2($($argument),*) };
            }
            $body($($argument,)* sums);
        }

        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2")]
        fn $avx2($($argument: $type),*) {
            let sums = |first, pairs: &_, at, taps: &_| x86::sums_avx2(first, pairs, at, taps);
            $body($($argument,)* sums);
        }
    };
}

dispatched! {
    /// Mixes the values of two rows with their neighbours. Each row is given as pairs of a value
    /// and its next neighbour (see [`pair_neighbours`]); the target pairs row with row. The target
    /// is of whole blocks, and the rows hold what the taps need for those.
    mix_columns, mix_columns_avx2, mix_columns_body,
    (upper: &[Pair], lower: &[Pair], taps: &[Tap], target: &mut [Pair])
}

dispatched! {
    /// Mixes rows, which lie in `ring` two by two as `mix_columns` leaves them, into one of bytes.
    mix_rows, mix_rows_avx2, mix_rows_body, (ring: &[Pair], taps: &[Tap], target: &mut [u8])
}

/// Pairs each value of a row with the one that lies `distance` bytes behind it.
pub(crate) fn pair_neighbours(row: &[u8], distance: usize, target: &mut [Pair]) {
    for ((pair, &first), &second) in target.iter_mut().zip(row).zip(&row[distance..]) {
        *pair = [i16::from(first), i16::from(second)];
    }
}

#[inline(always)]
fn mix_columns_body(
    upper: &[Pair],
    lower: &[Pair],
    taps: &[Tap],
    target: &mut [Pair],
    sums: impl Fn(i32, &[Pair], usize, &[Tap]) -> [i32; BLOCK],
) {
    const SHIFT: u32 = SUM_BITS - FRACTION_BITS;
    for (index, block) in target.as_chunks_mut::<BLOCK>().0.iter_mut().enumerate() {
        let upper = sums(1 << (SHIFT - 1), upper, index * BLOCK, taps);
        let lower = sums(1 << (SHIFT - 1), lower, index * BLOCK, taps);
        for ((pair, &upper), &lower) in block.iter_mut().zip(&upper).zip(&lower) {
            // The weights add up to 2^14: a sum is at most 255 x 2^14, and 255 x 2^8 once shifted.
            *pair = [((upper >> SHIFT) - BIAS) as i16, ((lower >> SHIFT) - BIAS) as i16];
        }
    }
}

#[inline(always)]
fn mix_rows_body(
    ring: &[Pair],
    taps: &[Tap],
    target: &mut [u8],
    sums: impl Fn(i32, &[Pair], usize, &[Tap]) -> [i32; BLOCK],
) {
    const SHIFT: u32 = SUM_BITS + FRACTION_BITS;
    // Each value lacks the bias, and the weights add up to 2^14.
    const FIRST: i32 = (BIAS << SUM_BITS) + (1 << (SHIFT - 1));
    let bytes = |index: usize| {
        // At most 255 x 2^22 plus a half: under 2^32, and a byte once shifted.
        sums(FIRST, ring, index * BLOCK, taps).map(|sum| (sum as u32 >> SHIFT) as u8)
    };
    // Whole blocks apart: to copy a block of unknown length is a call, and in Wasm a slow one.
    let (blocks, rest) = target.as_chunks_mut();
    for (index, block) in blocks.iter_mut().enumerate() {
        *block = bytes(index);
    }
    if !rest.is_empty() {
        rest.copy_from_slice(&bytes(blocks.len())[..rest.len()]);
    }
}

/// A block of weighted sums from `offset` on, with `first` added to each. They may pass 2^31 (as
/// those of rows in between do): they wrap, and are right as numbers without a sign.
#[allow(dead_code, reason = "only tests use it where there are intrinsics")]
#[inline(always)]
fn plain_sums(first: i32, pairs: &[Pair], offset: usize, taps: &[Tap]) -> [i32; BLOCK] {
    let mut sums = [first; BLOCK];
    for &Tap { start, weights } in taps {
        let values = &pairs[start + offset..][..BLOCK];
        for (sum, value) in sums.iter_mut().zip(values) {
            let product = |index: usize| i32::from(value[index]) * i32::from(weights[index]);
            *sum = sum.wrapping_add(product(0)).wrapping_add(product(1));
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of every size and sign, and weights that add up to 2^14.
    fn pairs() -> Vec<Pair> {
        let value = |index: u32| (index.wrapping_mul(2_654_435_761) >> 16) as i16;
        (0..2_000).map(|index| [value(index), value(index + 7)]).collect()
    }

    const TAPS: [Tap; 4] = [
        Tap { start: 0, weights: [1_000, 4_000] },
        Tap { start: 7, weights: [6_384, 0] },
        Tap { start: 100, weights: [0, 4_000] },
        Tap { start: 400, weights: [999, 1] },
    ];

    #[test]
    fn the_dispatched_kernels_equal_the_plain_ones() {
        let pairs = pairs();
        for blocks in [1, 2, 5] {
            let mut plain = vec![[0; 2]; blocks * BLOCK];
            let mut fast = plain.clone();
            mix_columns_body(&pairs, &pairs[3..], &TAPS, &mut plain, plain_sums);
            mix_columns(&pairs, &pairs[3..], &TAPS, &mut fast);
            assert_eq!(plain, fast, "{blocks}");
        }
        for length in [1, 31, 32, 33, 97, 500] {
            let (mut plain, mut fast) = (vec![0; length], vec![0; length]);
            mix_rows_body(&pairs, &TAPS, &mut plain, plain_sums);
            mix_rows(&pairs, &TAPS, &mut fast);
            assert_eq!(plain, fast, "{length}");
        }
    }

    #[test]
    fn the_kernels_that_any_processor_of_the_target_has_equal_the_plain_ones() {
        let pairs = pairs();
        for offset in [0, 1, 32, 1_000] {
            let plain = plain_sums(7, &pairs, offset, &TAPS);
            assert_eq!(sums(7, &pairs, offset, &TAPS), plain, "{offset}");
        }
    }

    #[test]
    fn the_largest_sum_does_not_end_at_the_sign() {
        let largest = (255 << FRACTION_BITS) - BIAS;
        let ring = vec![[largest as i16; 2]; BLOCK];
        let mut bytes = [0; BLOCK];
        mix_rows(&ring, &[Tap { start: 0, weights: [1 << SUM_BITS, 0] }], &mut bytes);
        assert_eq!(bytes, [255; BLOCK]);
    }
}

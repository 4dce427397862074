//! The two inner loops of the blur. Both are plain integer loops over blocks that the compiler turns
//! into vector instructions: SSE2, NEON or simd128 by the target, and AVX2 where an x86 has it.
//! Integers make all of them give the same bytes.

/// The weights of a kernel add up to two to this power.
pub(crate) const SUM_BITS: u32 = 14;

/// A row in between holds values with this many bits behind the point: 255 x 2^8 fits sixteen bits.
const FRACTION_BITS: u32 = 8;

/// How many sums are held in registers at a time.
const BLOCK: usize = 32;

/// Makes a function that picks the AVX2 version of a kernel where the processor has it.
macro_rules! dispatched {
    ($(#[$comment:meta])* $name:ident, $avx2:ident, $body:ident, ($($argument:ident: $type:ty),*)) => {
        $(#[$comment])*
        pub(crate) fn $name($($argument: $type),*) {
            #[cfg(target_arch = "x86_64")]
            if std::is_x86_feature_detected!("avx2") {
                // SAFETY: the processor has AVX2, which is all that the function demands.
                unsafe { return $avx2($($argument),*) };
            }
            $body($($argument),*);
        }

        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2")]
        fn $avx2($($argument: $type),*) {
            $body($($argument),*);
        }
    };
}

dispatched! {
    /// Mixes each value of a row with its neighbours. `padded` holds the row with a margin of half the
    /// weights on either side; neighbours are `distance` bytes apart (the channels of a pixel).
    mix_columns, mix_columns_avx2, mix_columns_body,
    (padded: &[u8], distance: usize, weights: &[u16], target: &mut [u16])
}

dispatched! {
    /// Mixes rows that start at `starts` in `ring`, one per weight, into one row of bytes.
    mix_rows, mix_rows_avx2, mix_rows_body,
    (ring: &[u16], starts: &[usize], weights: &[u16], target: &mut [u8])
}

#[inline(always)]
fn mix_columns_body(padded: &[u8], distance: usize, weights: &[u16], target: &mut [u16]) {
    const SHIFT: u32 = SUM_BITS - FRACTION_BITS;
    let (blocks, rest) = target.as_chunks_mut::<BLOCK>();
    let rest_start = blocks.len() * BLOCK;
    for (index, block) in blocks.iter_mut().enumerate() {
        let mut sums = [1_u32 << (SHIFT - 1); BLOCK];
        for (tap, &weight) in weights.iter().enumerate() {
            let values = &padded[index * BLOCK + tap * distance..][..BLOCK];
            for (sum, &value) in sums.iter_mut().zip(values) {
                *sum += u32::from(value) * u32::from(weight);
            }
        }
        for (target, sum) in block.iter_mut().zip(sums) {
            // The weights add up to 2^14, so a sum is at most 255 x 2^14 and its part 255 x 2^8.
            *target = (sum >> SHIFT) as u16;
        }
    }
    for (index, target) in rest.iter_mut().enumerate() {
        let mut sum = 1_u32 << (SHIFT - 1);
        for (tap, &weight) in weights.iter().enumerate() {
            sum += u32::from(padded[rest_start + index + tap * distance]) * u32::from(weight);
        }
        *target = (sum >> SHIFT) as u16;
    }
}

#[inline(always)]
fn mix_rows_body(ring: &[u16], starts: &[usize], weights: &[u16], target: &mut [u8]) {
    const SHIFT: u32 = SUM_BITS + FRACTION_BITS;
    let (blocks, rest) = target.as_chunks_mut::<BLOCK>();
    let rest_start = blocks.len() * BLOCK;
    for (index, block) in blocks.iter_mut().enumerate() {
        let mut sums = [1_u32 << (SHIFT - 1); BLOCK];
        for (&start, &weight) in starts.iter().zip(weights) {
            let values = &ring[start + index * BLOCK..][..BLOCK];
            for (sum, &value) in sums.iter_mut().zip(values) {
                *sum += u32::from(value) * u32::from(weight);
            }
        }
        for (target, sum) in block.iter_mut().zip(sums) {
            // At most 255 x 2^22 plus a half: under 2^32, and a byte once shifted.
            *target = (sum >> SHIFT) as u8;
        }
    }
    for (index, target) in rest.iter_mut().enumerate() {
        let mut sum = 1_u32 << (SHIFT - 1);
        for (&start, &weight) in starts.iter().zip(weights) {
            sum += u32::from(ring[start + rest_start + index]) * u32::from(weight);
        }
        *target = (sum >> SHIFT) as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dispatched_kernels_equal_the_plain_ones() {
        let weights = [1_000, 4_000, 6_384, 4_000, 1_000];
        let bytes: Vec<u8> = (0..1_000_u32).map(|index| (index * index % 251) as u8).collect();
        for length in [1, 31, 32, 33, 97, 500] {
            let padded = &bytes[..length + 4 * 3];
            let (mut plain, mut fast) = (vec![0; length], vec![0; length]);
            mix_columns_body(padded, 3, &weights, &mut plain);
            mix_columns(padded, 3, &weights, &mut fast);
            assert_eq!(plain, fast, "{length}");
        }
        let ring: Vec<u16> = bytes.iter().map(|&byte| u16::from(byte) * 256).collect();
        for length in [1, 31, 32, 33, 97, 500] {
            let starts = [0, 7, 100, 3, 400];
            let (mut plain, mut fast) = (vec![0; length], vec![0; length]);
            mix_rows_body(&ring, &starts, &weights, &mut plain);
            mix_rows(&ring, &starts, &weights, &mut fast);
            assert_eq!(plain, fast, "{length}");
        }
    }
}

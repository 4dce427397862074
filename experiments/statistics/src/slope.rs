//! How much each additional instance adds.

use crate::bootstrap::Interval;
use crate::order::median_interval;
use crate::quantile::median;
use std::collections::BTreeMap;

/// A reading: x, y, and the block in which it was taken.
pub type Point = (f64, f64, u32);

/// A slope and its interval, in the unit of y per unit of x.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Slope {
    /// Median of the blocks' slopes.
    pub point: f64,
    /// Its 95 % interval; `None` with fewer than [`crate::order::LEAST_VALUES_COUNT`] blocks.
    pub interval: Option<Interval>,
    /// Blocks that have a slope.
    pub n: usize,
}

/// The slope of the least-squares line of y over x through each block's points by themselves, by block. A block
/// without two different x has none.
#[must_use]
pub fn block_slopes(points: &[Point]) -> BTreeMap<u32, f64> {
    let mut blocks: BTreeMap<u32, Vec<(f64, f64)>> = BTreeMap::new();
    for &(x, y, block) in points {
        blocks.entry(block).or_default().push((x, y));
    }
    blocks
        .into_iter()
        .filter_map(|(block, points)| Some((block, least_squares(&points)?)))
        .collect()
}

/// The median of [`block_slopes`] with its order-statistic interval ([`median_interval`]). A block's own level cancels,
/// and one bad block does not move the median. The blocks are independent of each other, which is all that the
/// interval needs: at 6 blocks and more it covers as it says (`tests/coverage.rs`), where a percentile
/// bootstrap over so few blocks covers too little.
///
/// `None` when no block has two different x.
#[must_use]
pub fn slope(points: &[Point]) -> Option<Slope> {
    let slopes: Vec<f64> = block_slopes(points).into_values().collect();
    let (point, interval) = (median(&slopes)?, median_interval(&slopes));
    Some(Slope { point, interval, n: slopes.len() })
}

/// Sum of (x - mean x)(y - mean y) over the sum of (x - mean x) squared; `None` without two different x.
///
/// Both sums are taken n times as large and without the means: of numbers of instances and of bytes
/// they are whole, so that the one division is all that rounds. Blocks of equal slope have equal
/// numbers, and are ties of the rank test.
fn least_squares(points: &[(f64, f64)]) -> Option<f64> {
    let n = points.len() as f64;
    let sum_x: f64 = points.iter().map(|(x, _)| x).sum();
    let sum_y: f64 = points.iter().map(|(_, y)| y).sum();
    let spread = n * points.iter().map(|(x, _)| x * x).sum::<f64>() - sum_x * sum_x;
    let joint = n * points.iter().map(|(x, y)| x * y).sum::<f64>() - sum_x * sum_y;
    let slope = joint / spread;
    slope.is_finite().then_some(slope)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// scipy 1.17.1: `scipy.stats.linregress(x, y).slope` of each block, and numpy's median of the three.
    #[test]
    fn agrees_with_scipy() {
        let blocks = [[4.1, 5.0, 7.2, 11.3], [6.0, 7.1, 8.8, 13.1], [4.0, 5.2, 6.9, 10.2]];
        let points: Vec<Point> = (0u32..)
            .zip(blocks)
            .flat_map(|(block, ys)| {
                [1.0, 2.0, 4.0, 8.0].into_iter().zip(ys).map(move |(x, y)| (x, y, block))
            })
            .collect();
        let found = slope(&points).unwrap();
        assert!((found.point - GOLDEN).abs() < 1e-9, "{found:?}");
        assert_eq!((found.interval, found.n), (None, 3));
    }

    /// Bytes, once more on a higher level. With the means taken off first the one was
    /// -216064.00000000006.
    #[test]
    fn a_level_of_whole_numbers_changes_no_digit() {
        let block = |level: f64| {
            let readings = [(1.0, 905_216.0), (2.0, 2_557_952.0), (4.0, 630_784.0)];
            block_slopes(&readings.map(|(x, y)| (x, y + level, 0)))
        };
        assert_eq!(block(0.0)[&0], -216_064.0);
        assert_eq!(block(3_270_656.0)[&0], -216_064.0);
    }

    const GOLDEN: f64 = 1.0069565217391303;

    #[test]
    fn one_number_of_copies_has_no_slope() {
        assert_eq!(slope(&[]), None);
        assert_eq!(slope(&[(2.0, 1.0, 0), (2.0, 3.0, 0)]), None);
        // Different numbers of copies in different blocks: their levels would pose as a slope.
        assert_eq!(slope(&[(1.0, 1.0, 0), (2.0, 3.0, 1)]), None);
    }

    proptest! {
        #[test]
        fn the_level_of_a_block_cancels(
            levels in prop::collection::vec(0i32..1_000_000, 6..20), step in -5000i32..5000
        ) {
            let points: Vec<Point> = (0u32..)
                .zip(levels)
                .flat_map(|(block, level)| {
                    [1.0, 2.0, 4.0].map(|x| (x, f64::from(level) + f64::from(step) * x, block))
                })
                .collect();
            let found = slope(&points).unwrap();
            let interval = found.interval.unwrap();
            for value in [found.point, interval.low, interval.high] {
                prop_assert!((value - f64::from(step)).abs() < 1e-6, "{found:?}");
            }
        }
    }
}

//! The quantile of several latency histograms together, with each counted any number of times: what a
//! bootstrap over invocations needs, without merging full histograms thousands of times.

use hdrhistogram::Histogram;

/// Histograms of one cell, one per invocation, as cumulative counts over their common values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pooled {
    /// Every recorded value (the top of its bucket), ascending.
    values: Vec<u64>,
    /// Per invocation: how many samples are at or below `values[i]`.
    cumulative: Vec<Vec<u64>>,
}

impl Pooled {
    /// Lays the histograms over each other.
    #[must_use]
    pub fn new(histograms: &[&Histogram<u64>]) -> Self {
        let mut values: Vec<u64> = histograms
            .iter()
            .flat_map(|h| h.iter_recorded().map(|step| step.value_iterated_to()))
            .collect();
        values.sort_unstable();
        values.dedup();
        let cumulative = histograms.iter().map(|h| cumulate(h, &values)).collect();
        Self { values, cumulative }
    }

    /// Invocations.
    #[must_use]
    pub fn n(&self) -> usize {
        self.cumulative.len()
    }

    /// The quantile of each invocation by itself; `None` when one has no samples.
    #[must_use]
    pub fn each(&self, q: f64) -> Option<Vec<f64>> {
        let alone = |place: usize| {
            let mut times = vec![0; self.n()];
            times[place] = 1;
            self.quantile(q, &times)
        };
        (0..self.n()).map(alone).collect()
    }

    /// Samples of all invocations together.
    #[must_use]
    pub fn samples_count(&self) -> u64 {
        self.cumulative.iter().filter_map(|c| c.last()).sum()
    }

    /// The smallest value at or below which a share `q` of the samples lies, when the histogram of
    /// invocation `i` is counted `times[i]` times. `None` without samples.
    #[must_use]
    pub fn quantile(&self, q: f64, times: &[u64]) -> Option<f64> {
        let up_to = |place: usize| -> u64 {
            self.cumulative.iter().zip(times).map(|(c, times)| c[place] * times).sum()
        };
        let last = self.values.len().checked_sub(1)?;
        let total = up_to(last);
        if total == 0 {
            return None;
        }
        let wanted = ((q * total as f64).ceil() as u64).clamp(1, total);
        let (mut low, mut high) = (0, last);
        while low < high {
            let middle = low.midpoint(high);
            if up_to(middle) >= wanted {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        Some(self.values[low] as f64)
    }
}

fn cumulate(histogram: &Histogram<u64>, values: &[u64]) -> Vec<u64> {
    let mut steps = histogram.iter_recorded().peekable();
    let mut count = 0;
    values
        .iter()
        .map(|&value| {
            while let Some(step) = steps.next_if(|s| s.value_iterated_to() <= value) {
                count += step.count_since_last_iteration();
            }
            count
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn histogram(values: &[u64]) -> Histogram<u64> {
        let mut histogram = Histogram::new(3).unwrap();
        for &value in values {
            histogram.record(value).unwrap();
        }
        histogram
    }

    proptest! {
        /// The crate that wrote the histograms is the reference: merge, then ask it.
        #[test]
        fn agrees_with_merging(
            a in prop::collection::vec(1u64..5_000_000, 1..50),
            b in prop::collection::vec(1u64..5_000_000, 1..50),
            times in (1u64..4, 0u64..4),
            percent in 1u32..=100
        ) {
            let (a, b) = (histogram(&a), histogram(&b));
            let mut merged = Histogram::<u64>::new(3).unwrap();
            for _ in 0..times.0 { merged.add(&a).unwrap(); }
            for _ in 0..times.1 { merged.add(&b).unwrap(); }
            let q = f64::from(percent) / 100.0;
            let pooled = Pooled::new(&[&a, &b]);
            let found = pooled.quantile(q, &[times.0, times.1]).unwrap();
            prop_assert_eq!(found, merged.value_at_quantile(q) as f64);
            prop_assert_eq!(pooled.samples_count(), a.len() + b.len());
        }
    }

    #[test]
    fn invocations_can_be_taken_apart() {
        let (a, b, c) = (histogram(&[1, 2, 3]), histogram(&[10, 20, 30]), histogram(&[5]));
        let pooled = Pooled::new(&[&a, &b, &c]);
        assert_eq!(pooled.each(0.5), Some(vec![2.0, 20.0, 5.0]));
        assert_eq!(Pooled::new(&[&a, &histogram(&[])]).each(0.5), None);
    }

    #[test]
    fn no_samples_have_no_quantile() {
        assert_eq!(Pooled::new(&[]).quantile(0.5, &[]), None);
        let empty = histogram(&[]);
        assert_eq!(Pooled::new(&[&empty]).quantile(0.5, &[1]), None);
        let one = histogram(&[7]);
        assert_eq!(Pooled::new(&[&one, &empty]).quantile(0.5, &[0, 2]), None);
    }
}

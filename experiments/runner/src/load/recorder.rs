//! Latencies by second of the window, merged losslessly.

use super::Window;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::V2Serializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};
use std::io::Write;
use std::time::Duration;
use weighbridge_schema::record::HEAVY_TAG;

/// One histogram per second; three significant digits, nanoseconds.
#[derive(Debug, Clone)]
pub struct Recorder {
    from_ns: u64,
    seconds: Vec<Histogram<u64>>,
}

const SIGNIFICANT_DIGITS: u8 = 3;
const SECOND_NS: u64 = 1_000_000_000;
/// No window is open for a day.
const SECONDS_MOST: usize = 86_400;
/// Values above this saturate: no request is waited for so long.
const HIGHEST_NS: u64 = 3_600 * SECOND_NS;

fn empty() -> Histogram<u64> {
    // The bounds are constants of the right order and the digits are within 0..=5, the only two things
    // that `new_with_bounds` refuses.
    #[allow(clippy::expect_used)]
    let mut histogram =
        Histogram::new_with_bounds(1, HIGHEST_NS, SIGNIFICANT_DIGITS).expect("constant bounds");
    histogram.auto(false);
    histogram
}

impl Recorder {
    /// Empty histograms for every second of `window`.
    pub fn new(window: &Window) -> Self {
        let seconds = window.length_ns().div_ceil(SECOND_NS).max(1);
        Self { from_ns: window.from_ns, seconds: (0..seconds).map(|_| empty()).collect() }
    }

    /// Counts `value_ns` to the second in which `at_ns` lies.
    pub fn record(&mut self, at_ns: u64, value_ns: u64) {
        let second = usize::try_from(at_ns.saturating_sub(self.from_ns) / SECOND_NS).unwrap_or(0);
        // A closed loop's window may stay open longer than planned.
        while self.seconds.len() <= second.min(SECONDS_MOST) {
            self.seconds.push(empty());
        }
        self.seconds[second.min(SECONDS_MOST)].saturating_record(value_ns.max(1));
    }

    /// Adds another recorder of the same window.
    pub fn merge(&mut self, other: &Self) {
        while self.seconds.len() < other.seconds.len() {
            self.seconds.push(empty());
        }
        for (mine, theirs) in self.seconds.iter_mut().zip(&other.seconds) {
            // Bounds and digits are the constants above in every recorder.
            let added = mine.add(theirs);
            debug_assert!(added.is_ok());
        }
    }

    /// All seconds together.
    pub fn total(&self) -> Histogram<u64> {
        let mut total = empty();
        for second in &self.seconds {
            let added = total.add(second);
            debug_assert!(added.is_ok());
        }
        total
    }

    /// The value below which `quantile` of all values lie; `None` when there are none.
    pub fn quantile_ns(&self, quantile: f64) -> Option<u64> {
        let total = self.total();
        (!total.is_empty()).then(|| total.value_at_quantile(quantile))
    }

    /// Values above `value_ns`, as far as three significant digits tell.
    pub fn count_above(&self, value_ns: u64) -> u64 {
        self.seconds.iter().map(|s| s.len() - s.count_between(0, value_ns)).sum()
    }

    /// Values recorded.
    pub fn samples_count(&self) -> u64 {
        self.seconds.iter().map(Histogram::len).sum()
    }

    /// Writes an HdrHistogram V2 interval log, one line per second. The logged maximum is in milliseconds. Lines of
    /// `heavy`, the heavy requests of a mix, carry its tag.
    ///
    /// # Errors
    /// Writing failed.
    pub fn write_log(
        &self,
        heavy: Option<&Self>,
        writer: &mut impl Write,
        comment: &str,
    ) -> std::io::Result<()> {
        let mut serializer = V2Serializer::new();
        let mut builder = IntervalLogWriterBuilder::new();
        builder.add_comment(comment).with_max_value_divisor(1e6);
        let mut log = builder.begin_log_with(writer, &mut serializer)?;
        let plain = self.seconds.iter().enumerate().map(|line| (line, None));
        let tagged = heavy.into_iter().flat_map(|heavy| heavy.seconds.iter().enumerate());
        for ((second, histogram), tag) in
            plain.chain(tagged.map(|line| (line, Tag::new(HEAVY_TAG))))
        {
            let start = Duration::from_secs(second as u64);
            log.write_histogram(histogram, start, Duration::from_secs(1), tag)
                .map_err(|e| std::io::Error::other(format!("{e:?}")))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const WINDOW: Window = Window { load_from_ns: 0, from_ns: 0, to_ns: 3 * SECOND_NS };

    proptest! {
        #[test]
        fn merging_loses_nothing(values in prop::collection::vec((0..3 * SECOND_NS, 1u64..SECOND_NS), 1..200)) {
            let mut whole = Recorder::new(&WINDOW);
            let mut parts = [Recorder::new(&WINDOW), Recorder::new(&WINDOW)];
            for (index, &(at, value)) in values.iter().enumerate() {
                whole.record(at, value);
                parts[index % 2].record(at, value);
            }
            let [mut left, right] = parts;
            left.merge(&right);
            prop_assert_eq!(left.samples_count(), values.len() as u64);
            prop_assert_eq!(left.total(), whole.total());
        }
    }

    #[test]
    fn nothing_recorded_has_no_quantile() {
        assert_eq!(Recorder::new(&WINDOW).quantile_ns(0.5), None);
    }

    #[test]
    fn the_log_is_read_back_and_tells_heavy_from_light() {
        use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
        let (mut recorder, mut heavy) = (Recorder::new(&WINDOW), Recorder::new(&WINDOW));
        recorder.record(2 * SECOND_NS + 1, 5_000_000);
        heavy.record(1, 90_000_000);
        let tags = |heavy: Option<&Recorder>| {
            let mut log = Vec::new();
            recorder.write_log(heavy, &mut log, "a test").unwrap();
            let entries = IntervalLogIterator::new(&log).filter_map(|entry| match entry.unwrap() {
                LogEntry::Interval(interval) => Some(interval.tag().map(|t| t.as_str().to_owned())),
                _ => None,
            });
            entries.collect::<Vec<_>>()
        };
        assert_eq!(tags(None), [None, None, None]);
        let heavy_tag = || Some(HEAVY_TAG.to_owned());
        assert_eq!(tags(Some(&heavy)), [None, None, None, heavy_tag(), heavy_tag(), heavy_tag()]);
    }
}

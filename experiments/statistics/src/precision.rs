//! How precise an interval is: what "stop when precise" asks.

use crate::bootstrap::Interval;

/// Half of the interval's width in percent of the point estimate. `None` when the estimate is 0, to which
/// nothing is relative, or when a number is not finite.
#[must_use]
pub fn relative_half_width(interval: Interval, point: f64) -> Option<f64> {
    let percent = (interval.high - interval.low) / 2.0 / point.abs() * 100.0;
    percent.is_finite().then_some(percent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_relative_to_the_estimate() {
        let interval = Interval { low: 95.0, high: 107.0 };
        assert_eq!(relative_half_width(interval, 100.0), Some(6.0));
        assert_eq!(relative_half_width(interval, -50.0), Some(12.0));
        assert_eq!(relative_half_width(Interval::exact(4.0), 4.0), Some(0.0));
        assert_eq!(relative_half_width(interval, 0.0), None);
        assert_eq!(relative_half_width(Interval::exact(0.0), 0.0), None);
    }
}

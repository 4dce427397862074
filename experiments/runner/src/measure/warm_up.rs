//! The first requests of a fresh instance, one after the other: when, if ever, is its pace steady?

use super::instance::with_instance;
use super::{Bench, Measured, Visit};
use crate::failure::{Failure, Phase};
use crate::http::{PreparedRequest, series};
use weighbridge_schema::metric::Metric;

/// Asks `iterations` times over one connection, right after the first response. That one is the cold start:
/// the series begins with the second request of the instance. Opening the connection is in none of the
/// durations.
///
/// # Errors
/// As [`super::visit`]; an answer was wrong or did not come.
pub fn measure(
    bench: &Bench<'_>,
    visit: &Visit<'_>,
    request: &PreparedRequest,
    iterations: u32,
) -> Result<Measured, Failure> {
    with_instance(bench, visit, request, |instance, reference, measured| {
        let series = series(instance.address(), request, reference, iterations)
            .map_err(Failure::at(Phase::Series))?;
        measured.set(Metric::LatencyP50, median_ns(&series.durations_ns));
        measured.set(Metric::Reconnects, Some(series.reconnects_count));
        measured.series_ns = Some(series.durations_ns);
        Ok(())
    })
}

/// The value in the middle; the mean of the two in the middle of an even number, rounded down.
fn median_ns(durations_ns: &[u64]) -> Option<u64> {
    let mut sorted = durations_ns.to_vec();
    sorted.sort_unstable();
    let above = sorted.get(sorted.len() / 2)?;
    let below = sorted.get((sorted.len() - 1) / 2)?;
    Some(below.midpoint(*above))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_even_and_odd_numbers() {
        assert_eq!(median_ns(&[]), None);
        assert_eq!(median_ns(&[9]), Some(9));
        assert_eq!(median_ns(&[9, 1, 5]), Some(5));
        assert_eq!(median_ns(&[9, 1, 5, 6]), Some(5));
    }
}

//! The figures, one file each, and what they share.

pub mod cold_start;
pub mod instructions;
pub mod latency;
pub mod throughput;

use crate::load::question::{CellKey, Question, Setting};
use crate::quantity::Quantity;
use crate::render::chart::{Chart, Errors, Point};
use crate::results::Results;
use weighbridge_schema::metric::Unit;
use weighbridge_schema::name::SubjectName;

/// Every figure, in the report's order.
#[must_use]
pub fn all(results: &Results<'_>) -> Vec<Chart> {
    vec![
        cold_start::chart(results),
        cold_start::stages(results),
        throughput::chart(results),
        latency::chart(results),
        instructions::chart(results),
    ]
}

/// The settings that figures of times draw: those of the run's own instruction set. Others stand in the tables.
pub(crate) fn own_settings<'a>(
    results: &Results<'_>,
    question: &'a Question,
) -> impl Iterator<Item = &'a Setting> {
    let own = results.run.manifest.fingerprint.architecture.clone();
    question.settings.iter().filter(move |setting| setting.architecture == own)
}

/// A subject keeps its colour and mark through all figures.
pub(crate) fn style_of(results: &Results<'_>, subject: &SubjectName) -> usize {
    results.subjects().iter().position(|name| *name == subject).unwrap_or(0)
}

/// A summary as a point; `across` is its place on the other axis. Times are drawn in milliseconds.
pub(crate) fn point(
    results: &Results<'_>,
    key: &CellKey,
    quantity: Quantity,
    errors: Errors,
    across: f64,
) -> Option<Point> {
    let summary = results.summary(key, quantity)?;
    let divisor = if quantity.unit() == Unit::Nanoseconds { 1e6 } else { 1.0 };
    let at = summary.point / divisor;
    let interval = summary.interval.map(|i| (i.low / divisor, i.high / divisor));
    Some(match errors {
        Errors::X => Point { x: at, y: across, interval },
        Errors::Y => Point { x: across, y: at, interval },
    })
}

/// Moves series apart on a log axis, so that marks at the same setting do not hide each other.
pub(crate) fn dodge(at: f64, place: usize, count: usize) -> f64 {
    let offset = place as f64 - (count.saturating_sub(1)) as f64 / 2.0;
    at * 1.05f64.powf(offset)
}

//! Bytes shipped per service, and bytes that must already be on the machine.

use crate::load::question::Kind;
use crate::quantity::Quantity;
use crate::render::table::{Align, Table};
use crate::render::tables::{number_cell, ratio_cell, rows_by_setting, subject_cell, versus_title};
use crate::results::Results;
use weighbridge_schema::metric::Metric;

/// Rows: subject.
#[must_use]
pub fn table(results: &Results<'_>) -> Table {
    let versus = versus_title(results, Kind::ArtifactSize);
    let mut table = Table::new(
        "artifact-size",
        "Size: shipped per service, and with the runtime",
        &[
            ("subject", Align::Left),
            ("shipped", Align::Right),
            (&versus, Align::Right),
            ("gzip -6", Align::Right),
            ("zstd -19", Align::Right),
            ("base layers", Align::Right),
            ("own layer", Align::Right),
            ("runtime", Align::Right),
            ("with runtime", Align::Right),
        ],
    );
    let shipped = Quantity::Metric(Metric::Shipped);
    rows_by_setting(results, Kind::ArtifactSize, &mut table, |question, key| {
        let number = |metric| number_cell(results, key, Quantity::Metric(metric));
        vec![
            subject_cell(key),
            number(Metric::Shipped),
            ratio_cell(results, question, key, shipped),
            number(Metric::ShippedGzip),
            number(Metric::ShippedZstd),
            number(Metric::BaseLayers),
            number(Metric::OwnLayer),
            number(Metric::Runtime),
            number(Metric::WithRuntime),
        ]
    });
    table
}

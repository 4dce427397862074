//! Instructions that an emulator counted: until the subject is ready, for its first call, and for each additional one.

use crate::load::question::Kind;
use crate::quantity::Quantity;
use crate::render::table::{Align, Table};
use crate::render::tables::{number_cell, ratio_cell, rows_by_setting, subject_cell, versus_title};
use crate::results::Results;
use weighbridge_schema::metric::Metric;

/// Rows: subject, by workload and architecture.
#[must_use]
pub fn table(results: &Results<'_>) -> Table {
    let versus = versus_title(results, Kind::Instructions);
    let mut table = Table::new(
        "instructions",
        "Instructions executed, in-process calls, counted by an emulator",
        &[
            ("subject", Align::Left),
            ("until ready", Align::Right),
            ("first call", Align::Right),
            ("each further call", Align::Right),
            (&versus, Align::Right),
        ],
    );
    let steady = Quantity::Metric(Metric::InstructionsPerCall);
    rows_by_setting(results, Kind::Instructions, &mut table, |question, key| {
        let number = |metric| number_cell(results, key, Quantity::Metric(metric));
        vec![
            subject_cell(key),
            number(Metric::InstructionsToReady),
            number(Metric::InstructionsFirstCall),
            number(Metric::InstructionsPerCall),
            ratio_cell(results, question, key, steady),
        ]
    });
    table
}

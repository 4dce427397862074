//! Memory of an idle and of a loaded instance.

use crate::load::question::Kind;
use crate::quantity::Quantity;
use crate::render::table::{Align, Table};
use crate::render::tables::{
    n_cell, number_cell, ratio_cell, rows_by_setting, subject_cell, versus_title,
};
use crate::results::Results;
use weighbridge_schema::metric::Metric;

/// Rows: workload x idle or loaded x subject.
#[must_use]
pub fn table(results: &Results<'_>) -> Table {
    let versus = format!("PSS {}", versus_title(results, Kind::Memory));
    let mut table = Table::new(
        "memory",
        "Memory of one instance",
        &[
            ("subject", Align::Left),
            ("PSS [95 % interval]", Align::Right),
            (&versus, Align::Right),
            ("USS", Align::Right),
            ("cgroup peak", Align::Right),
            ("shim PSS", Align::Right),
            ("n", Align::Right),
        ],
    );
    let pss = Quantity::Metric(Metric::Pss);
    rows_by_setting(results, Kind::Memory, &mut table, |question, key| {
        let number = |metric| number_cell(results, key, Quantity::Metric(metric));
        vec![
            subject_cell(key),
            number(Metric::Pss),
            ratio_cell(results, question, key, pss),
            number(Metric::Uss),
            number(Metric::CgroupPeak),
            number(Metric::ShimPss),
            n_cell(results, key, pss),
        ]
    });
    table
}

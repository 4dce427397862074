//! Memory of an idle and of a loaded instance.

use crate::load::question::Setting;
use crate::render::table::{Align, Table};
use crate::render::tables::marginal::is_copies;
use crate::render::tables::{
    n_cell, number_cell, ratio_cell, rows_where, subject_cell, versus_title,
};
use crate::results::Results;
use weighbridge_schema::method::QuestionKind;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::quantity::Quantity;

/// Rows: workload x idle or loaded x subject.
#[must_use]
pub fn table(results: &Results<'_>) -> Table {
    let versus = format!("PSS {}", versus_title(results, QuestionKind::Memory));
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
    let is_single = |setting: &Setting| !is_copies(setting.parameter);
    rows_where(results, QuestionKind::Memory, is_single, &mut table, |question, key| {
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

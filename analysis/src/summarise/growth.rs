//! How the CPU time of a request grows with what varies from cell to cell: within each block, the slope of its
//! logarithm over that of the size. 0 means that it stays the same, 1 that it grows in proportion, more that it grows
//! faster.

use crate::load::question::{CellKey, Question};
use crate::summarise::samples::{Grouped, Numbers};
use std::collections::BTreeMap;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::parameter::Parameter;
use weighbridge_schema::quantity::Quantity;
use weighbridge_statistics::slope::{Point, block_slopes};

/// Where an experiment's exponents are filed: under the subject, without what varies.
pub(crate) fn exponent_key(measured: &CellKey) -> CellKey {
    let mut key = measured.with_parameter(Parameter::None);
    key.cell.workload = None;
    key
}

/// The exponents of every subject that was measured in several sizes, one per block. Their median and its interval are
/// those of [`weighbridge_statistics::slope::slope`].
pub(crate) fn derive(questions: &[Question], grouped: &Grouped) -> Grouped {
    let mut points: BTreeMap<CellKey, Vec<Point>> = BTreeMap::new();
    for ((key, quantity), numbers) in grouped {
        if *quantity != Quantity::Metric(Metric::RequestsPerCpuSecond) {
            continue;
        }
        let Some(size) = size_of(questions, key) else { continue };
        let of = points.entry(exponent_key(key)).or_default();
        let rates = numbers.by_invocation().filter(|(_, rate)| *rate > 0.0);
        of.extend(rates.map(|(block, rate)| (size.ln(), -rate.ln(), block)));
    }
    let slopes = points.into_iter().map(|(key, points)| (key, block_slopes(&points)));
    let with_any = slopes.filter(|(_, slopes)| !slopes.is_empty());
    let quantity = Quantity::Metric(Metric::GrowthExponent);
    with_any.map(|(key, slopes)| ((key, quantity), Numbers::new(slopes))).collect()
}

/// How large what grows is in a cell; `None` where nothing does.
fn size_of(questions: &[Question], key: &CellKey) -> Option<f64> {
    let question = questions.iter().find(|question| question.experiment == key.experiment)?;
    let size = question.growth.as_ref()?.size(key.cell.workload.as_ref(), key.cell.parameter)?;
    #[expect(clippy::cast_precision_loss, reason = "no definition asks for 2^53 pixels")]
    Some(size as f64)
}

//! What each further instance adds: within each block, the slope of the memory of several instances side by side over
//! their number. Sums over processes share what is shared, and the slope leaves out what is there once.

use crate::load::question::CellKey;
use crate::quantity::Quantity;
use crate::summarise::samples::{Grouped, Numbers};
use std::collections::BTreeMap;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::parameter::Parameter;
use weighbridge_statistics::slope::{Point, block_slopes};

/// The slope of which reading becomes which quantity.
const DERIVED: [(Metric, Metric); 2] =
    [(Metric::Pss, Metric::MarginalPss), (Metric::Uss, Metric::MarginalUss)];

/// The slopes of every subject that was measured in several numbers of copies: one per block, filed under the same
/// cell without a parameter. Their median and its interval are those of
/// [`weighbridge_statistics::slope::slope`].
pub(crate) fn derive(grouped: &Grouped) -> Grouped {
    let mut points: BTreeMap<(CellKey, Quantity), Vec<Point>> = BTreeMap::new();
    for ((key, quantity), numbers) in grouped {
        let Parameter::Copies(copies) = key.cell.parameter else { continue };
        let Some(derived) = derived_from(*quantity) else { continue };
        let of = points.entry((key.with_parameter(Parameter::None), derived)).or_default();
        let copies = f64::from(copies);
        of.extend(numbers.by_invocation().map(|(block, value)| (copies, value, block)));
    }
    let slopes = points.into_iter().map(|(key, points)| (key, block_slopes(&points)));
    let with_any = slopes.filter(|(_, slopes)| !slopes.is_empty());
    with_any.map(|(key, slopes)| (key, Numbers::new(slopes))).collect()
}

fn derived_from(quantity: Quantity) -> Option<Quantity> {
    let pair = DERIVED.iter().find(|(reading, _)| quantity == Quantity::Metric(*reading));
    pair.map(|(_, derived)| Quantity::Metric(*derived))
}

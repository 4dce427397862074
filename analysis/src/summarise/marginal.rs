//! What each additional instance adds: within each block, the slope of the memory of several instances side by side
//! over their number. Sums over processes share what is shared, and the slope leaves out what is there once.

use crate::load::question::CellKey;
use crate::summarise::samples::{Grouped, Numbers};
use std::collections::BTreeMap;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::parameter::Parameter;
use weighbridge_schema::quantity::Quantity;
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
        // The pages of the program's file are private to a single instance and shared from the second on: USS
        // falls there, and its slope begins at two.
        if derived == Quantity::Metric(Metric::MarginalUss) && copies < 2 {
            continue;
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use weighbridge_schema::plan::Cell;

    fn key(parameter: Parameter) -> CellKey {
        let cell = Cell {
            subject: "native".parse().unwrap(),
            workload: Some("healthz".parse().unwrap()),
            architecture: "x86_64".to_owned(),
            parameter,
        };
        CellKey { experiment: "memory".parse().unwrap(), cell }
    }

    /// Files of 3 MB, mapped by all; 1 MB of each instance's own.
    #[test]
    fn the_file_that_all_share_is_in_no_slope() {
        let mut grouped = Grouped::new();
        for copies in [1u32, 2, 4] {
            let unshared = f64::from(copies);
            let readings = [
                (Metric::Pss, 3.0 + unshared),
                (Metric::Uss, if copies == 1 { 4.0 } else { unshared }),
            ];
            for (metric, value) in readings {
                let numbers = Numbers::new((0..6).map(|block| (block, value)).collect());
                grouped.insert((key(Parameter::Copies(copies)), Quantity::Metric(metric)), numbers);
            }
        }
        let derived = derive(&grouped);
        for metric in [Metric::MarginalPss, Metric::MarginalUss] {
            let slopes = &derived[&(key(Parameter::None), Quantity::Metric(metric))];
            assert!(
                slopes.by_invocation().all(|(_, slope)| (slope - 1.0).abs() < 1e-9),
                "{metric:?}"
            );
        }
    }
}

//! What each additional tenant takes: within each visit, the slope over the number of tenants of what was read at the
//! levels of its raise. The daemons, and a host's own memory, are there once and in no slope.

use crate::load::question::CellKey;
use crate::summarise::samples::{Grouped, Numbers, Visited};
use std::collections::BTreeMap;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::parameter::Parameter;
use weighbridge_schema::quantity::Quantity;
use weighbridge_statistics::slope::{Point, block_slopes};

/// What was read in one visit: the trial's cell, the metric, invocation and repetition.
type Reading = (CellKey, Metric, u32, u32);

const GIB_BYTES: f64 = (1u64 << 30) as f64;

/// What follows from the slope of a reading, in bytes for each tenant.
fn derived_from(reading: Metric, slope: f64) -> Vec<(Metric, f64)> {
    match reading {
        // Without a slope above 0 nobody can say how many fit.
        Metric::PackingPss if slope > 0.0 => {
            vec![(Metric::TenantPss, slope), (Metric::TenantsPerGib, GIB_BYTES / slope)]
        }
        Metric::PackingPss => vec![(Metric::TenantPss, slope)],
        Metric::Available => vec![(Metric::TenantAvailable, -slope)],
        _ => Vec::new(),
    }
}

/// The slopes of every visit with two levels or more, filed under the cell of its trial. Each keeps its repetition, so
/// that it is compared with what was measured beside it.
pub(crate) fn derive(grouped: &Grouped) -> Grouped {
    let mut raises: BTreeMap<Reading, (Visited, Vec<Point>)> = BTreeMap::new();
    for ((key, quantity), numbers) in grouped {
        let (Parameter::Tenants(tenants), Quantity::Metric(metric)) =
            (key.cell.parameter, *quantity)
        else {
            continue;
        };
        let key = key.with_parameter(Parameter::None);
        for visit in numbers.visits() {
            let raise = (key.clone(), metric, visit.invocation, visit.repeat);
            let (_, points) = raises.entry(raise).or_insert_with(|| (*visit, Vec::new()));
            points.push((f64::from(tenants), visit.value, 0));
        }
    }
    let mut derived: BTreeMap<(CellKey, Quantity), Vec<Visited>> = BTreeMap::new();
    for ((key, metric, ..), (visit, points)) in raises {
        let Some(&slope) = block_slopes(&points).get(&0) else { continue };
        for (metric, value) in derived_from(metric, slope) {
            let of = derived.entry((key.clone(), Quantity::Metric(metric))).or_default();
            of.push(Visited { value, ..visit });
        }
    }
    derived.into_iter().map(|(key, visits)| (key, Numbers::of_visits(visits.into_iter()))).collect()
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
        CellKey { experiment: "density".parse().unwrap(), cell }
    }

    fn read(levels: &[u32], metric: Metric, value: impl Fn(f64) -> f64) -> Grouped {
        let numbers = |tenants: u32| {
            let value = value(f64::from(tenants));
            Numbers::new((0..6).map(|block| (block, value)).collect())
        };
        let of = |&n: &u32| ((key(Parameter::Tenants(n)), Quantity::Metric(metric)), numbers(n));
        levels.iter().map(of).collect()
    }

    fn only(derived: &Grouped, metric: Metric) -> Vec<f64> {
        let numbers = derived.get(&(key(Parameter::None), Quantity::Metric(metric)));
        numbers.into_iter().flat_map(Numbers::by_invocation).map(|(_, value)| value).collect()
    }

    /// Daemons of 128 MiB; 8 MiB for each tenant.
    #[test]
    fn what_is_there_once_is_in_no_slope_and_a_gib_holds_its_quotient() {
        let mib = f64::from(1 << 20);
        let grouped = read(&[1, 2, 4, 8], Metric::PackingPss, |n| (128.0 + 8.0 * n) * mib);
        let derived = derive(&grouped);
        assert_eq!(only(&derived, Metric::TenantPss), [8.0 * mib; 6]);
        assert_eq!(only(&derived, Metric::TenantsPerGib), [128.0; 6]);
        let grouped = read(&[1, 2, 4], Metric::Available, |n| (900.0 - 9.0 * n) * mib);
        assert_eq!(only(&derive(&grouped), Metric::TenantAvailable), [9.0 * mib; 6]);
    }

    #[test]
    fn of_one_level_nothing_follows_and_of_no_growth_no_number_that_fits() {
        assert!(derive(&read(&[4], Metric::PackingPss, |n| n)).is_empty());
        let derived = derive(&read(&[1, 2], Metric::PackingPss, |n| 100.0 - n));
        assert_eq!(only(&derived, Metric::TenantPss), [-1.0; 6]);
        assert!(only(&derived, Metric::TenantsPerGib).is_empty());
    }
}

//! What an attack makes of a tenant's latency: within each visit as a multiple of that before the attack, and within
//! each block that multiple beside the one of the control, in which nobody attacks.

use crate::load::question::CellKey;
use crate::summarise::samples::{Grouped, Numbers, Visited};
use std::collections::BTreeMap;
use weighbridge_schema::attack::Attack;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::parameter::Parameter;
use weighbridge_schema::quantity::Quantity;

/// During the attack, before it, and what the quotient of the two is called.
const TIMES: [(Metric, Metric, Metric); 2] = [
    (Metric::LatencyP50, Metric::BeforeLatencyP50, Metric::P50TimesBefore),
    (Metric::LatencyP99, Metric::BeforeLatencyP99, Metric::P99TimesBefore),
];

/// The quotients of every visit that has both numbers.
pub(crate) fn times_before(grouped: &Grouped) -> Grouped {
    let mut derived = Grouped::new();
    for (during, before, times) in TIMES {
        for ((key, numbers), before) in pairs(grouped, during, before) {
            let place = |visit: &Visited| (visit.invocation, visit.repeat);
            let before: BTreeMap<(u32, u32), f64> =
                before.visits().map(|visit| (place(visit), visit.value)).collect();
            let quotient = |visit: &Visited| {
                let before = before.get(&place(visit)).filter(|&&before| before > 0.0)?;
                Some(Visited { value: visit.value / before, ..*visit })
            };
            let visits: Vec<Visited> = numbers.visits().filter_map(quotient).collect();
            insert(&mut derived, key, times, Numbers::of_visits(visits.into_iter()));
        }
    }
    derived
}

/// The cells that have both metrics, with the numbers of each.
fn pairs(
    grouped: &Grouped,
    during: Metric,
    before: Metric,
) -> impl Iterator<Item = ((&CellKey, &Numbers), &Numbers)> {
    let of = grouped.iter().filter(move |((_, quantity), _)| *quantity == Quantity::Metric(during));
    of.filter_map(move |((key, _), numbers)| {
        let before = grouped.get(&(key.clone(), Quantity::Metric(before)))?;
        Some(((key, numbers), before))
    })
}

/// Of the 99th percentile: each attack's multiple by the control's of the same block.
pub(crate) fn times_control(grouped: &Grouped) -> Grouped {
    let quantity = Quantity::Metric(Metric::P99TimesBefore);
    let mut derived = Grouped::new();
    for ((key, _), numbers) in grouped.iter().filter(|((_, of), _)| *of == quantity) {
        let Parameter::Attack(attack) = key.cell.parameter else { continue };
        let control = key.with_parameter(Parameter::Attack(Attack::None));
        let Some(control) = grouped.get(&(control, quantity)).filter(|_| attack != Attack::None)
        else {
            continue;
        };
        let control: BTreeMap<u32, f64> = control.by_invocation().collect();
        let quotient = |(block, times): (u32, f64)| {
            let control = control.get(&block).filter(|&&control| control > 0.0)?;
            Some((block, times / control))
        };
        let quotients = numbers.by_invocation().filter_map(quotient).collect();
        insert(&mut derived, key, Metric::P99TimesControl, Numbers::new(quotients));
    }
    derived
}

/// Without a number that counts there is nothing to say.
fn insert(derived: &mut Grouped, key: &CellKey, metric: Metric, numbers: Numbers) {
    if numbers.by_invocation().next().is_some() {
        derived.insert((key.clone(), Quantity::Metric(metric)), numbers);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weighbridge_schema::plan::Cell;

    fn key(attack: Attack) -> CellKey {
        let cell = Cell {
            subject: "native".parse().unwrap(),
            workload: Some("healthz".parse().unwrap()),
            architecture: "x86_64".to_owned(),
            parameter: Parameter::Attack(attack),
        };
        CellKey { experiment: "neighbour".parse().unwrap(), cell }
    }

    fn put(grouped: &mut Grouped, attack: Attack, metric: Metric, values: &[f64]) {
        let numbers = Numbers::new((0..).zip(values.iter().copied()).collect());
        grouped.insert((key(attack), Quantity::Metric(metric)), numbers);
    }

    fn only(grouped: &Grouped, attack: Attack, metric: Metric) -> Vec<f64> {
        let numbers = grouped.get(&(key(attack), Quantity::Metric(metric)));
        numbers.into_iter().flat_map(Numbers::by_invocation).map(|(_, value)| value).collect()
    }

    #[test]
    fn an_attack_is_a_multiple_of_what_was_before_and_of_the_control() {
        let mut grouped = Grouped::new();
        put(&mut grouped, Attack::None, Metric::BeforeLatencyP99, &[100.0, 200.0]);
        put(&mut grouped, Attack::None, Metric::LatencyP99, &[200.0, 200.0]);
        put(&mut grouped, Attack::Spin, Metric::BeforeLatencyP99, &[100.0, 100.0]);
        put(&mut grouped, Attack::Spin, Metric::LatencyP99, &[600.0, 500.0]);
        // Nothing was measured during this one, and before that one.
        put(&mut grouped, Attack::Disk, Metric::BeforeLatencyP99, &[100.0]);
        put(&mut grouped, Attack::Allocate, Metric::LatencyP99, &[100.0]);
        let times = times_before(&grouped);
        assert_eq!(only(&times, Attack::None, Metric::P99TimesBefore), [2.0, 1.0]);
        assert_eq!(only(&times, Attack::Spin, Metric::P99TimesBefore), [6.0, 5.0]);
        assert_eq!(times.len(), 2);
        grouped.extend(times);
        let beside = times_control(&grouped);
        assert_eq!(only(&beside, Attack::Spin, Metric::P99TimesControl), [3.0, 5.0]);
        assert_eq!(beside.len(), 1, "the control is not its own");
    }

    #[test]
    fn a_visit_is_divided_by_itself_and_a_block_without_a_control_says_nothing() {
        let mut grouped = Grouped::new();
        let visit = |repeat, value| Visited {
            invocation: 0,
            repeat,
            counts: repeat == 1,
            is_disturbed: repeat == 0,
            value,
        };
        for (metric, values) in
            [(Metric::BeforeLatencyP50, [10.0, 20.0]), (Metric::LatencyP50, [50.0, 60.0])]
        {
            let visits = [visit(0, values[0]), visit(1, values[1])];
            let numbers = Numbers::of_visits(visits.into_iter());
            grouped.insert((key(Attack::Spin), Quantity::Metric(metric)), numbers);
        }
        let times = times_before(&grouped);
        assert_eq!(only(&times, Attack::Spin, Metric::P50TimesBefore), [3.0]);
        assert!(times_control(&times).is_empty());
    }
}

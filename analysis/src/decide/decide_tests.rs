//! Tests of decisions: the cheapest packing for certain, and what would change it.

use super::flip::{Flip, Input, flips};
use super::measured::{Known, Packing, Workload};
use super::*;
use std::collections::BTreeMap;

const MIB: f64 = (1u64 << 20) as f64;

/// Five percent to either side.
fn about(point: f64) -> Known {
    Ok(Estimate { point, interval: Some(Interval { low: point * 0.95, high: point * 1.05 }) })
}

fn lacking() -> Lacking {
    Lacking {
        what: "CPU time of an idle tenant",
        cell: "idle/healthz/-/process/idle_cpu_per_hour".to_owned(),
        why: "the run ended before its trials".to_owned(),
        command: "cargo xtask run idle --subject process".to_owned(),
    }
}

/// Memory there once and of a tenant, MiB; CPU time of a request, times; of a start, CPU and all, ms.
fn packing(name: &str, is_shared: bool, [once, tenant, factor, cpu, latency]: [f64; 5]) -> Packing {
    Packing {
        subject: name.to_owned(),
        is_shared,
        once_bytes: about(once * MIB),
        tenant_bytes: about(tenant * MIB),
        idle_cores: about(0.0),
        start_cpu_s: about(cpu / 1e3),
        start_latency_s: about(latency / 1e3),
        cpu_factors: BTreeMap::from([("thumbnail".to_owned(), about(factor))]),
    }
}

fn measured() -> Measured {
    Measured {
        baseline: "process".to_owned(),
        workloads: vec![Workload { name: "thumbnail".to_owned(), baseline_cpu_s: 0.01 }],
        packings: vec![
            packing("process", false, [2.0, 4.0, 1.0, 20.0, 20.0]),
            packing("container", false, [130.0, 8.0, 1.0, 90.0, 150.0]),
            packing("tenants", true, [4.0, 0.3, 1.6, 0.5, 0.5]),
        ],
    }
}

fn asked(rate_per_s: f64) -> Asked<'static> {
    Asked {
        load: Load {
            rate_per_s,
            cpu_per_request_s: 0.01,
            tenants_count: 200.0,
            bound_s: None,
            idle_timeout_s: 60.0,
        },
        prices: Prices { vcpu_hour: 12.0, gib_hour: 1.0 },
        workload: "thumbnail",
    }
}

fn choice(packing: &str, policy: Policy) -> Choice {
    Choice { packing: packing.to_owned(), policy }
}

#[test]
fn every_packing_stands_under_its_two_policies_the_cheapest_first() {
    let decision = decide(&measured(), &asked(0.05));
    assert_eq!(decision.rows.len(), 6);
    assert!(decision.not_measured.is_empty());
    let costs: Vec<f64> = decision.rows.iter().map(|row| row.cost_per_month.point).collect();
    assert!(costs.is_sorted(), "{costs:?}");
    let policies = |name: &str| {
        let of = decision.rows.iter().filter(|row| row.packing == name);
        let mut policies: Vec<Policy> = of.map(|row| row.policy).collect();
        policies.sort();
        policies
    };
    assert_eq!(policies("process"), [Policy::AlwaysOn, Policy::ScaleToZero]);
    assert_eq!(policies("tenants"), [Policy::ScaleToZero, Policy::InstancePerRequest]);
}

/// What is seldom asked takes memory, of which tenants have little; what computes all the time takes CPU, of which the
/// process has little.
#[test]
fn the_answer_follows_the_load() {
    let seldom = decide(&measured(), &asked(1e-4)).answer;
    assert_eq!(seldom, Answer::Take(choice("tenants", Policy::ScaleToZero)));
    let Answer::Open(often) = decide(&measured(), &asked(2.0)).answer else { panic!("decided") };
    // Container and process differ by a few percent of the CPU time, and that is what the intervals have.
    assert_eq!(often[0], choice("process", Policy::AlwaysOn));
    assert!(often.contains(&choice("container", Policy::AlwaysOn)), "{often:?}");
    assert!(!often.contains(&choice("tenants", Policy::InstancePerRequest)), "{often:?}");
}

/// Where a tenant is asked sixty times within the timeout, none is ended: it is not open between that and being always
/// on.
#[test]
fn a_policy_that_never_ends_anything_is_no_other_one() {
    let mut measured = measured();
    measured.packings.truncate(1);
    let decision = decide(&measured, &asked(1.0));
    assert!(decision.rows.iter().any(Row::never_ends));
    assert_eq!(decision.answer, Answer::Take(choice("process", Policy::AlwaysOn)));
}

#[test]
fn a_parameter_that_was_not_measured_takes_its_packing_out_by_name() {
    let mut measured = measured();
    measured.packings[0].idle_cores = Err(lacking());
    measured.packings[1].start_cpu_s = Err(lacking());
    let decision = decide(&measured, &asked(0.05));
    let rows: Vec<Choice> = decision.rows.iter().map(Row::choice).collect();
    assert!(rows.iter().all(|row| row.packing != "process"));
    assert!(rows.contains(&choice("container", Policy::AlwaysOn)), "starts are not in it");
    assert!(!rows.contains(&choice("container", Policy::ScaleToZero)));
    let lacking: Vec<_> = decision.not_measured.iter().map(|row| row.lacking.as_slice()).collect();
    assert_eq!(lacking, [[self::lacking()], [self::lacking()], [self::lacking()]]);

    for packing in &mut measured.packings {
        packing.cpu_factors.clear();
    }
    let decision = decide(&measured, &asked(0.05));
    assert_eq!((decision.rows.len(), decision.answer), (0, Answer::NotMeasured));
    assert_eq!(decision.not_measured[0].lacking.len(), 2, "all that lacks is named");
}

#[test]
fn what_cannot_keep_to_the_bound_is_not_taken() {
    let mut asked = asked(1e-4);
    let take = |asked: &Asked<'_>| decide(&measured(), asked).answer;
    // 16 ms of CPU time of the tenants are above 14, and so are starts; 10 ms of the others are not.
    asked.load.bound_s = Some(0.014);
    assert_eq!(take(&asked), Answer::Take(choice("process", Policy::AlwaysOn)));
    // The interval of the tenants' CPU time holds 16 ms.
    asked.load.bound_s = Some(0.016);
    let Answer::Open(open) = take(&asked) else { panic!("decided") };
    assert_eq!(open[0].packing, "tenants");
    assert!(open.iter().any(|choice| choice.packing == "process"), "{open:?}");
    asked.load.bound_s = Some(0.001);
    assert_eq!(take(&asked), Answer::AllAbove);
}

#[test]
fn without_intervals_nothing_is_decided() {
    let mut measured = measured();
    for packing in &mut measured.packings {
        packing.tenant_bytes =
            packing.tenant_bytes.clone().map(|known| Estimate { interval: None, ..known });
    }
    assert!(matches!(decide(&measured, &asked(1e-4)).answer, Answer::Open(_)));
}

fn of(flips: &[Flip], input: Input) -> &Flip {
    flips.iter().find(|flip| flip.input == input).unwrap()
}

#[test]
fn the_nearest_value_that_changes_the_answer_is_found() {
    let (measured, asked) = (measured(), asked(1e-4));
    let now = decide(&measured, &asked).answer;
    let found = flips(&measured, &asked);
    assert!(found.iter().all(|flip| flip.input != Input::Bound), "no bound was asked for");
    let change = of(&found, Input::Rate).change.clone().unwrap();
    let at = |value: f64| decide(&measured, &Input::Rate.with(&asked, value)).answer;
    assert!(!at(change.value).is_same(&now) && at(change.value) == change.answer);
    let nearer = change.value * if change.value > 1e-4 { 0.999 } else { 1.001 };
    assert!(at(nearer).is_same(&now), "{change:?} is not the nearest");
    for flip in &found {
        let Some(change) = &flip.change else { continue };
        let answer = decide(&measured, &flip.input.with(&asked, change.value)).answer;
        assert_eq!(answer, change.answer, "{flip:?}");
        if let Some(then) = &flip.then {
            assert!(matches!(then.answer, Answer::Take(_)) && then.answer != now, "{flip:?}");
            assert_eq!(then.value > change.value, change.value > flip.now, "{flip:?}");
        }
    }
}

#[test]
fn where_nothing_changes_the_answer_that_is_said() {
    let mut measured = measured();
    // One packing, and a policy that ends nothing whatever the other things are.
    measured.packings.truncate(1);
    for flip in flips(&measured, &asked(5.0)) {
        assert_eq!(flip.change.is_some(), flip.input == Input::Rate, "{flip:?}");
    }
}

#[test]
fn tenants_are_tried_as_whole_numbers() {
    let found = flips(&measured(), &asked(1e-4));
    let change = of(&found, Input::Tenants).change.as_ref().unwrap();
    assert_eq!(change.value.fract(), 0.0);
    assert!(change.value < 200.0, "few tenants do not pay for a host: {change:?}");
}

#[test]
fn the_nearest_workload_is_that_of_the_most_alike_cpu_time() {
    let workload = |name: &str, baseline_cpu_s| Workload { name: name.to_owned(), baseline_cpu_s };
    let workloads = vec![workload("healthz", 2e-5), workload("thumbnail", 1e-2)];
    let measured = Measured { workloads, ..measured() };
    let name = |cpu: f64| measured.nearest_workload(cpu).unwrap().name.clone();
    // Their geometric mean is 447 us.
    assert_eq!((name(4.4e-4), name(4.6e-4)), ("healthz".to_owned(), "thumbnail".to_owned()));
}

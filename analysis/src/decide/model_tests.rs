//! Tests of the model: values computed by hand, and what must grow with what.

use super::*;
use proptest::prelude::*;

fn sampled(low: f64, point: f64, high: f64) -> Estimate {
    Estimate { point, interval: Some(Interval { low, high }) }
}

const GIB: f64 = GIB_BYTES;

/// Round numbers, so that results can be computed by hand.
fn container() -> Parameters {
    Parameters {
        once_bytes: sampled(0.9 * GIB, GIB, 1.1 * GIB),
        tenant_bytes: sampled(0.009 * GIB, 0.01 * GIB, 0.011 * GIB),
        idle_cores: sampled(0.0, 0.000_1, 0.000_2),
        cpu_factor: sampled(1.0, 1.25, 1.5),
        start: Some(Start { cpu_s: sampled(0.05, 0.06, 0.07), latency_s: sampled(0.1, 0.2, 0.3) }),
    }
}

fn load() -> Load {
    Load {
        rate_per_s: 0.05,
        cpu_per_request_s: 0.008,
        tenants_count: 200.0,
        bound_s: None,
        idle_timeout_s: 20.0,
    }
}

const PRICES: Prices = Prices { vcpu_hour: 12.0, gib_hour: 1.0 };

fn near(found: f64, expected: f64) {
    assert!((found - expected).abs() <= 1e-9 * expected.abs(), "{found} and not {expected}");
}

/// 200 tenants of 0.01 GiB beside 1 GiB: 3 GiB. Each uses 0.05 x 0.01 s of CPU for requests and 0.0001 for nothing:
/// 200 x 0.0006 = 0.12 cores. 730 h x (0.12 x 12 + 3) = 3,241.2.
#[test]
fn always_on_is_computed_by_hand() {
    let used = container().used(End::Point, Policy::AlwaysOn, &load(), &PRICES).unwrap();
    near(used.memory_bytes, 3.0 * GIB);
    near(used.cores, 0.12);
    near(used.cost_per_month, 3_241.2);
    near(used.p99_least_s, 0.01);
    near(started_share(Policy::AlwaysOn, &load()), 0.0);
}

/// Gaps of 20 s on average and a timeout of 20 s: 1/e of the requests meet a start. A tenant is up for 1 - 1/e of the
/// time, and for 0.21 s after each of 0.05/e starts a second: 0.636 in all. It uses 0.05 x (0.01 s and 0.06/e s) of CPU
/// time, and 0.0001 while it is up.
#[test]
fn scaling_to_zero_is_computed_by_hand() {
    let used = container().used(End::Point, Policy::ScaleToZero, &load(), &PRICES).unwrap();
    let started = 0.367_879_441_171_442_3;
    let up = 0.632_120_558_828_557_7 + started * 0.05 * 0.21;
    near(started_share(Policy::ScaleToZero, &load()), started);
    near(used.memory_bytes, (1.0 + 2.0 * up) * GIB);
    near(used.cores, 200.0 * (0.000_5 + 0.003 * started + 0.000_1 * up));
    near(used.cost_per_month, 730.0 * (12.0 * used.cores + used.memory_bytes / GIB));
    near(used.p99_least_s, 0.21);
}

#[test]
fn few_starts_are_not_in_the_99th_percentile() {
    let at = |idle_timeout_s: f64| {
        let load = Load { idle_timeout_s, ..load() };
        container().used(End::Point, Policy::ScaleToZero, &load, &PRICES).unwrap().p99_least_s
    };
    // exp(-3.9) is 2.02 %, and exp(-3.95) 1.93 %.
    near(at(3.9 / 0.05), 0.21);
    near(at(3.95 / 0.05), 0.01);
}

#[test]
fn an_instance_that_is_ended_at_once_is_started_by_every_request() {
    let load = Load { idle_timeout_s: 0.0, ..load() };
    near(started_share(Policy::ScaleToZero, &load), 1.0);
    let used = container().used(End::Point, Policy::ScaleToZero, &load, &PRICES).unwrap();
    // It is up for 0.21 s in each 20 s.
    near(used.memory_bytes, (1.0 + 2.0 * 0.05 * 0.21) * GIB);
}

#[test]
fn what_has_no_interval_has_no_ends() {
    let parameters =
        Parameters { idle_cores: Estimate { point: 0.0, interval: None }, ..container() };
    let used = |end| parameters.used(end, Policy::AlwaysOn, &load(), &PRICES);
    assert!(used(End::Point).is_some());
    assert_eq!((used(End::Low), used(End::High)), (None, None));
}

#[test]
fn one_packings_policies_are_compared_by_what_they_do_not_share() {
    let is_cheaper = |policy, other, rate_per_s: f64| {
        container().is_cheaper_under(policy, other, &Load { rate_per_s, ..load() }, &PRICES)
    };
    let (on, zero) = (Policy::AlwaysOn, Policy::ScaleToZero);
    // Seldom asked: a start now and then costs less than memory all day, by whatever the intervals hold.
    assert!(is_cheaper(zero, on, 1e-5) && !is_cheaper(on, zero, 1e-5));
    // A start for every second request, of 0.05 s of CPU and more, costs more than half of the memory.
    assert!(is_cheaper(on, zero, 0.035) && !is_cheaper(zero, on, 0.035));
}

fn estimates() -> impl Strategy<Value = Estimate> {
    (0.0..10.0f64, 0.0..10.0f64, 0.0..10.0f64)
        .prop_map(|(low, up, more)| sampled(low, low + up, low + up + more))
}

fn any_parameters() -> impl Strategy<Value = Parameters> {
    (estimates(), estimates(), estimates(), estimates(), estimates(), estimates()).prop_map(
        |(once_bytes, tenant_bytes, idle_cores, cpu_factor, cpu_s, latency_s)| Parameters {
            once_bytes,
            tenant_bytes,
            idle_cores,
            cpu_factor,
            start: Some(Start { cpu_s, latency_s }),
        },
    )
}

fn any_load() -> impl Strategy<Value = Load> {
    let logarithms = (-6.0..2.0f64, -5.0..1.0f64, 0.0..4.0f64, -3.0..4.0f64);
    logarithms.prop_map(|(rate, cpu, tenants, timeout)| Load {
        rate_per_s: 10f64.powf(rate),
        cpu_per_request_s: 10f64.powf(cpu),
        tenants_count: 10f64.powf(tenants),
        bound_s: None,
        idle_timeout_s: 10f64.powf(timeout),
    })
}

fn any_prices() -> impl Strategy<Value = Prices> {
    (1e-3..1e3f64, 1e-3..1e3f64).prop_map(|(vcpu_hour, gib_hour)| Prices { vcpu_hour, gib_hour })
}

const POLICIES: [Policy; 3] = [Policy::AlwaysOn, Policy::ScaleToZero, Policy::InstancePerRequest];

proptest! {
    #[test]
    fn the_ends_of_the_parameters_are_the_ends_of_everything(
        parameters in any_parameters(), load in any_load(), prices in any_prices(),
    ) {
        for policy in POLICIES {
            let used = |end| parameters.used(end, policy, &load, &prices).unwrap();
            let ends = [End::Low, End::Point, End::High].map(used);
            for pair in ends.windows(2) {
                prop_assert!(pair[0].cost_per_month <= pair[1].cost_per_month, "{policy:?}");
                prop_assert!(pair[0].memory_bytes <= pair[1].memory_bytes, "{policy:?}");
                prop_assert!(pair[0].cores <= pair[1].cores, "{policy:?}");
                prop_assert!(pair[0].p99_least_s <= pair[1].p99_least_s, "{policy:?}");
            }
        }
    }

    #[test]
    fn what_asks_for_more_costs_no_less(
        parameters in any_parameters(), load in any_load(), prices in any_prices(), more in 1.0..1e3f64,
    ) {
        for policy in POLICIES {
            let cost = |load: Load, prices: Prices| {
                parameters.used(End::Point, policy, &load, &prices).unwrap().cost_per_month
            };
            let now = cost(load, prices);
            // Named first: the macro takes braces for a format.
            let vcpu = Prices { vcpu_hour: prices.vcpu_hour * more, ..prices };
            let gib = Prices { gib_hour: prices.gib_hour * more, ..prices };
            prop_assert!(now <= cost(load, vcpu));
            prop_assert!(now <= cost(load, gib));
            let tenants = Load { tenants_count: load.tenants_count * more, ..load };
            let dearer = Load { cpu_per_request_s: load.cpu_per_request_s * more, ..load };
            prop_assert!(now <= cost(tenants, prices));
            prop_assert!(now <= cost(dearer, prices));
        }
    }

    /// Not so where tenants are ended: more requests meet fewer starts.
    #[test]
    fn what_is_up_all_the_time_costs_no_less_at_a_higher_rate_and_nothing_for_the_timeout(
        parameters in any_parameters(), load in any_load(), prices in any_prices(), more in 1.0..1e3f64,
    ) {
        for policy in [Policy::AlwaysOn, Policy::InstancePerRequest] {
            let used = |load: Load| parameters.used(End::Point, policy, &load, &prices).unwrap();
            let now = used(load);
            let oftener = used(Load { rate_per_s: load.rate_per_s * more, ..load });
            prop_assert!(now.cost_per_month <= oftener.cost_per_month);
            let other = Load { idle_timeout_s: load.idle_timeout_s * more, ..load };
            prop_assert_eq!(now, used(other));
        }
    }

    #[test]
    fn scaling_to_zero_holds_no_more_memory_and_becomes_always_on_when_it_waits_long_enough(
        parameters in any_parameters(), load in any_load(), prices in any_prices(),
    ) {
        let used = |policy, load: Load| parameters.used(End::Point, policy, &load, &prices).unwrap();
        let (on, zero) = (used(Policy::AlwaysOn, load), used(Policy::ScaleToZero, load));
        prop_assert!(zero.memory_bytes <= on.memory_bytes * (1.0 + 1e-12));
        let patient = Load { idle_timeout_s: 1e3 / load.rate_per_s, ..load };
        prop_assert_eq!(used(Policy::ScaleToZero, patient), used(Policy::AlwaysOn, patient));
        prop_assert_eq!(on, used(Policy::InstancePerRequest, load));
    }
}

//! Tests of the rule by which tenants are raised, with tenants that a script makes.

use super::*;
use crate::failure::Phase;

const MIB: u64 = 1 << 20;

/// Tenants of 10 MiB each, of which the kernel gives 12; the probe answers in a millisecond.
#[derive(Default)]
struct Script {
    stand: u64,
    /// The tenant that cannot be started.
    fails_at: Option<u32>,
    is_hindered: bool,
    /// Milliseconds that each tenant adds to the probe's latency.
    delay_ms: u64,
    probe_failure: Option<String>,
    is_memory_unknown: bool,
}

impl Packing for Script {
    fn start(&mut self, number: u32) -> Result<Option<u64>, Failure> {
        assert_eq!(u64::from(number), self.stand, "one after the other");
        if self.fails_at == Some(number) {
            return Err(Failure::new(Phase::Start, "no room".to_owned()));
        }
        self.stand += 1;
        Ok((number > 0).then_some(u64::from(number) * 100))
    }

    fn is_hindered(&self) -> bool {
        self.is_hindered
    }

    fn memory(&mut self, _: Duration) -> Result<Metrics, Failure> {
        let packing = (Metric::PackingPss, self.stand * 10 * MIB);
        Ok(if self.is_memory_unknown { Metrics::new() } else { Metrics::from([packing]) })
    }

    fn probe(&mut self, _: &OpenLoad) -> Result<Probed, Failure> {
        let p99_ns = 1_000_000 * (1 + self.delay_ms * self.stand);
        let metrics = Metrics::from([(Metric::LatencyP99, p99_ns)]);
        Ok(Probed { metrics, failure: self.probe_failure.clone() })
    }

    fn available_bytes(&self) -> Option<u64> {
        (!self.is_memory_unknown).then_some(1_000 * MIB - self.stand * 12 * MIB)
    }
}

fn bounds(tenants_most: u32, memory_budget_mib: u64, p99_bound_ms: u64) -> Bounds {
    Bounds {
        tenants_most,
        memory_budget_bytes: memory_budget_mib * MIB,
        p99_bound_ns: p99_bound_ms * 1_000_000,
        probe: OpenLoad { rate_per_second: 1, connections: 1, warmup_ms: 0, measure_ms: 1 },
        rest: Duration::ZERO,
    }
}

/// The wall, how many stood there, the levels that were read, and why.
fn met(mut script: Script, bounds: &Bounds) -> (Wall, u32, Vec<u32>, String) {
    let (raise, stand) = raise(&mut script, bounds).unwrap();
    let levels = raise.levels.iter().map(|level| level.tenants_count).collect();
    (raise.wall, stand, levels, raise.reason.unwrap_or_default())
}

#[test]
fn without_a_wall_as_many_stand_as_were_asked_for() {
    let found = met(Script::default(), &bounds(6, 900, 10));
    assert_eq!(found, (Wall::NoMoreAsked, 6, vec![1, 2, 4, 6], String::new()));
}

#[test]
fn a_level_has_the_starts_that_it_added_and_the_first_is_of_no_additional_tenant() {
    let (raise, _) = raise(&mut Script::default(), &bounds(4, 900, 10)).unwrap();
    let of = |metric| raise.levels.iter().map(move |level| level.metrics.get(&metric).copied());
    let starts: Vec<_> = of(Metric::TenantStart).collect();
    assert_eq!(starts, [None, Some(100), Some(250)], "unknown is absent");
    let available: Vec<_> = of(Metric::Available).flatten().map(|bytes| bytes / MIB).collect();
    assert_eq!(available, [988, 976, 952]);
}

#[test]
fn each_wall_is_named_with_its_reason() {
    // 8 take 80 MiB; the machine's memory falls by 12 MiB with each.
    let held = met(Script::default(), &bounds(64, 70, 10));
    let expected = (Wall::Memory, 6, vec![1, 2, 4], "available memory fell by 72 of 70 MiB");
    assert_eq!((held.0, held.1, held.2, held.3.as_str()), expected);

    let late = met(Script { delay_ms: 2, ..Script::default() }, &bounds(64, 900, 10));
    let expected = "p99 of the probe is 17000 µs, and its bound 10000 µs";
    assert_eq!(late, (Wall::Latency, 8, vec![1, 2, 4, 8], expected.to_owned()));

    let script = Script { probe_failure: Some("answered 503".to_owned()), ..Script::default() };
    let wrong = met(script, &bounds(64, 900, 10));
    assert_eq!((wrong.0, wrong.1), (Wall::Latency, 1));
    assert_eq!(wrong.3, "a request of the probe failed: answered 503");

    let refused = met(Script { fails_at: Some(5), ..Script::default() }, &bounds(64, 900, 10));
    assert_eq!(refused, (Wall::Start, 5, vec![1, 2, 4], "start: no room".to_owned()));
}

#[test]
fn memory_that_is_unknown_is_no_wall_and_is_not_in_the_log() {
    let script = || Script { is_memory_unknown: true, ..Script::default() };
    let found = met(script(), &bounds(4, 1, 10));
    assert_eq!((found.0, found.1), (Wall::NoMoreAsked, 4));
    let (raise, _) = raise(&mut script(), &bounds(4, 1, 10)).unwrap();
    assert!(raise.levels.iter().all(|level| !level.metrics.contains_key(&Metric::Available)));
}

#[test]
fn what_hinders_the_first_tenant_or_the_run_is_a_failure_and_no_wall() {
    for script in [
        Script { fails_at: Some(0), ..Script::default() },
        Script { fails_at: Some(3), is_hindered: true, ..Script::default() },
    ] {
        let mut script = script;
        let failure = raise(&mut script, &bounds(8, 900, 10)).unwrap_err();
        assert_eq!(failure.phase, Phase::Start);
    }
}

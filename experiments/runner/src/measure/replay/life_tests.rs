//! Tests of a tenant's life, on a clock that a script moves.

use super::*;
use crate::failure::{Cause, Phase};

/// A start takes 300 and a request 10, an end 50; nothing else takes time.
#[derive(Default)]
struct Script {
    now_ns: u64,
    is_up: bool,
    /// Whether it is a host's, which has no instance of its own.
    is_of_host: bool,
    /// Which requests fail, counted from 0.
    fails: Vec<usize>,
    requests_count: usize,
    /// The moment from which nobody rests any more.
    interrupted_at_ns: Option<u64>,
    /// What happened, and when it was over.
    events: Vec<(&'static str, u64)>,
}

impl Script {
    fn pass(&mut self, event: &'static str, ns: u64) {
        self.now_ns += ns;
        self.events.push((event, self.now_ns));
    }
}

impl Tenant for Script {
    fn now_ns(&self) -> u64 {
        self.now_ns
    }

    fn rest_until(&mut self, ns: u64) -> Result<(), Failure> {
        if self.interrupted_at_ns.is_some_and(|at_ns| ns >= at_ns) {
            return Err(Failure::new(Phase::Load, Cause::Interrupted));
        }
        self.now_ns = self.now_ns.max(ns);
        Ok(())
    }

    fn is_up(&self) -> bool {
        self.is_up
    }

    fn ask(&mut self) -> Result<Answered, Failure> {
        let met_start = !self.is_up && !self.is_of_host;
        if met_start {
            self.pass("started", 300);
            self.is_up = true;
        }
        self.pass("answered", 10);
        self.requests_count += 1;
        if self.fails.contains(&(self.requests_count - 1)) {
            return Err(Failure::new(Phase::Load, "answered 503"));
        }
        Ok(Answered { at_ns: self.now_ns, met_start })
    }

    fn end(&mut self) -> Result<(), Failure> {
        assert!(self.is_up, "what is not up is not ended");
        self.is_up = false;
        self.pass("ended", 50);
        Ok(())
    }
}

/// Latencies, each with whether it holds a start.
fn latencies(asked: &[Asked]) -> Vec<(u64, bool)> {
    let of = |one: &Asked| {
        let answered = one.answer.as_ref().unwrap();
        (answered.at_ns - one.due_ns, answered.met_start)
    };
    asked.iter().map(of).collect()
}

#[test]
fn a_tenant_that_was_idle_for_long_enough_is_ended_and_started_by_its_next_request() {
    let mut script = Script::default();
    // The second comes 1,690 after the first was answered, the third 90 after the second.
    let asked = live(&mut script, &[1_000, 3_000, 3_400], Some(1_000), 6_000).unwrap();
    assert_eq!(latencies(&asked), [(310, true), (310, true), (10, false)]);
    let expected = [
        ("started", 1_300),
        ("answered", 1_310),
        ("ended", 2_360),
        ("started", 3_300),
        ("answered", 3_310),
        ("answered", 3_410),
        ("ended", 4_460),
    ];
    assert_eq!(script.events, expected);
    assert!(!script.is_up && script.now_ns == 6_000, "it lives until the window closes");
}

#[test]
fn what_is_always_on_is_never_ended() {
    let mut script = Script { is_up: true, ..Script::default() };
    let asked = live(&mut script, &[1_000, 900_000], None, 1_000_000).unwrap();
    assert_eq!(latencies(&asked), [(10, false), (10, false)]);
    assert!(script.is_up && script.events.iter().all(|(event, _)| *event == "answered"));
    // A host drops its tenants by itself.
    let mut of_host = Script { is_of_host: true, ..Script::default() };
    let asked = live(&mut of_host, &[1_000, 900_000], Some(10), 1_000_000).unwrap();
    assert_eq!(latencies(&asked), [(10, false), (10, false)]);
}

#[test]
fn a_request_that_comes_too_early_waits_and_its_latency_counts_from_when_it_was_due() {
    let mut script = Script::default();
    // Two while the first waits for its start.
    let asked = live(&mut script, &[1_000, 1_100, 1_200], Some(1_000), 2_000).unwrap();
    assert_eq!(latencies(&asked), [(310, true), (220, false), (130, false)]);
    // One while the instance is ended.
    let mut script = Script::default();
    let asked = live(&mut script, &[1_000, 2_320], Some(1_000), 2_330).unwrap();
    assert_eq!(latencies(&asked), [(310, true), (350, true)], "40 of them for the end");
    assert!(script.is_up, "the window closes before its time is over");
}

#[test]
fn a_request_that_fails_is_one_and_the_others_go_on() {
    let mut script = Script { fails: vec![1], ..Script::default() };
    let asked = live(&mut script, &[10, 20, 30], None, 40).unwrap();
    let failed: Vec<bool> = asked.iter().map(|one| one.answer.is_err()).collect();
    assert_eq!(failed, [false, true, false]);
}

#[test]
fn a_run_that_shall_end_is_waited_for_no_longer() {
    let mut script = Script { interrupted_at_ns: Some(5_000), ..Script::default() };
    let failure = live(&mut script, &[1_000, 6_000], None, 9_000).unwrap_err();
    assert!(matches!(failure.cause, Cause::Interrupted));
    assert_eq!(script.requests_count, 1);
}

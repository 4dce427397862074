//! Tests of the rule of a storm, with tenants that a script makes.

use super::*;
use crate::kernel::clock::monotonic_ns;
use std::sync::Mutex;
use std::time::Duration;

/// What becomes of a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It answers so many milliseconds after it was asked for.
    Answers(u64),
    /// Its start fails.
    Fails,
    /// What its start needs cannot be made.
    IsNotReady,
}

/// Tenants, each with its fate.
struct Script {
    fates: Vec<Fate>,
    is_hindered: bool,
    /// What happened, in its order.
    events: Mutex<Vec<&'static str>>,
}

impl Script {
    fn new(fates: &[Fate]) -> Self {
        Self { fates: fates.to_vec(), is_hindered: false, events: Mutex::default() }
    }

    fn note(&self, event: &'static str) {
        self.events.lock().unwrap().push(event);
    }

    fn go(&self) -> Result<Stormed<u32, ()>, Failure> {
        storm(self, u32::try_from(self.fates.len()).unwrap(), || self.note("gate"))
    }
}

impl Starter for Script {
    type Started = u32;

    fn start(&self, number: u32, turn: Arc<Turn>) -> Result<(u32, u64), Failure> {
        let fate = self.fates[number as usize];
        // The first is ready last.
        std::thread::sleep(Duration::from_millis(if number == 0 { 20 } else { 0 }));
        self.note("ready");
        if fate == Fate::IsNotReady {
            return Err(Failure::new(Phase::Start, "no file".to_owned()));
        }
        turn.pass();
        self.note("asked");
        match fate {
            Fate::Answers(ms) => {
                std::thread::sleep(Duration::from_millis(ms));
                Ok((number, monotonic_ns()))
            }
            _ => Err(Failure::new(Phase::FirstResponse, "no room".to_owned())),
        }
    }

    fn is_hindered(&self) -> bool {
        self.is_hindered
    }
}

#[test]
fn all_are_ready_before_one_is_asked_for_and_they_are_waited_for_at_the_same_time() {
    let script = Script::new(&[Fate::Answers(150); 16]);
    let begun_ns = monotonic_ns();
    let stormed = script.go().unwrap();
    let took_ms = (monotonic_ns() - begun_ns) / 1_000_000;
    assert!(took_ms < 16 * 150, "{took_ms} ms: one after the other");
    let events = script.events.lock().unwrap();
    let expected = [&["ready"; 16][..], &["gate"], &["asked"; 16]].concat();
    assert_eq!(*events, expected);
    let found = metrics(&stormed.record);
    let least_ns = 150_000_000;
    assert!(found[&Metric::FirstAnswer] >= least_ns && found[&Metric::LastAnswer] >= least_ns);
    assert!(found[&Metric::StormAsked] < found[&Metric::FirstAnswer], "{found:?}");
    assert_eq!((found[&Metric::StartsAnswered], found[&Metric::StartsFailed]), (16, 0));
    assert_eq!(stormed.started.len(), 16);
    assert_eq!(remark(&stormed.record), None);
}

#[test]
fn the_answers_are_told_in_their_order_whatever_the_numbers_of_the_tenants() {
    let fates = [90, 5, 60, 30].map(Fate::Answers);
    let stormed = Script::new(&fates).go().unwrap();
    let record = &stormed.record;
    let of = |number: usize| record.tenants[number].answered_ns.unwrap();
    let found = metrics(record);
    assert_eq!(found[&Metric::FirstAnswer], of(1));
    assert_eq!(found[&Metric::MedianAnswer], of(3), "half of four");
    assert_eq!(found[&Metric::LastAnswer], of(0));
    assert_eq!(record.answers_ns(), [of(1), of(3), of(2), of(0)]);
}

#[test]
fn who_fails_is_named_and_there_is_no_last_answer() {
    use Fate::{Answers, Fails, IsNotReady};
    let stormed = Script::new(&[IsNotReady, Answers(1), Fails, Answers(1)]).go().unwrap();
    let found = metrics(&stormed.record);
    assert!(found.contains_key(&Metric::MedianAnswer), "two of four have answered");
    assert!(!found.contains_key(&Metric::LastAnswer), "unknown, not the last that came");
    assert_eq!((found[&Metric::StartsAnswered], found[&Metric::StartsFailed]), (2, 2));
    let failures: Vec<(usize, String)> = (stormed.record.failures())
        .map(|(number, failed)| (number, format!("{}: {}", failed.stage, failed.reason)))
        .collect();
    let expected = [(0, "start: no file"), (2, "first response: no room")];
    assert_eq!(failures, expected.map(|(number, why)| (number, why.to_owned())));
    assert_eq!(stormed.record.tenants[0].asked_ns, None, "it was never asked for");
    let remark = remark(&stormed.record).unwrap();
    assert!(remark.starts_with("2 of 4 tenants") && remark.ends_with("start: no file"), "{remark}");
}

#[test]
fn a_storm_without_an_answer_and_one_that_is_hindered_are_failures() {
    let why = |script: Script| {
        let failure = script.go().err().unwrap();
        format!("{failure}: {}", failure.cause)
    };
    assert_eq!(why(Script::new(&[Fate::Fails; 3])), "first response: no room");
    assert_eq!(why(Script::new(&[Fate::IsNotReady; 3])), "start: no file");
    let fates = [Fate::Answers(1), Fate::Fails];
    let hindered = Script { is_hindered: true, ..Script::new(&fates) };
    assert_eq!(why(hindered), "first response: no room");
}

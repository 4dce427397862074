//! Tests of sessions that end before their plan does, and of resumed ones: what is kept, what is visited again, and how
//! the end is called.

use crate::plan::planned::{self, Planned};
use crate::run::fake_lab::{
    FakeLab, Requested, Shown, answers_wrongly, finds_no_engine, finds_no_space, shows,
};
use crate::run::fixture::{PROFILE, Question, go};
use crate::run::session::End;
use crate::run::store::Store;
use std::path::Path;
use weighbridge_schema::manifest::Availability;
use weighbridge_schema::record::{Observation, Outcome};
use weighbridge_schema::stop::Stop;

/// A run in a folder of its own.
struct Run {
    question: Question,
    results: tempfile::TempDir,
}

impl Run {
    fn new(question: Question) -> Self {
        Self { question, results: tempfile::tempdir().unwrap() }
    }

    fn log_file(&self) -> std::path::PathBuf {
        self.results.path().join("r.partial/observations.jsonl")
    }

    /// Begins it, or resumes it.
    fn open(&self) -> Store {
        if self.results.path().join("r.partial").exists() {
            Store::resume(self.results.path(), "r").unwrap().0
        } else {
            Store::create(self.results.path(), &self.question.manifest).unwrap()
        }
    }

    /// As far as it comes in `lab`.
    fn go(&self, lab: &FakeLab) -> End {
        go(&self.question, lab, &mut self.open(), None).0
    }

    /// The log as the next session reads it.
    fn log(&self) -> Vec<Observation> {
        self.open().seen
    }

    fn stops(&self) -> Vec<Stop> {
        let text = std::fs::read(self.results.path().join("r.partial/stops.json")).unwrap();
        serde_json::from_slice(&text).unwrap()
    }
}

/// As `usual` shows it, but for visit `number`.
fn but_at(number: usize, shown: impl Fn() -> Shown + 'static) -> FakeLab {
    FakeLab::new(
        move |requested| if requested.number == number { shown() } else { usual(requested) },
    )
}

/// Enough for cells to end at different times: `two` swings, and `one` is disturbed now and then.
fn usual(requested: &Requested) -> Shown {
    let Requested { trial, repeat, .. } = requested;
    let swing = if requested.is_of("two") { 60 * u64::from(trial.invocation % 3) } else { 0 };
    let is_disturbed = requested.is_of("one") && trial.invocation % 5 == 4 && *repeat == 0;
    shows(1_000 + swing).under_pressure(if is_disturbed { 50 } else { 0 })
}

fn positions(from: u64, to: u64) -> Vec<(u64, u32)> {
    (from..to).map(|position| (position, 0)).collect()
}

/// What a visit showed, without when.
fn content(observation: &Observation) -> (u64, u32, &Outcome, Option<u64>, &[String]) {
    let value = observation.metrics.values().next().copied();
    let Observation { position, repeat, outcome, disturbed, .. } = observation;
    (*position, *repeat, outcome, value, disturbed)
}

#[test]
fn interrupted_after_any_visit_a_run_goes_on_to_the_same_end() {
    let undisturbed = Run::new(Question::new(10, 14));
    assert_eq!(undisturbed.go(&FakeLab::new(usual)), End::Complete);
    let (expected, stops) = (undisturbed.log(), undisturbed.stops());
    let planned = |log: &[Observation]| -> Vec<_> {
        log.iter().filter(|o| o.repeat == 0).map(|o| format!("{:?}", content(o))).collect()
    };
    assert!(expected.iter().any(|observation| observation.repeat > 0), "there are repetitions");
    assert!(planned(&expected).len() < undisturbed.question.manifest.plan.len(), "and early ends");
    for at in (0..expected.len() - 1).step_by(3) {
        let run = Run::new(Question::new(10, 14));
        let first = FakeLab::new(move |requested| {
            let shown = usual(requested);
            if requested.number == at { shown.interrupted() } else { shown }
        });
        assert_eq!(run.go(&first), End::Interrupted, "after visit {at}");
        let kept = run.log();
        assert_eq!(kept.len(), at + 1, "what was measured when the signal came is kept");
        assert_eq!(run.go(&FakeLab::new(usual)), End::Complete, "after visit {at}");
        let log = run.log();
        assert_eq!(log[..kept.len()], kept[..], "what was kept is not measured again");
        // Which repetitions there are may differ: none is made of a block that an earlier session has finished.
        assert_eq!(planned(&log), planned(&expected), "after visit {at}");
        assert_eq!(run.stops(), stops, "after visit {at}");
    }
}

#[test]
fn what_a_signal_cuts_short_is_not_logged_and_is_visited_on_resume() {
    let run = Run::new(Question::new(2, 2));
    let first = but_at(4, || answers_wrongly().interrupted());
    assert_eq!(run.go(&first), End::Interrupted);
    assert_eq!(first.visits(), positions(0, 5), "no trial after the signal");
    assert_eq!(run.log().len(), 4);
    let second = FakeLab::new(usual);
    assert_eq!(run.go(&second), End::Complete);
    assert_eq!(second.visits(), positions(4, 12));
    assert!(run.log().iter().all(|observation| observation.outcome == Outcome::Ok));
}

#[test]
fn a_torn_last_line_costs_its_trial_and_no_other() {
    let run = Run::new(Question::new(2, 2));
    assert_eq!(run.go(&but_at(5, || shows(1_000).interrupted())), End::Interrupted);
    let whole = std::fs::read(run.log_file()).unwrap();
    std::fs::write(run.log_file(), &whole[..whole.len() - 10]).unwrap();
    let second = FakeLab::new(usual);
    assert_eq!(run.go(&second), End::Complete);
    assert_eq!(second.visits(), positions(5, 12));
    assert_eq!(run.log().len(), 12);
}

#[test]
fn a_complete_log_is_not_visited_again() {
    let run = Run::new(Question::new(2, 2));
    assert_eq!(run.go(&FakeLab::new(usual)), End::Complete);
    let second = FakeLab::new(usual);
    assert_eq!(run.go(&second), End::Complete);
    assert_eq!(second.visits(), []);
}

#[test]
fn a_failure_of_a_subject_is_an_observation_and_one_of_the_machine_is_visited_again_on_resume() {
    let run = Run::new(Question::new(2, 2));
    let first = FakeLab::new(|requested| match requested.number {
        3 => answers_wrongly(),
        // The engine answers again when it is asked why.
        5 => finds_no_engine(),
        _ => shows(1_000),
    });
    assert_eq!(run.go(&first), End::Complete);
    assert_eq!(first.visits(), positions(0, 12), "neither ends the run");
    let failed = |log: &[Observation]| -> Vec<(u64, String)> {
        let failed = log.iter().filter_map(|o| match &o.outcome {
            Outcome::Ok => None,
            Outcome::Failed { reason, .. } => Some((o.position, reason.clone())),
        });
        failed.collect()
    };
    let reasons = failed(&run.log());
    assert_eq!(reasons[0], (3, "answered 404 with 0 bytes".to_owned()));
    assert!(reasons[1].0 == 5 && reasons.len() == 2, "{reasons:?}");
    let second = FakeLab::new(usual);
    assert_eq!(run.go(&second), End::Complete);
    assert_eq!(second.visits(), [(5, 1)]);
    let store = run.open();
    assert_eq!((store.seen.len(), store.failed_count()), (13, 1));
}

/// A run that `shown` ends at its fifth visit says `expected`, has logged four, and goes on from there.
fn check_stopped(shown: impl Fn() -> Shown + 'static, expected: impl Fn(&Path) -> String) {
    let run = Run::new(Question::new(2, 2));
    let first = but_at(4, shown);
    let End::Stopped(why) = run.go(&first) else { panic!("it went on: {:?}", first.visits()) };
    assert_eq!(why, expected(&run.results.path().join("r.partial")));
    assert_eq!(first.visits(), positions(0, 5));
    assert_eq!(run.log().len(), 4, "what the machine has spoilt is not logged");
    let second = FakeLab::new(usual);
    assert_eq!(run.go(&second), End::Complete);
    assert_eq!(second.visits(), positions(4, 12));
}

#[test]
fn an_engine_that_dies_stops_the_run() {
    let why = "Docker 27 does not answer any more: connection refused";
    check_stopped(move || finds_no_engine().silencing(why), |_| why.to_owned());
}

#[test]
fn a_full_disk_stops_the_run_and_names_its_folder() {
    check_stopped(
        || finds_no_space().filling_the_disk(),
        |folder| {
            format!(
                "the disk of {} is full: write layer: no space left on device",
                folder.display()
            )
        },
    );
}

#[test]
fn a_full_disk_of_somebody_else_is_a_failure_of_the_trial() {
    let run = Run::new(Question::new(1, 1));
    assert_eq!(run.go(&but_at(2, finds_no_space)), End::Complete);
    let failed = run.log().into_iter().filter(|o| o.outcome != Outcome::Ok);
    assert_eq!(failed.map(|o| o.position).collect::<Vec<_>>(), [2]);
}

#[test]
fn a_program_that_is_replaced_stops_the_run_even_if_the_visit_went_well() {
    check_stopped(
        || shows(1_000).replacing("/x/native"),
        |_| {
            "/x/native was replaced while it was measured: put it back, or begin a new run"
                .to_owned()
        },
    );
}

#[test]
fn a_plan_that_cannot_be_visited_is_refused_before_its_first_trial() {
    let question = Question::new(1, 1);
    let refused = |question: &Question| {
        planned::resolve(&question.manifest, &question.definitions, PROFILE)
            .map(|plan| plan.len())
            .unwrap_err()
            .to_string()
    };
    let gone = Question { definitions: Default::default(), ..question };
    assert_eq!(
        refused(&gone),
        "the plan asks for experiment `e`, which experiments/ no longer holds"
    );
    let mut unknown = Question::new(1, 1);
    let not_installed = Availability::NotInstalled { reason: "r".to_owned(), remedy: None };
    unknown.manifest.subjects.get_mut(&"two".parse().unwrap()).unwrap().availability =
        not_installed;
    let error = refused(&unknown);
    assert!(error.starts_with("the plan runs subject `two`, whose version "), "{error}");
}

#[test]
fn what_is_emulated_has_the_version_that_it_said_there_and_what_is_only_weighed_may_have_none() {
    let mut question = Question::new(1, 1);
    let entry = question.manifest.subjects.get_mut(&"two".parse().unwrap()).unwrap();
    entry.availability = Availability::NotInstalled { reason: "r".to_owned(), remedy: None };
    let emulated = Availability::Installed { version: "two 2.0".to_owned() };
    entry.foreign.insert("x86_64".to_owned(), emulated);
    let version_of_two = |question: &Question| {
        let plan = question.plan();
        let is_of_two = |planned: &&Planned<'_>| planned.trial.cell.subject.as_str() == "two";
        let version = plan.iter().find(is_of_two).unwrap().subject_version;
        version.map(str::to_owned)
    };
    assert_eq!(version_of_two(&question), Some("two 2.0".to_owned()));
    let definition = question.definitions.values_mut().next().unwrap();
    definition.method = weighbridge_schema::method::Method::ArtifactSize {};
    question.manifest.subjects.clear();
    assert_eq!(version_of_two(&question), None);
}

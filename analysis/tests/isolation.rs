//! The tables of isolation: possible and denied are what answers say, everything else says why there is neither.

#![allow(clippy::unwrap_used, reason = "clippy knows test functions, not their helpers")]

use crate::support::{Fixture, key};
use weighbridge_analysis::render::latex;
use weighbridge_analysis::render::table::{Content, Row, Table, Tone};
use weighbridge_analysis::render::tables::isolation;
use weighbridge_schema::isolation::{Attempt, Confinement, Isolation, Tried, Went};
use weighbridge_schema::manifest::ExperimentEntry;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::name::SubjectName;
use weighbridge_schema::plan::Trial;
use weighbridge_schema::record::{Observation, Outcome};

const DEFINITION: &str = r#"
question = "What can it do?"
[method.isolation]
spin_ms = 1
in_place_of = { a = "b" }
"#;

fn tried(attempt: Attempt, went: Option<Went>, error: Option<&str>) -> Tried {
    Tried {
        attempt,
        went,
        error: error.map(str::to_owned),
        error_elsewhere: None,
        seen: format!("{} was tried", attempt.key()),
        answers_after: attempt != Attempt::Trap,
    }
}

fn of_native(fork: Went) -> Isolation {
    Isolation {
        confinement: Some(Confinement {
            user: Some(0),
            capabilities: Some("000001ffffffffff".to_owned()),
            seccomp_mode: Some(0),
            seccomp_filters_count: None,
            kernel: Some("6.1".to_owned()),
        }),
        calls_refused_count: None,
        functions_imported_count: None,
        tried: vec![
            tried(Attempt::HostFile, Some(Went::Possible), None),
            tried(Attempt::Mount, Some(Went::Refused), Some("EPERM")),
            tried(Attempt::Fork, Some(fork), (fork == Went::Refused).then_some("EAGAIN")),
            tried(Attempt::Trap, Some(Went::Possible), None),
        ],
    }
}

fn of_guest() -> Isolation {
    Isolation {
        confinement: None,
        calls_refused_count: None,
        functions_imported_count: Some(61),
        tried: vec![
            tried(Attempt::HostFile, Some(Went::Refused), Some("no-folder")),
            tried(Attempt::Mount, Some(Went::Absent), None),
            tried(Attempt::Disk, None, None),
            tried(Attempt::Descriptors, Some(Went::Refused), Some("errno-99")),
        ],
    }
}

/// Two visits of `native`, which agree in all but `fork`, and one of `wasmtime-aot`, of which nothing is known of
/// `disk`. `spin` is not installed.
fn fixture() -> Fixture {
    let mut fixture = Fixture::new(1);
    let subjects: [SubjectName; 3] =
        ["native", "wasmtime-aot", "spin"].map(|name| name.parse().unwrap());
    let entry = ExperimentEntry {
        question: "What can it do?".to_owned(),
        baseline: subjects[0].clone(),
        subjects: subjects.to_vec(),
        workloads: Vec::new(),
        definition_toml: DEFINITION.to_owned(),
    };
    fixture.manifest.experiments.insert("isolation".parse().unwrap(), entry);
    for (subject, visits) in [
        ("native", vec![of_native(Went::Possible), of_native(Went::Refused)]),
        ("wasmtime-aot", vec![of_guest()]),
    ] {
        let cell = key("isolation", subject, None, "-");
        for (invocation, isolation) in visits.into_iter().enumerate() {
            let trial = Trial {
                experiment: cell.experiment.clone(),
                cell: cell.cell.clone(),
                invocation: invocation as u32,
            };
            fixture.manifest.plan.push(trial.clone());
            let observation = Observation {
                trial,
                metrics: [
                    (Metric::AttemptsAnswered, isolation.answered_count()),
                    (Metric::AttemptsPossible, isolation.possible_count()),
                ]
                .into(),
                outcome: Outcome::Ok,
                stages_ns: Default::default(),
                histogram: None,
                series: None,
                raise: None,
                storm: None,
                isolation: Some(isolation),
                ..fixture.observations[0].clone()
            };
            fixture.observations.push(observation);
        }
    }
    fixture
}

/// The cells of the row of that title, without it.
fn row<'a>(table: &'a Table, title: &str) -> &'a [Content] {
    let found = table.rows.iter().find_map(|row| match row {
        Row::Cells(cells) if cells[0] == Content::text(title) => Some(&cells[1..]),
        _ => None,
    });
    found.unwrap_or_else(|| panic!("no row `{title}`"))
}

#[test]
fn a_cell_says_what_denied_it_or_why_nothing_is_known() {
    fixture().analysed("", |results| {
        let table = isolation::table(results);
        let absent = |why: &str| Content::Absent(why.to_owned());
        let toned = |tone, word: &str| Content::Toned(tone, word.to_owned());
        let check = |attempt: Attempt, native: Content, guest: Content| {
            let expected = [native, guest, absent("not installed")];
            assert_eq!(row(&table, attempt.title()), expected, "{attempt:?}");
        };
        let possible = || toned(Tone::Possible, "possible");
        check(Attempt::HostFile, possible(), toned(Tone::Capability, "capability"));
        // There is no filter that could have denied it.
        let capability = toned(Tone::Capability, "capability");
        check(Attempt::Mount, capability, toned(Tone::Interface, "no interface"));
        check(Attempt::Fork, Content::text("varies"), absent("unknown"));
        check(Attempt::Disk, absent("unknown"), absent("unknown"));
        let unexplained = Content::Code("errno-99".to_owned());
        check(Attempt::Descriptors, absent("unknown"), unexplained);
        check(Attempt::Trap, possible(), absent("unknown"));
    });
}

#[test]
fn below_them_stands_how_the_process_is_confined_and_nothing_of_a_guest() {
    fixture().analysed("", |results| {
        let table = isolation::table(results);
        let first = |title: &str| row(&table, title)[..2].to_vec();
        let text = |word: &str| Content::text(word);
        let counts = first("possible, of those that were answered");
        assert_eq!(counts, [text("2 of 4"), text("0 of 3")]);
        assert_eq!(first("capabilities of Linux"), [text("41"), Content::Nothing]);
        assert_eq!(first("filters of system calls"), [text("0"), Content::Nothing]);
        assert_eq!(first("functions that the service imports"), [Content::Nothing, text("61")]);
        assert_eq!(first("release of the kernel"), [text("6.1"), Content::Nothing]);
        let latex = latex::table::render(&table);
        assert!(latex.contains(r"\textcolor[RGB]{163,42,0}{possible}"), "{latex}");
    });
}

#[test]
fn every_answer_is_shown_with_its_error() {
    fixture().analysed("", |results| {
        let table = isolation::seen(results);
        let cells = row(&table, Attempt::Mount.title());
        let expected = [
            Content::Toned(Tone::Capability, "capability".to_owned()),
            Content::Code("EPERM".to_owned()),
            Content::Nothing,
            Content::text("yes"),
            Content::text("mount was tried"),
        ];
        assert_eq!(cells, expected);
        assert_eq!(row(&table, Attempt::Trap.title())[3], Content::text("no"));
    });
}

#[test]
fn a_run_without_it_says_so() {
    Fixture::new(1).analysed("", |results| {
        for table in [isolation::table(results), isolation::seen(results)] {
            assert!(table.rows.is_empty(), "{}", table.name);
            assert_eq!(table.when_empty, "not part of this run");
        }
    });
}

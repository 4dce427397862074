//! Releases of one program beside each other, on runs in which it is known which release moved.

#![allow(clippy::unwrap_used, reason = "clippy knows test functions, not their helpers")]

use crate::support::Fixture;
use std::path::Path;
use std::process::Command;
use weighbridge_analysis::history::{self, Timeline};
use weighbridge_analysis::judge::{Claim, Verdict, parse_claims};
use weighbridge_analysis::load::load;
use weighbridge_analysis::render;
use weighbridge_analysis::upgrade::upgrade;
use weighbridge_schema::manifest::Availability;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::name::SubjectName;
use weighbridge_schema::parameter::Parameter;
use weighbridge_schema::quantity::Quantity;
use weighbridge_schema::subject::Start;

/// A subject of the made-up run: the fixture's that it takes the place of, its name, the version of
/// its program, its start time in milliseconds.
type Role = (&'static str, &'static str, Option<&'static str>, f64);

/// Three releases, of which the last is slower, its twin, and one that is not installed.
const RELEASES: [Role; 5] = [
    ("native", "w-1-0-0", Some("1.0.0"), 10.0),
    ("docker-scratch", "w-2-0-0", Some("2.0.0"), 10.04),
    ("wasmtime-aot", "w-3-0-0", Some("3.0.0"), 13.2),
    ("wasmtime-jit", "w-3-0-0-twin", Some("3.0.0"), 13.3),
    ("spin", "w-4-0-0", Some("4.0.0"), 0.0),
];

/// The pinned version, a newer one that starts sooner, another subject between, and a twin.
const VERSIONS: [Role; 5] = [
    ("native", "w", None, 12.0),
    ("docker-scratch", "w-2-0-0", Some("2.0.0"), 8.0),
    ("wasmtime-aot", "other", None, 10.0),
    ("wasmtime-jit", "w-twin", None, 12.1),
    ("spin", "gone", Some("9.0.0"), 0.0),
];

fn name(text: &str) -> SubjectName {
    text.parse().unwrap()
}

/// A run of cold starts with these subjects.
fn run(roles: &[Role; 5], invocations: u32) -> Fixture {
    let mut fixture = Fixture::new(invocations);
    let is_cold = |experiment: &str| experiment == "cold-start";
    fixture.manifest.experiments.retain(|experiment, _| is_cold(experiment.as_str()));
    fixture.manifest.plan.retain(|trial| is_cold(trial.experiment.as_str()));
    fixture.observations.retain(|one| is_cold(one.trial.experiment.as_str()));
    fixture.histograms.clear();
    fixture.series.clear();
    let role =
        |subject: &SubjectName| roles.iter().find(|role| role.0 == subject.as_str()).unwrap();
    for entry in fixture.manifest.experiments.values_mut() {
        entry.subjects = entry.subjects.iter().map(|one| name(role(one).1)).collect();
        entry.baseline = name(roles[0].1);
    }
    let subjects = std::mem::take(&mut fixture.manifest.subjects);
    for (subject, mut entry) in subjects {
        let (_, new, version, _) = role(&subject);
        let program = match (version, new.starts_with('w')) {
            (Some(version), _) => format!("{{program:w@{version}}}"),
            (None, true) => "{program:w}".to_owned(),
            (None, false) => "other".to_owned(),
        };
        entry.definition.start = Start::Process {
            program: program.parse().unwrap(),
            arguments: Vec::new(),
            environment: Default::default(),
        };
        entry.definition.variant_of = version.map(|_| name("w"));
        entry.definition.twin_of = new.strip_suffix("-twin").map(name);
        fixture.manifest.subjects.insert(name(new), entry);
    }
    for trial in &mut fixture.manifest.plan {
        trial.cell.subject = name(role(&trial.cell.subject).1);
    }
    for (position, observation) in fixture.observations.iter_mut().enumerate() {
        let (_, new, _, ms) = role(&observation.trial.cell.subject);
        observation.position = position as u64;
        observation.trial.cell.subject = name(new);
        observation.stages_ns.clear();
        // Two percent of noise to either side, the same in every run of the test, and without a
        // pattern that neighbours in a block would share.
        let mixed = (position as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
        let noise = (mixed % 41) as f64 / 1000.0 - 0.02;
        let time = (ms * 1e6 * (1.0 + noise)) as u64;
        observation.metrics = [(Metric::TimeToFirstResponse, time)].into();
    }
    fixture
}

fn compared(fixture: &Fixture, check: impl FnOnce(&history::History<'_>, &Path)) {
    let folder = tempfile::tempdir().unwrap();
    fixture.write(folder.path());
    let run = load(folder.path()).unwrap();
    check(&history::history(&run, None, None, None).unwrap(), folder.path());
}

fn changepoints(timeline: &Timeline) -> Vec<&str> {
    let changed = timeline.entries.iter().filter(|entry| entry.is_changepoint());
    changed.map(|entry| entry.release.version.as_str()).collect()
}

#[test]
fn the_release_that_moved_is_named_and_no_other() {
    compared(&run(&RELEASES, 10), |found, folder| {
        assert_eq!(found.timelines.len(), 4, "two workloads, warm and dropped");
        for timeline in &found.timelines {
            assert_eq!(changepoints(timeline), ["w 3.0.0"]);
            assert_eq!(timeline.entries.len(), 4, "a twin is no release");
            let moved = &timeline.entries[2];
            let (previous, first) =
                (moved.to_previous.as_ref().unwrap(), moved.to_first.as_ref().unwrap());
            assert!((previous.ratio.unwrap() - 1.3).abs() < 0.05, "{previous:?}");
            assert_eq!((previous.versus.as_str(), first.versus.as_str()), ("w-2-0-0", "w-1-0-0"));
            assert!(timeline.floor.unwrap().percent < 5.0, "{:?}", timeline.floor);
            assert_eq!(timeline.entries[0].to_first, None);
            // What is not installed keeps its row, says why, and is no divisor.
            assert!(timeline.entries[3].reason.as_ref().unwrap().starts_with("not installed"));
            assert_eq!(timeline.entries[3].to_previous, None);
        }
        let text = render::history::write(found, &folder.join("report")).unwrap();
        assert!(text.contains("changepoint: w 3.0.0: slower than w 2.0.0 (1."), "{text}");
        assert!(text.contains("floor: equal subjects seemed to differ by up to "), "{text}");
        assert!(text.contains("w 4.0.0") && text.contains("not installed"), "{text}");
        let read = |file: &str| std::fs::read_to_string(folder.join("report").join(file)).unwrap();
        let figure = read("figure-history.tex");
        let made_by = "% Generated by `cargo xtask history` from run fixture; do not edit\n";
        assert!(figure.starts_with(made_by), "{figure}");
        assert_eq!(figure.matches("\\nextgroupplot").count(), 4, "{figure}");
        assert!(figure.contains("{w 1.0.0}") && figure.contains("time to first response (ms, log"));
        assert!(read("table-history.tex").starts_with(made_by));
        let sentences = read("changes-history.tex");
        assert!(sentences.contains("healthz: w 3.0.0: slower than w 2.0.0 (1."), "{sentences}");
        assert!(read("history.svg").contains("<svg") && read("history.txt").ends_with(&text));
    });
}

/// The paper's figure, table and sentences are those that its own raw log gives.
#[test]
fn the_history_in_the_paper_is_that_of_its_raw_log() {
    let published = Path::new(env!("CARGO_MANIFEST_DIR")).join("../paper/history");
    let run = load(&published).unwrap();
    let made = tempfile::tempdir().unwrap();
    render::history::write(&history::history(&run, None, None, None).unwrap(), made.path())
        .unwrap();
    // What a terminal shows also has a note about the calibration that was at hand.
    let names = ["figure-history.tex", "table-history.tex", "changes-history.tex", "history.svg"];
    for name in names {
        let read = |folder: &Path| std::fs::read_to_string(folder.join(name)).unwrap_or_default();
        let is_the_same = read(made.path()) == read(&published.join("report"));
        assert!(
            is_the_same,
            "paper/history/report/{name}: cargo xtask history wasmtime-serve --metric cold-start/healthz \
             --run paper/history"
        );
    }
}

/// The same without any effect: nothing may be found.
#[test]
fn equal_releases_have_no_changepoint() {
    let mut equal = RELEASES;
    for role in &mut equal {
        role.3 = 10.0;
    }
    compared(&run(&equal, 10), |found, _| {
        assert!(found.timelines.iter().all(|timeline| changepoints(timeline).is_empty()));
        assert!(found.timelines.iter().all(|timeline| timeline.ends_differ() != Some(true)));
        let text = render::history::text(found);
        assert!(text.contains("no changepoint: no release differs"), "{text}");
    });
}

/// An effect that the run's own twins show as well decides nothing.
#[test]
fn a_change_within_the_floor_is_no_changepoint() {
    let mut roles = RELEASES;
    roles[3].3 = 18.0;
    compared(&run(&roles, 10), |found, _| {
        for timeline in &found.timelines {
            assert!(timeline.floor.unwrap().percent > 30.0, "{:?}", timeline.floor);
            assert!(changepoints(timeline).is_empty());
        }
    });
}

#[test]
fn too_few_invocations_decide_nothing() {
    compared(&run(&RELEASES, 4), |found, _| {
        assert!(found.timelines.iter().all(|timeline| changepoints(timeline).is_empty()));
        assert!(render::history::text(found).contains("too few invocations"));
    });
}

#[test]
fn what_the_run_does_not_have_is_refused_with_what_it_has() {
    let folder = tempfile::tempdir().unwrap();
    run(&RELEASES, 6).write(folder.path());
    let of_releases = load(folder.path()).unwrap();
    let parameter = |parameter| history::history(&of_releases, None, Some(parameter), None);
    let dropped = parameter(Parameter::PageCacheDropped).unwrap();
    assert_eq!(dropped.timelines.len(), 2);
    let error = parameter(Parameter::Idle).unwrap_err().to_string();
    assert!(error.contains("no parameter `idle`; it has -, page-cache=dropped"), "{error}");
    let pss = history::history(&of_releases, Some(Quantity::Metric(Metric::Pss)), None, None);
    assert!(pss.is_ok_and(|found| found.timelines[0].entries[0].summary.is_none()));
    let plain = tempfile::tempdir().unwrap();
    let mut pinned = VERSIONS;
    (pinned[1].2, pinned[4].2) = (None, None);
    run(&pinned, 6).write(plain.path());
    let plain = load(plain.path()).unwrap();
    let error = history::history(&plain, None, None, None).unwrap_err().to_string();
    assert!(error.contains("no experiment in which releases are compared"), "{error}");
}

#[test]
fn the_exit_code_says_whether_the_last_release_moved() {
    let code = |roles: &[Role; 5]| {
        let folder = tempfile::tempdir().unwrap();
        let mut fixture = run(roles, 10);
        // Of two releases: the others are not there.
        fixture.manifest.subjects.remove(&name("w-4-0-0"));
        for entry in fixture.manifest.experiments.values_mut() {
            entry.subjects.retain(|subject| *subject != name("w-4-0-0"));
        }
        fixture.write(folder.path());
        let output = Command::new(env!("CARGO_BIN_EXE_weighbridge-analysis"))
            .args(["history", "--moved", "--parameter=-", "--run"])
            .arg(folder.path())
            .arg("--output")
            .arg(folder.path().join("report"))
            .output()
            .unwrap();
        output.status.code()
    };
    assert_eq!(code(&RELEASES), Some(0));
    let mut equal = RELEASES;
    equal[2].3 = 10.0;
    equal[3].3 = 10.0;
    assert_eq!(code(&equal), Some(4));
}

fn claims() -> Vec<Claim> {
    let file = include_str!("../claims.toml");
    let mut claims = parse_claims("claims.toml", file).unwrap();
    claims.retain(|claim| claim.name == "component-starts-later-than-process");
    let claim = claims.first_mut().unwrap();
    (claim.subject, claim.versus, claim.factor) = (name("w"), name("other"), 1.0);
    claims
}

#[test]
fn an_upgrade_says_what_moved_and_which_verdicts_flipped() {
    let folder = tempfile::tempdir().unwrap();
    run(&VERSIONS, 10).write(folder.path());
    let run = load(folder.path()).unwrap();
    let found = upgrade(&run, ("w", "2.0.0"), &claims(), None).unwrap();
    let names: Vec<_> = found.pairs.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    assert_eq!(names, [("w-2-0-0", "w")]);
    assert_eq!((found.changes.len(), found.moved().count()), (4, 4), "two workloads, two states");
    assert!(found.moved().all(|one| (one.comparison.ratio.unwrap() - 0.667).abs() < 0.04));
    let verdicts = &found.verdicts[0];
    assert!(verdicts.is_flipped() && found.contradicts());
    assert_eq!(verdicts.old.verdict, Verdict::Holds);
    assert_eq!(verdicts.new.verdict, Verdict::Contradicted);
    let page = render::upgrade::render(&found);
    assert!(page.contains("4 of 4 quantities moved"), "{page}");
    assert!(page.contains("1 of 1 verdicts flipped"), "{page}");
    assert!(
        page.contains("holds with the pinned version, contradicted with the new one"),
        "{page}"
    );
    let error = upgrade(&run, ("w", "3.0.0"), &claims(), None).unwrap_err().to_string();
    assert!(error.contains("no subject that w 3.0.0 runs"), "{error}");
}

#[test]
fn an_upgrade_that_moves_nothing_says_so_and_names_what_did_not_run() {
    let mut roles = VERSIONS;
    roles[1].3 = 12.0;
    let folder = tempfile::tempdir().unwrap();
    let mut fixture = run(&roles, 10);
    let entry = fixture.manifest.subjects.get_mut(&name("w-2-0-0")).unwrap();
    entry.availability = Availability::Installed { version: "w 2.0.0".to_owned() };
    fixture.write(folder.path());
    let run = load(folder.path()).unwrap();
    let found = upgrade(&run, ("w", "2.0.0"), &[], None).unwrap();
    assert_eq!(found.moved().count(), 0);
    let page = render::upgrade::render(&found);
    assert!(page.contains("nothing: no quantity differs beyond the floor"), "{page}");
    assert!(page.contains("no claim is about a subject that it runs"), "{page}");
    let gone = upgrade(&run, ("w", "9.0.0"), &[], None).unwrap();
    assert!(render::upgrade::render(&gone).contains("\nNot measured\n  gone: "));
}

//! Which releases are meant, which questions are asked of them, and what an upgrade changes.

#![allow(
    clippy::unwrap_used,
    reason = "clippy's own exception reaches only functions marked #[test]"
)]

use std::collections::BTreeMap;
use std::path::Path;
use weighbridge_project::claims;
use weighbridge_project::project::Project;
use weighbridge_project::questions::Questions;
use weighbridge_releases::bisect::{Found, bisect, steps_most};
use weighbridge_releases::metric::Metric;
use weighbridge_releases::pin;
use weighbridge_releases::question::{Question, Variant, definition, program_of, with_twins};
use weighbridge_releases::upgrade::{self, Target, pin_page};
use weighbridge_releases::version::{Choice, Span, Version, choose, needs_index, releases};
use weighbridge_schema::claim::Claim;
use weighbridge_schema::definition::{Definition, Profile};
use weighbridge_schema::name::SubjectName;
use weighbridge_schema::program::Installed;
use weighbridge_schema::subject::{SubjectsFile, parse_subjects_file};
use weighbridge_schema::workload::parse_workloads;

/// As a registry lists them: newest first, with what is no release.
const LISTED: &str =
    "49.0.4 49.0.3.post1 49.0.0 48.0.10 48.0.9 48.1.0 47.0.3 47.0.0rc1 42.0.1 36.0.9";

fn known() -> Vec<Version> {
    releases(&LISTED.split(' ').map(str::to_owned).collect::<Vec<_>>())
}

fn words(versions: &[Version]) -> String {
    versions.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

fn chosen(text: &str) -> Result<String, String> {
    let choices: Result<Vec<Choice>, _> = text.split(',').map(str::parse).collect();
    let choices = choices.map_err(|error| error.to_string())?;
    choose(&choices, &known()).map(|found| words(&found)).map_err(|error| error.to_string())
}

fn project(state: &Path) -> Project {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    Project {
        target: root.join("target"),
        build: root.join("target"),
        root,
        state: state.to_owned(),
        assume_yes: false,
    }
}

fn subject() -> SubjectName {
    "wasmtime-serve".parse().unwrap()
}

#[test]
fn a_range_is_the_newest_patch_of_each_by_its_numbers_and_not_its_letters() {
    assert_eq!(words(&known()), "36.0.9 42.0.1 47.0.3 48.0.9 48.0.10 48.1.0 49.0.0 49.0.4");
    assert_eq!(chosen("42..49").unwrap(), "42.0.1 47.0.3 48.1.0 49.0.4");
    assert_eq!(chosen("48.0..48.1").unwrap(), "48.0.10 48.1.0");
    assert_eq!(chosen("48.0.9..49.0.0").unwrap(), "48.0.9 48.0.10 48.1.0 49.0.0");
    assert_eq!(chosen("49,47.0.3,49.0.4").unwrap(), "47.0.3 49.0.4", "sorted, each once");
}

#[test]
fn what_is_no_range_and_what_nobody_released_is_refused_with_the_way_on() {
    for (text, expected) in [
        ("42..50", "no release 50; there are: 36, 42, 47, 48, 49"),
        ("7..49", "no release 7; "),
        ("49..42", "the older version comes first"),
        ("42..49.0", "both ends have the same number of parts"),
        ("42..x", "`x` is no version"),
        ("49.0.3.post1,48", "`49.0.3.post1` is no version"),
        ("048,49", "`048` is no version"),
        ("48", "48.1.0 alone has no history"),
        ("48.0.7,49", "no release 48.0.7; did you mean `48.0."),
    ] {
        let error = chosen(text).unwrap_err();
        assert!(error.contains(expected), "{text}: {error}");
    }
}

#[test]
fn a_registry_is_asked_only_where_a_version_is_not_named_in_full() {
    let needs = |text: &str| {
        let choices: Vec<Choice> = text.split(',').map(|one| one.parse().unwrap()).collect();
        needs_index(&choices)
    };
    assert!(needs("42..49") && needs("48.0.2,49"));
    assert!(!needs("48.0.2,49.0.4"));
    let named = ["48.0.2".parse().unwrap(), "47.0.3".parse().unwrap()];
    assert_eq!(words(&choose(&named, &[]).unwrap()), "47.0.3 48.0.2");
}

#[test]
fn the_first_release_that_moved_is_found_in_few_runs() {
    let all: Vec<Version> = (0..22).map(|n| format!("1.{n}").parse().unwrap()).collect();
    for first in 1..22 {
        let mut runs = 0;
        let found = bisect(&all, |oldest, release| {
            runs += 1;
            assert_eq!(oldest, &all[0], "every release is measured beside the oldest");
            Ok(*release >= all[first])
        });
        let (like, moved) = (all[first - 1].clone(), all[first].clone());
        assert_eq!(found.unwrap(), Found::First { like, moved });
        assert!(runs <= steps_most(all.len()), "{runs} runs");
    }
    assert_eq!(steps_most(22), 6);
    assert_eq!(bisect(&all, |_, _| Ok(false)).unwrap(), Found::Nothing);
    assert!(bisect(&all, |_, _| anyhow::bail!("no engine")).is_err());
    let span: Span = "48..49".parse().unwrap();
    assert_eq!(words(&span.every(&known()).unwrap()), "48.0.9 48.0.10 48.1.0 49.0.0 49.0.4");
}

#[test]
fn a_cell_is_named_as_in_numbers_tex_and_a_typo_gets_the_nearest_name() {
    let questions = Questions::read(&project(Path::new("unused"))).unwrap();
    let read = |text: &str| -> Result<Metric, String> {
        let metric: Metric = text.parse().map_err(|error: anyhow::Error| error.to_string())?;
        metric.experiment(&questions).map_err(|error| error.to_string())?;
        Ok(metric)
    };
    let whole = read("cold-start/healthz/page-cache=dropped/time_to_first_response").unwrap();
    assert!(whole.parameter.is_some() && whole.quantity.is_some());
    let short = read("cold-start/healthz").unwrap();
    assert_eq!((short.parameter, short.quantity), (None, None));
    assert_eq!(read("artifact-size/-").unwrap().workload, None);
    for (text, expected) in [
        ("cold-start", "expected EXPERIMENT/WORKLOAD"),
        ("cold-strat/healthz", "no experiment `cold-strat`; did you mean `cold-start`?"),
        ("cold-start/helthz", "no workload `helthz`; did you mean `healthz`?"),
        ("cold-start/-", "cold-start has the workloads healthz"),
        ("cold-start/healthz/warm", "`warm` is not a parameter"),
        ("cold-start/healthz/-/time_to_first_respons", "did you mean `time_to_first_response`?"),
        ("json-api/order", "no experiment `json-api`"),
    ] {
        let error = read(text).unwrap_err();
        assert!(error.contains(expected), "{text}: {error}");
    }
    let program = program_of(&questions.file, &subject()).unwrap();
    assert_eq!(program.as_str(), "wasmtime");
    let ours = program_of(&questions.file, &"native".parse().unwrap()).unwrap_err();
    assert!(ours.to_string().contains("no release of another program runs it"), "{ours}");
}

/// What was written, read by the schema.
fn read(folder: &Path, name: &str) -> (SubjectsFile, Definition) {
    let text = |file: &str| std::fs::read_to_string(folder.join(file)).unwrap();
    let file = parse_subjects_file("subjects.toml", &text("subjects.toml")).unwrap();
    let workloads = parse_workloads("workloads.toml", &text("workloads.toml")).unwrap();
    let definition = text(&format!("definitions/{name}.toml"));
    let read =
        Definition::parse(name, name.parse().unwrap(), &definition, &file.subjects, &workloads);
    (file, read.unwrap())
}

#[test]
fn the_question_that_is_written_asks_the_same_of_each_release_and_nothing_else() {
    let state = tempfile::tempdir().unwrap();
    let project = project(state.path());
    let questions = Questions::read(&project).unwrap();
    let metric: Metric = "cold-start/healthz".parse().unwrap();
    let experiment = metric.experiment(&questions).unwrap();
    let variant =
        |version: &&str| Variant::new(&subject(), &"wasmtime".parse().unwrap(), version).unwrap();
    let variants: Vec<Variant> =
        ["42.0.1", "43.0.1", "47.0.3", "48.0.2", "49.0.4"].iter().map(variant).collect();
    let question = Question {
        name: "history",
        variants: &variants,
        twins_of: &with_twins(&variants),
        definitions: vec![(
            "cold-start".to_owned(),
            definition(experiment, Some("healthz"), &variants).unwrap(),
        )],
    };
    // Twice: an earlier question of that name is replaced.
    question.write(&project).unwrap();
    let folder = question.write(&project).unwrap();
    assert!(folder.starts_with(state.path()));
    let (file, read) = read(&folder, "cold-start");
    let names: Vec<String> = read.subjects.iter().map(ToString::to_string).collect();
    let of = |version: &str| format!("wasmtime-serve-{version}");
    assert_eq!(
        names[..5],
        [of("42-0-1"), of("43-0-1"), of("47-0-3"), of("48-0-2"), of("49-0-4")],
        "in the order of the releases, and no other variant"
    );
    assert_eq!(
        names[5..],
        [of("42-0-1-twin"), of("47-0-3-twin"), of("49-0-4-twin")],
        "the noise of the method is measured beside them"
    );
    assert_eq!(read.baseline.as_str(), "wasmtime-serve-42-0-1");
    assert_eq!(read.workloads, ["healthz".parse().unwrap()]);
    assert_eq!(read.method, experiment.definition.method);
    assert_eq!(read.precision_percent, experiment.definition.precision_percent);
    let newest = &file.subjects[&variants[4].name];
    assert_eq!(
        newest.programs(),
        [("wasmtime".parse().unwrap(), Some("49.0.4".to_owned()))],
        "start, preparation and version command are those of the release"
    );
    assert!(folder.join("corpus").is_dir() && folder.join("../service").is_dir());
}

/// A state of the checkout that can be written to.
fn copy(folder: &Path) -> Project {
    let original = project(folder);
    std::fs::create_dir_all(folder.join("experiments")).unwrap();
    std::fs::copy(original.path(pin::FILE), folder.join(pin::FILE)).unwrap();
    Project { root: folder.to_owned(), ..original }
}

#[test]
fn the_pin_is_changed_with_its_digest_and_only_when_that_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let project = copy(folder.path());
    let text = || std::fs::read_to_string(project.path(pin::FILE)).unwrap();
    let old = text();
    let target: Target = "wasmtime=49.0.4".parse().unwrap();
    let installed = Installed {
        command: Vec::new(),
        program: String::new(),
        libraries: Vec::new(),
        provider: "pypi".to_owned(),
        detail: BTreeMap::from([("sha256 of the wheel".to_owned(), "ab".repeat(32))]),
    };
    let program = "wasmtime".parse().unwrap();
    let page = pin_page(&project, &program, &target, Some(&installed), false).unwrap();
    assert_eq!(text(), old, "nothing changes without --write");
    let changed: Vec<&str> = (page.lines())
        .filter(|line| line.starts_with(['+', '-']) && !line.starts_with("+++"))
        .filter(|line| !line.starts_with("---"))
        .collect();
    assert_eq!(
        changed,
        [
            "-version = \"48.0.2\"",
            "+version = \"49.0.4\"",
            &format!("+\"49.0.4\" = [\"{}\"]", "ab".repeat(32)),
        ],
        "{page}"
    );
    assert!(page.contains("--- a/experiments/subjects.toml\n+++ b/experiments/subjects.toml\n"));
    assert!(page.contains("nothing was changed"), "{page}");

    let page = pin_page(&project, &program, &target, Some(&installed), true).unwrap();
    assert!(page.contains("written into experiments/subjects.toml"), "{page}");
    let read = parse_subjects_file(pin::FILE, &text()).unwrap();
    assert_eq!(read.programs[&program].version, "49.0.4");
    let again = pin_page(&project, &program, &target, Some(&installed), false).unwrap();
    assert!(!again.contains("+++"), "{again}");
}

#[test]
fn a_pin_that_comes_from_no_wheel_is_its_version_alone() {
    let old = "[programs.w]\nversion = \"1.0\" # why\nlicence = \"MIT\"\nsources = []\n";
    let new = pin::pinned(old, &"w".parse().unwrap(), "1.1", None).unwrap();
    assert_eq!(new, old.replace("1.0", "1.1"), "the comment stays");
    assert_eq!(pin::diff(old, old), "");
    let error = pin::pinned(old, &"v".parse().unwrap(), "1.1", None).unwrap_err();
    assert!(error.to_string().contains("no [programs.v]"), "{error}");
}

#[test]
fn a_program_that_cannot_be_upgraded_says_why() {
    let questions = Questions::read(&project(Path::new("unused"))).unwrap();
    for (text, expected) in [
        ("wasmtme=49.0.4", "no program `wasmtme`; did you mean `wasmtime`?"),
        ("wasmtime=48.0.2", "wasmtime is pinned to 48.0.2 already"),
        ("wasmedge=0.15.0", "no registry of wasmedge keeps other versions"),
        ("wasmtime", "expected PROGRAM=VERSION"),
        ("wasmtime=v49", "a version begins with a digit"),
    ] {
        let refused = match text.parse::<Target>() {
            Ok(target) => upgrade::program_of(&questions, &target).unwrap_err(),
            Err(error) => error,
        };
        assert!(refused.to_string().contains(expected), "{text}: {refused}");
    }
}

#[test]
fn an_upgrade_measures_what_depends_on_the_program_beside_what_claims_compare_it_with() {
    let state = tempfile::tempdir().unwrap();
    let project = project(state.path());
    let questions = Questions::read(&project).unwrap();
    let target: Target = "wasmtime=49.0.4".parse().unwrap();
    let (name, _) = upgrade::program_of(&questions, &target).unwrap();
    // A claim that is there, about a subject of the program.
    let mut claim: Claim = claims::read(&project).unwrap().remove(0);
    claim.versus = subject();
    let plan = |experiments: &[&str]| {
        let experiments: Vec<String> = experiments.iter().map(|&one| one.to_owned()).collect();
        upgrade::plan(&questions, std::slice::from_ref(&claim), &name, &target, &experiments)
    };
    let cold = plan(&["cold-start"]).unwrap();
    let originals: Vec<&str> = cold.originals.iter().map(SubjectName::as_str).collect();
    assert_eq!(originals, ["wasmtime-serve", "wasmtime-serve-jit"], "and no variant of them");
    let subjects: Vec<&str> = cold.subjects.iter().map(String::as_str).collect();
    for name in ["docker-scratch", "wasmtime-serve-49-0-4", "wasmtime-serve-jit-twin"] {
        assert!(subjects.contains(&name), "{name}: {subjects:?}");
    }
    assert!(!subjects.contains(&"native"), "{subjects:?}");
    let folder = upgrade::question(&questions, &cold).unwrap().write(&project).unwrap();
    let (_, definition) = read(&folder, "cold-start");
    let has = |name: &str| definition.subjects.iter().any(|one| one.as_str() == name);
    assert!(has("wasmtime-serve-49-0-4") && has("wasmtime-serve-twin"));

    let all = plan(&[]).unwrap();
    assert!(all.experiments.len() > 3, "{:?}", all.experiments);
    let folder = upgrade::question(&questions, &all).unwrap().write(&project).unwrap();
    for experiment in &all.experiments {
        let (_, definition) = read(&folder, experiment);
        let arms = |subject: &str| -> Vec<_> {
            let trials = definition
                .trials(Profile::Paper, "x86_64", 0..1)
                .into_iter()
                .map(|trial| trial.cell);
            let own = trials.filter(|cell| cell.subject.as_str() == subject);
            own.map(|cell| (cell.workload, cell.parameter)).collect()
        };
        let of_both = ["wasmtime-serve", "wasmtime-serve-49-0-4"].map(arms);
        assert_eq!(of_both[0], of_both[1], "{experiment}: both versions are asked for the same");
    }
    let size = plan(&["artifact-size"]).unwrap();
    assert!(size.subjects.iter().all(|name| !name.ends_with("-twin")), "{:?}", size.subjects);
    let error = plan(&["cold-strat"]).unwrap_err().to_string();
    assert!(error.contains("did you mean `cold-start`?"), "{error}");
    let error = plan(&["guest-languages"]).unwrap_err().to_string();
    assert!(error.contains("visits no subject that wasmtime runs"), "{error}");
}
